"""Services that speak another dialect than their clients: what is asked of them is translated, and so are their answers.

    POST /v1/messages {"messages": ...}   ──▶  /v1/chat/completions, authorization in the place of x-api-key
    event: content_block_delta ...        ◀──  data: {"choices": ...}

A route that leads to a service with ``dialect`` has this behind all its other filters.  Which service it is may be known only when the
body is here, as the model is in it; so all is decided when the body goes on: path, fields and body become those of the service, its answer
(``dialect_answers``) that of the client.  Who speaks the dialect of the service, or asks for no model, passes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import Future
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.core.exchange.filter import BodyHook, GatheredHook
from fastgw.core.models.body import hold, rename
from fastgw.core.models.stand_in import AGAIN
from fastgw.core.settings import DialectSettings
from fastgw.dialects.fields import RequestMisfitError, UntranslatableError
from fastgw.dialects.pairs import AskedInDialect, Translation, translation
from fastgw.errors import DownstreamError
from fastgw.transformers.dialect_answers import DialectCall, answer_hook
from fastgw.transformers.media import refuse_unchangeable
from fastgw.transformers.work_threads import WorkThreads
from fastgw.wire.fields import find_field
from fastgw.wire.inference import ANTHROPIC, OPERATIONS, operation_of, operation_path

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.snapshot.snapshot import Service
    from fastgw.wire.messages import Request

NOTE: Final = "dialect_call"
BODY_MAX: Final = 32 << 20  #: bytes of a body
INLINE: Final = 64 << 10  #: bytes of one that is translated on the loop; a larger one is in a thread
QUEUE: Final = 32  #: bodies that wait for that
_VERSION: Final = b"2023-06-01"  #: of Anthropic's API: the later one knows no temperature, top_p and top_k
_BEARER: Final = b"bearer "
#: What says something of the client's own dialect alone.
_OF_ANTHROPIC: Final = (b"anthropic-version", b"anthropic-beta", b"anthropic-dangerous-direct-browser-access")
_OF_OPENAI: Final = (b"openai-organization", b"openai-project", b"openai-beta")
_NO_TRANSFORM: Final = b"no-transform"
#: Paths, with nothing in front of them, whose answers need no field of Anthropic's.
_NO_ID: Final = frozenset(path for path, one in OPERATIONS.items() if one.dialect != ANTHROPIC)


class Dialects:
    """The filter, of all routes that lead to the same services."""

    name = "dialects"
    sees_empty = True

    def __init__(
        self,
        services: Mapping[str, DialectSettings],
        wall: Callable[[], float] = time.time,
        submit: Callable[[Callable[[], Any]], Future[Any]] | None = None,
    ) -> None:
        """``services``: what they speak, by their names; ``wall``: seconds since 1970; ``submit``: see ``WorkThreads``."""
        self._services = dict(services)
        spoken = {one.name for one in services.values()}
        #: What is asked for in the usual case, in which nothing is translated: the dialect of the client is that of all services.
        #: Its exchanges, which are most, find that out by one look-up in each hook.
        self._alike = frozenset(path for path, one in OPERATIONS.items() if spoken == {one.dialect})
        self._wall = wall
        self.threads = WorkThreads(self.name, 1, QUEUE, submit)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """See ``WorkThreads``."""
        self.threads.start(loop)

    def stop(self) -> None:
        """See ``WorkThreads``."""
        self.threads.stop()

    # --- requests

    def request(self, exchange: Exchange) -> None:
        """Let nobody keep a body from being translated by saying so, where that may be needed.

        Raises:
            DownstreamError: 415 ``body_type_refused``: it is a part of one.
        """
        request = exchange.request
        if request.matched_path in self._alike:
            return
        operation = operation_of(request.matched_path)
        if operation is None or operation.lists or request.method != b"POST":
            return
        if any(one.name != operation.dialect for one in self._services.values()):
            if _NO_TRANSFORM in (request.header(b"cache-control") or b"").lower():
                request.remove_header(b"cache-control")
            if request.header(b"content-range") is not None:
                refuse_unchangeable(request)

    def transform_request(self, exchange: Exchange) -> BodyHook | None:
        """Its body becomes one of the service's dialect.

        Raises:
            DownstreamError: 404 ``operation_untranslatable``: the service has nothing like what is asked for; 415 ``body_type_refused``.
        """
        request, service = exchange.request, exchange.service
        if request.matched_path in self._alike and service.fallback is None:
            return None
        operation = operation_of(request.matched_path)
        if operation is None or operation.lists or request.method != b"POST":
            return None
        settings = self._services.get(service.name)
        keeps = service.fallback is not None and self._may_change(service)
        if settings is None or settings.name == operation.dialect:
            if keeps:
                exchange.note(AGAIN, self)
            return None
        refuse_unchangeable(request)
        meant = _meant(request, settings)
        call = DialectCall(operation.dialect, settings.name, self.threads)
        exchange.note(NOTE, call)
        if keeps:
            exchange.note(AGAIN, self)
        _redirect(request, call, meant.path)
        _edit_fields(request, settings.name)
        ask = partial(_asked, meant, settings, self._wall())
        return _TranslatedRequest(exchange, call, ask, keeps=keeps)

    def _may_change(self, service: Service) -> bool:
        """Whether one that speaks otherwise may stand in for ``service``."""
        spoken = self._spoken(service)
        return any(self._spoken(one) != spoken for one in service.fallback.services)

    def _spoken(self, service: Service) -> str:
        settings = self._services.get(service.name)
        return "" if settings is None else settings.name

    def translate_again(self, exchange: Exchange, service: Service, sent_as: str) -> None:
        """Have the request of ``exchange``, all of which is held, be one for ``service``, which stands in, and calls the model ``sent_as``.

        Raises:
            DownstreamError: as ``transform_request``, or it cannot be translated.
        """
        request, call = exchange.request, _call(exchange)
        if call is None:
            call = self._call_of(request)
        settings = self._services.get(service.name)
        spoken = call.client if settings is None else settings.name
        if spoken == call.service:
            rename(exchange, sent_as)
            return
        exchange.note(NOTE, call)
        if call.service == call.client:
            _keep(exchange, call, exchange.body.whole())
        assert call.kept is not None  # as somebody may stand in who speaks otherwise
        hold(exchange, call.kept)
        rename(exchange, sent_as)
        call.service, call.asked = spoken, None
        if spoken == call.client or settings is None:
            _restore(request, call)
        else:
            meant = _meant(request, settings)
            call.asked, out = _asked(meant, settings, self._wall(), exchange.body.whole())
            hold(exchange, out)
            _redirect(request, call, meant.path)
        _edit_fields(request, spoken, is_own=spoken == call.client)

    def _call_of(self, request: Request) -> DialectCall:
        """That of a request which goes to its service as it is."""
        operation = operation_of(request.matched_path)
        assert operation is not None  # or nobody would stand in for a model
        return DialectCall(operation.dialect, operation.dialect, self.threads)

    # --- answers

    def response(self, exchange: Exchange) -> None:
        """Give the answer the id that clients of its dialect look for, and let nothing keep it from being translated."""
        notes = exchange.notes
        if exchange.request.matched_path in _NO_ID and (notes is None or NOTE not in notes):
            return
        call = _call(exchange)
        response, request_id = exchange.response, exchange.request.request_id
        operation = operation_of(exchange.request.matched_path)  # translated or not
        is_of_anthropic = operation is not None and operation.dialect == ANTHROPIC
        if is_of_anthropic and request_id and response.header(b"request-id") is None:
            response.set_header(b"request-id", request_id)
        if call is None:
            return
        if exchange.replied is None and _NO_TRANSFORM in (response.header(b"cache-control") or b"").lower():
            response.set_header(b"cache-control", b"no-cache")

    def transform_response(self, exchange: Exchange) -> BodyHook | None:
        """Its body becomes one of the client's dialect."""
        notes = exchange.notes
        if notes is None or NOTE not in notes:
            return None
        call: DialectCall = notes[NOTE]
        return None if call.service == call.client else answer_hook(call, exchange)

    def done(self, exchange: Exchange) -> None:
        """Let go of what is kept."""
        notes = exchange.notes
        if notes is None or NOTE not in notes:
            return
        call: DialectCall = notes[NOTE]
        if call.kept is not None:
            exchange.plane.body_bytes -= len(call.kept)
            call.kept = None


