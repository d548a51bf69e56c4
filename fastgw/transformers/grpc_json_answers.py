"""Bodies of answers on their way through ``grpc/json-transcoder``: the messages of a call become JSON, and its status that of HTTP.

How a call went stands behind its body.  So the head of an answer waits for the first message, or for that: a call that fails at once has
a status of HTTP that says so, one that fails later tells it in its stream, or breaks it off.
"""

from __future__ import annotations

from collections.abc import Awaitable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import orjson
from google.protobuf.message import DecodeError

from fastgw.core.causes import excerpt
from fastgw.core.exchange.filter import BodyHook, GatheredHook
from fastgw.errors import UpstreamError
from fastgw.transcoding.bodies import BodyError, MessageReader, StreamWriter
from fastgw.transcoding.scalars import MisfitError
from fastgw.transcoding.statuses import CallStatus, problem, read_status
from fastgw.transformers.grpc_json_call import TranscodedCall, unreadable
from fastgw.wire.grpc import INTERNAL, PREFIX

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_PROBLEM: Final = b"application/problem+json"
_SEEN: Final = 512  #: bytes of an answer that is no gRPC, for the log


class WholeAnswer(GatheredHook):
    """The answer of a call with one message."""

    def __init__(self, call: TranscodedCall, exchange: Exchange) -> None:
        self._call = call
        self._exchange = exchange
        self.max_bytes = call.settings.max_message + PREFIX

    def whole(self, data: bytes) -> bytes | Awaitable[bytes]:
        status = ended(self._call, self._exchange)
        if not status.is_ok:
            return tell(self._call, self._exchange, status)
        settings = self._call.settings
        if len(data) <= settings.inline_bytes:
            return self._tell(self._made(data))
        return self._later(data)

    async def _later(self, data: bytes) -> bytes:
        return self._tell(await self._call.settings.threads.run(partial(self._made, data)))

    def _tell(self, made: tuple[bytes, bytes]) -> bytes:
        kind, out = made
        if kind != self._call.kind:
            self._exchange.response.set_header(b"content-type", kind)
        return out

    def _made(self, data: bytes) -> tuple[bytes, bytes]:
        """Its type, and the body; in whatever thread."""
        if data[:1] == b"\0" and int.from_bytes(data[1:PREFIX], "big") == len(data) - PREFIX:
            return self._written(decoded(self._call, data[PREFIX:]))
        reader = MessageReader(self._call.settings.max_message)
        try:
            messages = reader.feed(data)
        except BodyError as error:
            raise unreadable(f"it {error}") from None
        raise unreadable(f"it has {len(messages)} messages where one was expected")

    def _written(self, message: Any) -> tuple[bytes, bytes]:
        """Type and body of the answer that ``message`` is."""
        call = self._call
        if call.asked.binding.has_raw_answer:
            return raw_of(call, message)
        return call.kind, orjson.dumps(document_of(call, message))


class StreamedAnswer(BodyHook):
    """The answer of a call with any number of messages, each written as soon as it is here."""

    gather = 1

    def __init__(self, call: TranscodedCall, exchange: Exchange) -> None:
        self._call = call
        self._exchange = exchange
        self._reader = MessageReader(call.settings.max_message)
        self._writer = StreamWriter(call.kind, lambda data: document_of(call, decoded(call, data)))
        self._has_begun = False

    def feed(self, data: bytes) -> bytes:
        messages = self._messages(data)
        if not messages:
            return b""
        if not self._has_begun:
            self._begin(messages[0])
        return self._written(messages)

    def _messages(self, data: bytes) -> list[bytes]:
        try:
            return self._reader.feed(data)
        except BodyError as error:
            raise unreadable(f"it {error}") from None

    def _begin(self, first: bytes) -> None:
        """The first message is here, or there is none."""
        self._has_begun = True

    def _written(self, messages: list[bytes]) -> bytes:
        return self._writer.feed(messages)

    def _ended(self) -> CallStatus:
        """How the call went, with what was wrong with its messages."""
        status = ended(self._call, self._exchange)
        if status.is_ok and not self._reader.is_between:
            return status._replace(code=INTERNAL, message="the last message is not whole")
        return status

    def finish(self) -> bytes:
        status = self._ended()
        if status.is_ok:
            if not self._has_begun:
                self._begin(b"")
            return self._end(None) or b""
        if not self._has_begun:
            return tell(self._call, self._exchange, status)
        out = self._end(told_of(self._call, self._exchange, status))
        if out is None:
            raise unreadable(f"the call failed behind {status.code}: {status.message}")
        return out

    def _end(self, told: Any) -> bytes | None:
        return self._writer.finish(told)


