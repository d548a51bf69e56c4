"""Where requests go that name a model in their body: to the service of that model, which is chosen when all of the body is here.

    dispatch ─▶ ModelChoice.choose ─┬─ the path asks for no model ──▶ what the route leads to besides, or 404
                                    ├─ the path asks for the list ──▶ a reply
                                    ├─ the body is here ─────────────┐
                                    └─ it is not: _Coming, held ─────┴─▶ read, target, renamed ──▶ on_admitted

So the gate, the filters that see bodies, the cache and the mirror of a route come behind the choice, as they do where a route names its
service.  What is held counts for ``limits.body_memory`` and is at most the route's ``max_body``; it has to arrive as fast as any body.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import orjson

from fastgw.core.exchange import arriving, tries
from fastgw.core.exchange.mending import DIGESTS
from fastgw.core.models.asked import NOTE, NOTE_MODEL, AskedModel
from fastgw.core.models.body import ModelBody, hold_parts
from fastgw.core.models.listing import ModelList
from fastgw.core.models.rights import NOTE_RIGHTS, ModelRights, not_found, rights_of
from fastgw.core.net.connection import HOLD_PENDING
from fastgw.errors import RETRY_ALWAYS, DownstreamError, GatewayError, InternalError
from fastgw.routing.by_model import DEFAULT, STAR, ByModel
from fastgw.routing.split import Split
from fastgw.wire.inference import KEYS, OPERATIONS, operation_of
from fastgw.wire.lines import has_any

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.models.placing import Prompts
    from fastgw.core.snapshot.roles import Destination
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.wire.inference import Operation

_OPERATIONS: Final = OPERATIONS
_PART: Final = 16 * 1024  #: bytes of a piece of a body that is kept by itself
_RARE: Final = (b"content-encoding", *DIGESTS)  #: fields that few requests have, and that matter here


class ModelPart:
    """One place that a model is at."""

    __slots__ = ("destination", "is_pattern", "sent_as", "weight", "written")

    def __init__(self, destination: Destination, weight: int, sent_as: str) -> None:
        """``sent_as``: the name it has there, in which ``*`` is what that of the entry stands for; empty: as the client has it."""
        self.destination = destination
        self.weight = weight
        self.sent_as = sent_as
        self.is_pattern = STAR in sent_as
        self.written = orjson.dumps(sent_as)  #: as JSON

    def name_for(self, name: str, rest: str) -> str:
        """The name that is sent where the client has ``name``, and the ``*`` of the entry stands for ``rest``."""
        if not self.sent_as:
            return name
        return self.sent_as.replace(STAR, rest) if self.is_pattern else self.sent_as


class ModelTarget:
    """What one entry of ``models`` leads to."""

    __slots__ = ("means", "name", "parts", "split")

    def __init__(self, name: str, parts: Sequence[ModelPart], means: str = "") -> None:
        """``name``: the name of the model, or a pattern; ``parts``: at least one, of which one has a weight above 0; ``means``: the model
        that it is another name of; empty: of none."""
        self.name = name
        self.means = means
        self.parts = tuple(parts)
        self.split = Split([(one, one.weight) for one in parts]) if len(parts) > 1 else None

    def part(self, exchange: Exchange) -> ModelPart:
        """Where ``exchange`` goes: by chance, if there are several."""
        return self.parts[0] if self.split is None else self.split.choose(exchange.plane.random())


class ModelChoice:
    """What stands where a route that leads to models would name a service."""

    __slots__ = ("_exact", "_keys", "_list", "_prompts", "_rest", "_targets", "name", "services")

    #: It looks at bodies, so they are handed over as data alone.
    reads_bodies = True
    #: Nothing comes past it that a ``ModelRights`` among the notes does not allow.
    heeds_rights = True

    def __init__(
        self,
        name: str,
        targets: Mapping[str, ModelTarget],
        rest: Destination | None = None,
        prompts: Prompts | None = None,
        told: Callable[[], tuple[str, ...]] | None = None,
    ) -> None:
        """
        Args:
            name: of the route.
            targets: by the name of the model, or a pattern for it.
            rest: for requests that ask for no model; None: they are 404.
            prompts: what reads them, as some of the services choose an endpoint by that; None: nobody has to.
            told: see ``ModelList``.
        """
        self.name = name
        self._targets = ByModel(targets)
        self._exact = {
            name: one for name, one in targets.items() if STAR not in name
        }  #: those of it that are no patterns
        self._list = ModelList(told)
        self._rest = rest
        self._prompts = prompts
        self._keys = KEYS if prompts is None else prompts.keys
        found = [*(part.destination for one in targets.values() for part in one.parts), *([rest] if rest else [])]
        self.services: tuple[Service, ...] = tuple(dict.fromkeys(two for one in found for two in one.services))

    def choose(self, exchange: Exchange) -> Service | None:
        """See ``Destination``; None: the body is not here yet, or the exchange has its answer."""
        request, body = exchange.request, exchange.body
        path = request.routed_path or request.original_path or request.path  # its ``matched_path``, without a detour
        operation = _OPERATIONS.get(path) or operation_of(path)
        if request.method != b"POST" or operation is None or operation.lists:
            if operation is not None and operation.lists and request.method in (b"GET", b"HEAD"):
                self._list.answer(exchange, self._targets)
                return None
            return self._other(exchange)
        is_rare = has_any(request.head, _RARE)
        coding = request.header(b"content-encoding") if is_rare else None
        if coding is not None and coding.lower() != b"identity":
            detail = f"a body that names a model cannot be read with the content-encoding {coding.decode('latin-1')!r}"
            exchange.fail(DownstreamError(415, "body_type_refused", detail))
            return None
        read = ModelBody(request, self._keys)
        if not body.is_done:
            _Coming(self, exchange, operation, read).begin()
            return None
        try:
            parts = body.pending
            if len(parts) != 1:
                parts = [b"".join(parts)]
            read.read(parts[0])
            return self._chosen(exchange, operation, read, parts, is_rare)
        except GatewayError as error:
            exchange.fail(error)
            return None

    def go_on(self, exchange: Exchange, operation: Operation, read: ModelBody, parts: list[bytes]) -> None:
        """The body of ``exchange``, which had to be waited for, is these ``parts``."""
        arriving.stop(exchange)
        exchange.inward = None
        if len(parts) != 1 and (read.is_form or self._prompts is not None or not parts):
            parts = [b"".join(parts)]  # who looks for something in it wants it whole
        try:
            read.finish(parts[0])
            service = self._chosen(exchange, operation, read, parts, True)
        except GatewayError as error:
            exchange.fail(error)
            return
        if exchange.route.cache is not None:
            service = exchange.route.cache.choose(exchange, service)
        exchange.service = service
        if service.gate is None or tries.enters(exchange):
            exchange.on_admitted()

    def _other(self, exchange: Exchange) -> Service | None:
        if self._rest is None or rights_of(exchange) is not None:
            # Who may use some models only gets nothing else: whatever this path is to the service, nobody here knows which model it runs.
            path = exchange.request.matched_path.decode("utf-8", "replace")
            detail = f"{path} asks for no model by {exchange.request.method.decode('latin-1')}, and leads nowhere here"
            exchange.fail(DownstreamError(404, "no_route", detail))
            return None
        return self._rest.choose(exchange)  # type: ignore[no-any-return]

    def _chosen(
        self, exchange: Exchange, operation: Operation, read: ModelBody, parts: list[bytes], has_digests: bool
    ) -> Service:
        """The service for the body in ``parts``, which are held from now on as they go there; ``has_digests``: see ``hold_parts``.

        Raises:
            DownstreamError: there is none.
        """
        notes = exchange.notes
        target, rest = self._target(read.name, None if notes is None else notes.get(NOTE_RIGHTS))
        part = target.part(exchange)
        name = read.name or ""
        sent_as = part.name_for(name, rest)
        if self._prompts is not None and read.skim is not None:
            self._prompts.note(exchange, operation, read.skim, parts[0], name or target.name)
        if sent_as != name:
            parts = read.renamed_parts(parts, sent_as, b"" if part.is_pattern else part.written)
        hold_parts(exchange, parts, has_digests)
        exchange.note(NOTE, AskedModel(operation, name, target.means or target.name, sent_as, read.skim))
        exchange.note(NOTE_MODEL, name)
        return part.destination.choose(exchange)  # type: ignore[no-any-return]

    def _target(self, name: str | None, rights: ModelRights | None) -> tuple[ModelTarget, str]:
        if not name:
            default = self._targets.default
            if default is None or (rights is not None and not rights.may(DEFAULT, default.means)):
                raise DownstreamError(400, "model_missing", "the request names no model, and there is none for such")
            return default, ""
        target = self._exact.get(name)
        found = (target, "") if target is not None else self._targets.find(name)
        if found is None or (rights is not None and not rights.may(name, found[0].means)):
            raise not_found(name, self._targets, rights)
        return found


class _Coming:
    """A body that is still coming: a ``Passing`` of which nothing goes on before all of it is here."""

    __slots__ = ("_choice", "_exchange", "_operation", "_parts", "_read", "_small", "held", "is_whole")

    def __init__(self, choice: ModelChoice, exchange: Exchange, operation: Operation, read: ModelBody) -> None:
        self._choice = choice
        self._exchange = exchange
        self._operation = operation
        self._read = read
        self._parts: list[bytes] = []
        self._small = bytearray()  # what came in pieces too small to be parts: a client may send it byte by byte
        self.held = 0
        self.is_whole = True

    def begin(self) -> None:
        """Take what has come, and wait for the rest."""
        exchange = self._exchange
        exchange.plane.body_bytes -= exchange.body.held
        exchange.inward = self
        self.feed(exchange.body.take(), False)
        if exchange.inward is self:  # else it was refused
            if exchange.client.is_held:
                exchange.client.release(HOLD_PENDING)
            arriving.wait(exchange)

    def feed(self, data: bytes, is_last: bool) -> bytes | None:
        """See ``Passing``."""
        exchange = self._exchange
        try:
            self._read.feed(data)
        except GatewayError as error:
            exchange.fail(error)
            return None
        self._add(data)
        self.held += len(data)
        exchange.plane.body_bytes += len(data)
        if is_last:
            exchange.plane.body_bytes -= self.held
            self.held = 0
            self._end_part()
            self._choice.go_on(exchange, self._operation, self._read, self._parts)
        elif exchange.plane.body_bytes >= exchange.listener.body_memory:
            detail = "the gateway has no room for more bodies"
            exchange.fail(InternalError(503, "no_resources", detail, retry=RETRY_ALWAYS))
        return None

    def _add(self, data: bytes) -> None:
        """Keep ``data`` as it is, if it is large: nothing of it is copied then until it is sent."""
        if len(data) >= _PART:
            self._end_part()
            self._parts.append(data)
            return
        self._small += data
        if len(self._small) >= _PART:
            self._end_part()

    def _end_part(self) -> None:
        if self._small:
            self._parts.append(bytes(self._small))
            self._small.clear()

    def feed_answer(self, data: bytes, is_last: bool) -> bytes | None:
        """See ``Passing``: of a request there is none."""
        raise NotImplementedError

    def break_off(self, error: GatewayError) -> bytes | None:
        """See ``Passing``: the same."""
        raise NotImplementedError

    def leave(self) -> None:
        """See ``Passing``."""
        self._exchange.plane.body_bytes -= self.held
        self.held = 0
