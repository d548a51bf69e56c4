"""Answers of services on their way through ``dialects``: whole ones, streams, and errors become those of the client's dialect.

An answer that is broken is 502, as long as nothing of it has left; a stream that breaks later has an event that says so as its last, and no
end of the kind that good ones have.  So has one whose service says that it has failed; where that is the first it says, the client gets
it as an error with a status.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import TYPE_CHECKING, Final

import orjson

from fastgw.core.causes import excerpt
from fastgw.core.exchange.filter import BodyHook, GatheredHook
from fastgw.dialects import told
from fastgw.dialects.events import EventTranslator, ToldError, line, named, unnamed
from fastgw.dialects.fields import BrokenAnswerError
from fastgw.dialects.pairs import EVENTS, AskedInDialect
from fastgw.errors import UpstreamError
from fastgw.transformers.work_threads import WorkThreads
from fastgw.wire import sse
from fastgw.wire.inference import ANTHROPIC, OLLAMA
from fastgw.wire.media_types import is_json, media_type

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_JSON: Final = b"application/json"
_ERROR_MAX: Final = 64 << 10  #: bytes of an error that are read
_SEEN: Final = 512  #: bytes of an answer that is of no known type, for the log
_ANSWER_MAX: Final = 32 << 20  #: bytes of a whole answer
_INLINE: Final = 64 << 10  #: of these, on the loop
_UNBOUNDED: Final = 1 << 62
_DETAIL: Final = "the service's answer is not what its API says"


class DialectCall:
    """What is known of one request that may be translated: what the client has sent is kept where another service may stand in."""

    __slots__ = ("asked", "client", "kept", "path", "query", "service", "threads")

    def __init__(self, client: str, service: str, threads: WorkThreads) -> None:
        """``client``, ``service``: the dialects that they speak; the same: nothing is translated."""
        self.client = client
        self.service = service
        self.threads = threads
        self.asked: AskedInDialect | None = None  #: None: its body has not been translated
        self.kept: bytes | None = (
            None  #: the body that the client has sent, which the worker counts; None: it is not kept
        )
        self.query = b""  #: that the client has sent
        self.path = b""  #: the end of the path that was put in the place of the client's; empty: none was


def answer_hook(call: DialectCall, exchange: Exchange) -> BodyHook | None:
    """What makes the answer of ``exchange`` one of the client's dialect; None: it has nothing to be translated."""
    response, asked = exchange.response, call.asked
    if response.status >= 400 or asked is None:
        return ErrorAnswer(call, exchange)
    if response.status >= 300:
        return None
    kind = response.header(b"content-type")
    coding = response.header(b"content-encoding")
    if coding is None or coding.strip(b" \t").lower() == b"identity":
        if asked.is_stream and media_type(kind) == EVENTS:
            response.set_header(b"content-type", asked.kind)
            return TranslatedStream(call, exchange, asked.events())
        if not asked.is_stream and is_json(kind):
            return TranslatedAnswer(call, exchange, asked)
    return StrangeAnswer(exchange)


def unreadable(why: str) -> UpstreamError:
    """502 for an answer that is broken; ``why`` is for the operator."""
    return UpstreamError(502, "answer_unreadable", _DETAIL, reason=f"{_DETAIL}: {why}")


class TranslatedAnswer(GatheredHook):
    """An answer that is one document."""

    max_bytes = _ANSWER_MAX

    def __init__(self, call: DialectCall, exchange: Exchange, asked: AskedInDialect) -> None:
        self._call = call
        self._exchange = exchange
        self._asked = asked

    def whole(self, data: bytes) -> bytes | Awaitable[bytes]:
        return self._tell(self._made(data)) if len(data) <= _INLINE else self._later(data)

    async def _later(self, data: bytes) -> bytes:
        return self._tell(await self._call.threads.run(partial(self._made, data)))

    def _made(self, data: bytes) -> bytes | told.FailureTold:
        """The answer of the client, or what the service says of an error; in whatever thread."""
        try:
            document = orjson.loads(data)
            return told.read(document) or orjson.dumps(self._asked.whole(document))
        except orjson.JSONDecodeError as error:
            raise unreadable(f"it is no JSON: {error.msg.partition(':')[0]}, at character {error.pos + 1}") from None
        except BrokenAnswerError as error:
            raise unreadable(str(error)) from None

    def _tell(self, made: bytes | told.FailureTold) -> bytes:
        return made if isinstance(made, bytes) else tell(self._call, self._exchange, made.status, made)