class _TranslatedRequest(GatheredHook):
    """The body of a request."""

    max_bytes = BODY_MAX

    def __init__(
        self,
        exchange: Exchange,
        call: DialectCall,
        ask: Callable[[bytes], tuple[AskedInDialect, bytes]],
        *,
        keeps: bool,
    ) -> None:
        """``keeps``: it is kept as it came, too."""
        self._exchange = exchange
        self._call = call
        self._ask = ask
        self._keeps = keeps

    def whole(self, data: bytes) -> bytes | Awaitable[bytes]:
        if self._keeps:
            _keep(self._exchange, self._call, data)
        return self._tell(self._ask(data)) if len(data) <= INLINE else self._later(data)

    async def _later(self, data: bytes) -> bytes:
        return self._tell(await self._call.threads.run(partial(self._ask, data)))

    def _tell(self, made: tuple[AskedInDialect, bytes]) -> bytes:
        self._call.asked, out = made
        return out


def _keep(exchange: Exchange, call: DialectCall, data: bytes) -> None:
    """Keep what the client has sent, until ``done``."""
    if call.kept is None:
        call.kept = data
        exchange.plane.body_bytes += len(data)


def _asked(meant: Translation, settings: DialectSettings, now: float, data: bytes) -> tuple[AskedInDialect, bytes]:
    """The body ``data`` in the dialect of the service; in whatever thread.

    Raises:
        DownstreamError: 400 ``json_malformed``, ``request_misfit`` or ``untranslatable``.
    """
    try:
        asked = meant.ask(orjson.loads(data), settings, now)
        return asked, orjson.dumps(asked.document)
    except orjson.JSONDecodeError as error:
        why = f"{error.msg.partition(':')[0]}, at character {error.pos + 1}"
        raise DownstreamError(400, "json_malformed", f"the body is no JSON: {why}") from None
    except orjson.JSONEncodeError:
        detail = "the body has too many objects and lists inside each other"
        raise DownstreamError(400, "json_malformed", detail) from None
    except RequestMisfitError as error:
        raise DownstreamError(400, "request_misfit", str(error)) from None
    except UntranslatableError as error:
        raise DownstreamError(400, "untranslatable", str(error)) from None


