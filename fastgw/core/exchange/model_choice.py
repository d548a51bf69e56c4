"""Where requests go that name a model in their body: to the service of that model, which is chosen when all of the body is here.

    dispatch ─▶ ModelChoice.choose ─┬─ the path asks for no model ──▶ what the route leads to besides, or 404
                                    ├─ the path asks for the list ──▶ a reply
                                    ├─ the body is here ─────────────┐
                                    └─ it is not: _Coming, held ─────┴─▶ read, target, renamed ──▶ on_admitted

So the gate, the filters that see bodies, the cache and the mirror of a route come behind the choice, as they do where a route names its
service.  What is held counts for ``limits.body_memory`` and is at most the route's ``max_body``; it has to arrive as fast as any body.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from fastgw.core.exchange import arriving, tries
from fastgw.core.exchange.asked_model import NOTE, NOTE_MODEL, AskedModel
from fastgw.core.exchange.model_body import ModelBody, hold
from fastgw.core.exchange.model_list import ModelList, not_found
from fastgw.core.net.connection import HOLD_PENDING
from fastgw.errors import RETRY_ALWAYS, DownstreamError, GatewayError, InternalError
from fastgw.routing.by_model import STAR, ByModel
from fastgw.routing.split import Split
from fastgw.wire.inference import operation_of

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.snapshot.roles import Destination
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.wire.inference import Operation


class ModelPart(NamedTuple):
    """One place that a model is at."""

    destination: Destination
    weight: int
    sent_as: (
        str  #: the name it has there, in which ``*`` is what that of the entry stands for; empty: as the client has it
    )


class ModelTarget:
    """What one entry of ``models`` leads to."""

    __slots__ = ("name", "parts", "split")

    def __init__(self, name: str, parts: Sequence[ModelPart]) -> None:
        """``name``: the name of the model, or a pattern; ``parts``: at least one, of which one has a weight above 0."""
        self.name = name
        self.parts = tuple(parts)
        self.split = Split([(one, one.weight) for one in parts]) if len(parts) > 1 else None

    def part(self, exchange: Exchange) -> ModelPart:
        """Where ``exchange`` goes: by chance, if there are several."""
        return self.parts[0] if self.split is None else self.split.choose(exchange.plane.random())


class ModelChoice:
    """What stands where a route that leads to models would name a service."""

    __slots__ = ("_list", "_rest", "_targets", "name", "services")

    #: It looks at bodies, so they are handed over as data alone.
    reads_bodies = True

    def __init__(self, name: str, targets: Mapping[str, ModelTarget], rest: Destination | None = None) -> None:
        """
        Args:
            name: of the route.
            targets: by the name of the model, or a pattern for it.
            rest: for requests that ask for no model; None: they are 404.
        """
        self.name = name
        self._targets = ByModel(targets)
        self._list = ModelList()
        self._rest = rest
        found = [*(part.destination for one in targets.values() for part in one.parts), *([rest] if rest else [])]
        self.services: tuple[Service, ...] = tuple(dict.fromkeys(two for one in found for two in one.services))

    def choose(self, exchange: Exchange) -> Service | None:
        """See ``Destination``; None: the body is not here yet, or the exchange has its answer."""
        request, body = exchange.request, exchange.body
        operation = operation_of(request.matched_path)
        if operation is not None and operation.lists and request.method in (b"GET", b"HEAD"):
            self._list.answer(exchange, self._targets)
            return None
        if operation is None or operation.lists or request.method != b"POST":
            return self._other(exchange)
        coding = request.header(b"content-encoding")
        if coding is not None and coding.lower() != b"identity":
            detail = f"a body that names a model cannot be read with the content-encoding {coding.decode('latin-1')!r}"
            exchange.fail(DownstreamError(415, "body_type_refused", detail))
            return None
        read = ModelBody(request)
        if not body.is_done:
            _Coming(self, exchange, operation, read).begin()
            return None
        data = b"".join(body.pending)
        try:
            read.feed(data)
            return self._chosen(exchange, operation, read, data)
        except GatewayError as error:
            exchange.fail(error)
            return None

    def go_on(self, exchange: Exchange, operation: Operation, read: ModelBody, data: bytes) -> None:
        """The body of ``exchange``, which had to be waited for, is ``data``."""
        arriving.stop(exchange)
        exchange.inward = None
        try:
            service = self._chosen(exchange, operation, read, data)
        except GatewayError as error:
            exchange.fail(error)
            return
        if exchange.route.cache is not None:
            service = exchange.route.cache.choose(exchange, service)
        exchange.service = service
        if service.gate is None or tries.enters(exchange):
            exchange.on_admitted()

    def _other(self, exchange: Exchange) -> Service | None:
        if self._rest is None:
            path = exchange.request.matched_path.decode("utf-8", "replace")
            detail = f"{path} asks for no model by {exchange.request.method.decode('latin-1')}, and leads nowhere here"
            exchange.fail(DownstreamError(404, "no_route", detail))
            return None
        return self._rest.choose(exchange)  # type: ignore[no-any-return]

    def _chosen(self, exchange: Exchange, operation: Operation, read: ModelBody, data: bytes) -> Service:
        """The service for the body ``data``, which is held from now on as it goes there.

        Raises:
            DownstreamError: there is none.
        """
        read.finish(data)
        target, rest = self._target(read.name)
        part = target.part(exchange)
        sent_as = part.sent_as.replace(STAR, rest) if STAR in part.sent_as else part.sent_as
        name = read.name or ""
        if sent_as and sent_as != name:
            data = read.renamed(data, sent_as)
        hold(exchange, data)
        exchange.note(NOTE, AskedModel(operation, name, target.name, sent_as or name, read.found))
        exchange.note(NOTE_MODEL, name)
        return part.destination.choose(exchange)  # type: ignore[no-any-return]

    def _target(self, name: str | None) -> tuple[ModelTarget, str]:
        if not name:
            default = self._targets.default
            if default is None:
                raise DownstreamError(400, "model_missing", "the request names no model, and there is none for such")
            return default, ""
        found = self._targets.find(name)
        if found is None:
            raise not_found(name, self._targets.nearest(name))
        return found


class _Coming:
    """A body that is still coming: a ``Passing`` of which nothing goes on before all of it is here."""

    __slots__ = ("_choice", "_exchange", "_operation", "_pieces", "_read", "held", "is_whole")

    def __init__(self, choice: ModelChoice, exchange: Exchange, operation: Operation, read: ModelBody) -> None:
        self._choice = choice
        self._exchange = exchange
        self._operation = operation
        self._read = read
        self._pieces: list[bytes] = []
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
        self._pieces.append(data)
        self.held += len(data)
        exchange.plane.body_bytes += len(data)
        if is_last:
            exchange.plane.body_bytes -= self.held
            self.held = 0
            self._choice.go_on(exchange, self._operation, self._read, b"".join(self._pieces))
        elif exchange.plane.body_bytes >= exchange.listener.body_memory:
            detail = "the gateway has no room for more bodies"
            exchange.fail(InternalError(503, "no_resources", detail, retry=RETRY_ALWAYS))
        return None

    def feed_answer(self, data: bytes, is_last: bool) -> bytes | None:
        """See ``Passing``: of a request there is none."""
        raise NotImplementedError

    def leave(self) -> None:
        """See ``Passing``."""
        self._exchange.plane.body_bytes -= self.held
        self.held = 0