class RawAnswer(StreamedAnswer):
    """The same of messages that are ``google.api.HttpBody``: their data, one after the other, of the type of the first."""

    def _begin(self, first: bytes) -> None:
        self._has_begun = True
        kind = raw_of(self._call, decoded(self._call, first))[0] if first else b"application/octet-stream"
        self._exchange.response.set_header(b"content-type", kind)

    def _written(self, messages: list[bytes]) -> bytes:
        return b"".join([raw_of(self._call, decoded(self._call, one))[1] for one in messages])

    def _end(self, told: Any) -> bytes | None:
        return b"" if told is None else None


class NotGrpc(BodyHook):
    """An answer that is no gRPC: the client is told so, the log how it begins."""

    gather = _SEEN * 2  # it never goes on

    def __init__(self, call: TranscodedCall) -> None:
        self._call = call
        self._start = b""

    def feed(self, data: bytes) -> bytes:
        self._start += data[: _SEEN - len(self._start)]
        if len(self._start) >= _SEEN:
            raise self._error()
        return b""

    def finish(self) -> bytes:
        raise self._error()

    def _error(self) -> UpstreamError:
        kind = self._call.came_type.decode("latin-1") or "no Content-Type"
        detail = f"the service answered with status {self._call.came_status} and {kind}, not with gRPC"
        begins = f", which begins {excerpt(self._start)}" if self._start else ""
        return UpstreamError(502, "not_grpc", detail, reason=detail + begins)


def ended(call: TranscodedCall, exchange: Exchange) -> CallStatus:
    """How the call went, which is known at the end; what says so is not passed on.

    Raises:
        UpstreamError: 502 ``answer_unreadable``: nothing said so.
    """
    response = exchange.response
    status = read_status(response.trailer) or call.head_status
    response.take_trailers()
    if status is None:
        raise unreadable("it ended without a grpc-status")
    return status


def tell(call: TranscodedCall, exchange: Exchange, status: CallStatus) -> bytes:
    """Answer that the call failed: the body, and the head that goes with it."""
    response = exchange.response
    response.set_status(status.http_status)
    response.set_header(b"content-type", _PROBLEM)
    return orjson.dumps(told_of(call, exchange, status))


def told_of(call: TranscodedCall, exchange: Exchange, status: CallStatus) -> dict[str, Any]:
    """The problem that a call ended with."""
    return problem(status, partial(dump_any, call), instance(exchange))


def instance(exchange: Exchange) -> str:
    """The id of the request; empty: it has none."""
    return exchange.request.request_id.decode("latin-1")


def dump_any(call: TranscodedCall, one: Any) -> Any:
    """What JSON has for an Any; raises MisfitError where its type is not known."""
    return call.asked.binding.dump_any(one)


def decoded(call: TranscodedCall, data: bytes) -> Any:
    """The message that ``data`` is."""
    try:
        return call.asked.binding.method.output.cls.FromString(data)
    except DecodeError:
        raise unreadable(f"it has a message that is no {call.asked.binding.method.output.name}") from None


def document_of(call: TranscodedCall, message: Any) -> Any:
    """What JSON has for it."""
    try:
        return call.asked.binding.document(message)
    except MisfitError as error:
        raise unreadable(f"it has a message that JSON has nothing for: {error.why}") from None


def raw_of(call: TranscodedCall, message: Any) -> tuple[bytes, bytes]:
    """The type and the data of a ``google.api.HttpBody``."""
    kind, data = call.asked.binding.raw(message)
    return kind.encode(), data