def _call(exchange: Exchange) -> DialectCall | None:
    """None: nothing is translated here."""
    notes = exchange.notes
    return None if notes is None else notes.get(NOTE)


def _meant(request: Request, settings: DialectSettings) -> Translation:
    """What a service is asked for in the place of what ``request`` has asked for.

    Raises:
        DownstreamError: 404 ``operation_untranslatable``.
    """
    found = translation(settings.name, request.matched_path)
    if found is None:
        path = request.matched_path.decode("utf-8", "replace")
        detail = f"the service speaks the API of {settings.name}, which has nothing like {path}"
        raise DownstreamError(404, "operation_untranslatable", detail)
    return found


def _redirect(request: Request, call: DialectCall, path: bytes) -> None:
    """Ask for ``path`` in the place of the end of what is asked for; what a filter has made of that is where the service has it."""
    call.query, request.query = request.query, b""  # which is of the client's dialect
    end = call.path or operation_path(request.matched_path)
    if request.path.endswith(end):
        request.rewrite(request.path[: -len(end)] + path)
        call.path = path
    else:
        request.rewrite(request.path)


def _restore(request: Request, call: DialectCall) -> None:
    """Ask for what the client has asked for."""
    request.query = call.query
    kept = request.path[: len(request.path) - len(call.path)] if call.path else request.path
    request.rewrite(kept + operation_path(request.matched_path) if call.path else kept)
    call.path = b""


def _edit_fields(request: Request, dialect: str, *, is_own: bool = False) -> None:
    """Have the fields be those of a client of ``dialect``: a key in its place, and nothing of another.

    ``is_own``: that is what the client speaks, so it has what the client has sent of those that others do not know."""
    removed = [b"content-type", b"accept-encoding", b"authorization", b"x-api-key", *_OF_ANTHROPIC, *_OF_OPENAI]
    added = [(b"content-type", b"application/json"), (b"accept-encoding", b"identity")]
    bearer, key = request.header(b"authorization"), request.header(b"x-api-key")
    if is_own:
        sent = [(name, find_field(request.head, name)) for name in (*_OF_ANTHROPIC, *_OF_OPENAI)]
        added += [(name, value) for name, value in sent if value is not None]
    elif dialect == ANTHROPIC:
        added.append((b"anthropic-version", _VERSION))
    if dialect == ANTHROPIC:
        if key is None and bearer is not None and bearer[: len(_BEARER)].lower() == _BEARER:
            key, bearer = bearer[len(_BEARER) :].strip(), None
        if key is not None:
            added.append((b"x-api-key", key))
        elif bearer is not None:
            added.append((b"authorization", bearer))
    else:
        bearer = b"Bearer " + key if bearer is None and key is not None else bearer
        if bearer is not None:
            added.append((b"authorization", bearer))
    request.edit(removed, added)