class TranslatedStream(BodyHook):
    """An answer that comes in events; each goes on in the turn of the loop in which it came."""

    gather = 1

    def __init__(self, call: DialectCall, exchange: Exchange, events: EventTranslator) -> None:
        self._call = call
        self._exchange = exchange
        self._events = events
        self._reader = sse.EventReader(_UNBOUNDED)
        self._is_over = False  # its last has gone on
        self._is_broken = False  # that says that nobody understands the service

    def feed(self, data: bytes) -> bytes:
        if self._is_broken:
            raise unreadable("it goes on behind what was no event of its API")
        if self._is_over:
            return b""
        out: list[bytes] = []
        try:
            block = self._reader.feed(data)
            if block:
                self._read(block, self._reader.begin, out)
            if self._reader.held > sse.EVENT_MAX:
                raise BrokenAnswerError(f"an event has more than {sse.EVENT_MAX} bytes")
        except BrokenAnswerError as error:
            out.append(self._broken(error))
        except ToldError as error:
            self._failed(error.told, out)
        return b"".join(out)

    def finish(self) -> bytes:
        if self._is_over:
            return b""
        out: list[bytes] = []
        try:
            rest = self._reader.finish()
            if rest:  # some servers forget the empty line behind the last event
                self._read(rest + b"\n\n", 0, out)
            out.append(self._events.finish())
        except BrokenAnswerError as error:
            out.append(self._broken(error))
        except ToldError as error:
            self._failed(error.told, out)
        return b"".join(out)

    def _read(self, block: bytes, begin: int, out: list[bytes]) -> None:
        events = self._events
        has_any = False
        for one in sse.events(block, begin):
            has_any = True
            out.append(events.feed(one.data))
            if events.is_over:
                self._is_over = True
                return
        if not has_any:  # comments, which keep a connection alive
            out.append(events.quiet())

    def _broken(self, error: BrokenAnswerError) -> bytes:
        if not self._exchange.is_head_sent:
            raise unreadable(str(error)) from None
        self._is_broken = True
        return self._event(502, told.FailureTold(f"{_DETAIL}: {error}", code="answer_unreadable"))

    def _failed(self, failed: told.FailureTold, out: list[bytes]) -> None:
        """Tell it behind ``out``, or in its place where nothing has left."""
        if self._exchange.is_head_sent:
            out.append(self._event(failed.status, failed))
            return
        self._is_over = True
        out[:] = [tell(self._call, self._exchange, failed.status, failed)]

    def _event(self, status: int, failed: told.FailureTold) -> bytes:
        """The last event of a stream that has failed."""
        self._is_over = True
        client = self._call.client
        document = told.written(client, status, failed, _request_id(self._exchange))
        if client == ANTHROPIC:
            return named("error", document)
        return line(document) if client == OLLAMA else unnamed(document)


class ErrorAnswer(BodyHook):
    """An answer that says that something failed."""

    gather = _ERROR_MAX  # nothing goes on before its end

    def __init__(self, call: DialectCall, exchange: Exchange) -> None:
        self._call = call
        self._exchange = exchange
        self._data = bytearray()

    def feed(self, data: bytes) -> bytes:
        self._data += data[: _ERROR_MAX - len(self._data)]
        return b""

    def finish(self) -> bytes:
        response = self._exchange.response
        try:
            failed = told.read(orjson.loads(bytes(self._data)))
        except orjson.JSONDecodeError:
            failed = None
        if failed is None:
            failed = told.FailureTold(f"the service answered with status {response.status}")
        response.remove_header(b"content-encoding")
        return tell(self._call, self._exchange, response.status, failed)


class StrangeAnswer(BodyHook):
    """An answer of a type that its API does not have: the client is told so, the log how it begins."""

    gather = _SEEN * 2  # it never goes on

    def __init__(self, exchange: Exchange) -> None:
        self._kind = exchange.response.header(b"content-type")
        self._coding = exchange.response.header(b"content-encoding")
        self._start = b""

    def feed(self, data: bytes) -> bytes:
        self._start += data[: _SEEN - len(self._start)]
        if len(self._start) >= _SEEN:
            raise self._error()
        return b""

    def finish(self) -> bytes:
        raise self._error()

    def _error(self) -> UpstreamError:
        kind = media_type(self._kind).decode("latin-1") or "no Content-Type"
        coding = f", in the coding {self._coding.decode('latin-1')!r}" if self._coding is not None else ""
        begins = f"; it begins {excerpt(self._start)}" if self._start else ""
        return unreadable(f"it is {kind}{coding}{begins}")


def tell(call: DialectCall, exchange: Exchange, status: int, failed: told.FailureTold) -> bytes:
    """Have the answer, of which nothing has left, be that of an error that has ``status`` at the service; its body."""
    exchange.response.set_status(told.status_for(call.client, status))
    exchange.response.set_header(b"content-type", _JSON)
    return orjson.dumps(told.written(call.client, status, failed, _request_id(exchange)))


def _request_id(exchange: Exchange) -> str:
    found: bytes = exchange.request.request_id
    return found.decode("latin-1")
