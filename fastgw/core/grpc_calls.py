"""What the gateway itself asks by gRPC: whether a member is well, what it can be asked, that a collector takes what it is sent.

By the rules of other calls (``core.calls``): where it leads is in the configuration, certificates are verified, time, sizes and numbers
have bounds.  A call has a stream of a connection that is kept, and no other has one meanwhile.  All messages of it are sent, then those
of the answer are read; that is enough for every kind of method whose answer ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Final

from fastgw.core.calls import HEAD_MOST, Answered, AsMember, Caller, CallError, LeftError
from fastgw.core.settings import Url
from fastgw.wire.errors import WireError
from fastgw.wire.grpc import OK, PREFIX, code_of_answer, is_grpc, read_code, read_message
from fastgw.wire.http2 import frame_kinds as kinds
from fastgw.wire.http2 import frames
from fastgw.wire.http2.decoder import FieldDecoder
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.errors import NO_ERROR, PROTOCOL_ERROR, Http2Error, StreamError, name_of
from fastgw.wire.http2.sections import read_response, read_trailers
from fastgw.wire.http2.settings import ENABLE_PUSH, INITIAL_WINDOW_SIZE, WINDOW, WINDOW_MOST, Settings, settings_frame

_COMPRESSED: Final = 1  #: a flag of a message
_GRANTED: Final = 1 << 20  #: bytes of the window of an answer, and of the connection's
_CONTROLS_MOST: Final = 1000  #: frames that are no part of an answer, during one call


class CallStatusError(CallError):
    """A call has an answer, which is a status of gRPC other than OK; its ``cause`` is ``status``."""

    def __init__(self, code: int, message: str, detail: str, fields: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        super().__init__("status", detail)
        self.code = code
        self.message = message  #: of the service
        self.fields = fields  #: of head and trailers, names in lower case


class GrpcCaller(Caller):
    """Asks one place by gRPC, over a few connections that are kept.  A context for TLS that it is given has to offer ``h2`` (ALPN)."""

    def __init__(
        self, url: Url, limit: float, largest: int, connections: int = 1, as_member: AsMember | None = None
    ) -> None:
        """As ``Caller``."""
        super().__init__(url, limit, largest, connections, as_member)
        if as_member is None and self._context is not None:
            self._context.set_alpn_protocols(["h2"])

    async def ask(
        self,
        method: str,
        messages: Sequence[bytes],
        fields: Iterable[tuple[bytes, bytes]] = (),
        *,
        are_compressed: bool = False,
    ) -> list[bytes]:
        """Call ``method`` (``/package.Service/Method``) with ``messages``, and return those of the answer.

        Args:
            fields: metadata, beside what every call has.
            are_compressed: ``messages`` are, as ``grpc-encoding`` among ``fields`` says.

        Raises:
            CallStatusError: it is answered with another status than OK.
            CallError: it has no answer.
            ValueError: a field cannot be sent.
        """
        said = ((b"content-type", b"application/grpc+proto"), (b"te", b"trailers"), *fields)
        flag = b"\x01" if are_compressed else b"\x00"
        body = b"".join([flag + len(one).to_bytes(4, "big") + one for one in messages])
        answered = await self.call(b"POST", said, body, method)
        self._check(answered)
        return self._messages(answered.body)

    def _check(self, answered: Answered) -> None:
        (status,) = answered.values(b"grpc-status")[-1:] or (b"",)
        (kind,) = answered.values(b"content-type")[-1:] or (b"",)
        code, message = read_code(status), ""
        if code < 0 and (answered.status != 200 or not is_grpc(kind)):
            code = code_of_answer(answered.status)
            told = f"{self.url} answered {answered.status} and no grpc-status"
        elif code < 0:
            raise CallError("broken", f"{self.url} ended its answer without a grpc-status")
        else:
            (found,) = answered.values(b"grpc-message")[-1:] or (b"",)
            message = read_message(found)
            told = f"{self.url} answered grpc-status {code}" + f": {message[:200]}" * bool(message)
        if code != OK:
            raise CallStatusError(code, message, told, answered.fields)

    def _messages(self, body: bytes) -> list[bytes]:
        found, at = [], 0
        while at < len(body):
            end = at + PREFIX + int.from_bytes(body[at + 1 : at + PREFIX], "big")
            if end > len(body) or body[at] & _COMPRESSED:
                raise CallError("broken", f"{self.url} sent a message that is cut, or is compressed and need not be")
            found.append(body[at + PREFIX : end])
            at = end
        return found

    def _connection(self) -> Any:
        return _Http2Connection(self.url, self._largest, self._authority.encode())


class _Http2Connection(asyncio.Protocol):
    """One connection of HTTP/2, and the answer that is expected on it, if any; as one of ``core.calls``."""

    def __init__(self, url: Url, largest: int, authority: bytes) -> None:
        self._url = url
        self._largest = largest
        self._authority = authority
        self._transport: Any = None  # asyncio.Transport, or one of uvloop, which is none
        self._reader = frames.FrameReader(HEAD_MOST)
        self._decoder = FieldDecoder()
        self._encoder = FieldEncoder()
        self._peer = Settings()
        self._room = WINDOW  # bytes that may be sent on the connection
        self._stream = -1
        self._answer: asyncio.Future[Answered] | None = None
        self._is_leaving = False  # GOAWAY came
        self._error: CallError | None = None  # why it cannot be used
        self._begin(b"")
        self.is_kept = False  #: another call may be sent

    async def ask(self, data: bytes) -> Answered:
        """Send ``data``, a whole request of HTTP/1.1; return its answer, whose fields are those of the head and of the trailers.

        Raises CallError, LeftError."""
        if self._error is not None:
            raise self._error
        if self._transport is None:
            raise LeftError
        self._answer = asyncio.get_running_loop().create_future()
        self.is_kept = False
        head, _, body = data.partition(b"\r\n\r\n")
        first, _, lines = head.partition(b"\r\n")
        method, target, _ = first.split(b" ")
        _, _, lines = lines.partition(b"\r\n")  # without Host, which comes first
        self._stream += 2
        self._begin(body)
        scheme = b"https" if self._url.is_tls else b"http"
        block = self._encoder.request(method, scheme, self._authority, target, lines + b"\r\n")
        self._transport.write(frames.headers(self._stream, block, not body))
        self._send()
        return await self._answer

    def _begin(self, body: bytes) -> None:
        """Nothing of an answer has come yet."""
        self._unsent = body
        self._stream_room = self._peer.window
        self._status = self._size = self._controls = 0
        self._fields: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []

    def close(self) -> None:
        """End it, whatever is under way."""
        self.is_kept = False
        if self._transport is not None:
            self._transport.abort()

    # -- what the loop says

    def connection_made(self, transport: Any) -> None:
        """See ``asyncio.Protocol``."""
        self._transport = transport
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() != "h2":
            self._error = CallError("tls", f"{self._url} does not speak HTTP/2, which gRPC needs (ALPN)")
            return  # who asks is told, and closes it
        said = settings_frame({ENABLE_PUSH: 0, INITIAL_WINDOW_SIZE: _GRANTED})
        transport.write(kinds.PREFACE + said + frames.window_update(0, _GRANTED - WINDOW))

    def data_received(self, data: bytes) -> None:
        """See ``asyncio.Protocol``."""
        self._reader.feed(data)
        try:
            while self._transport is not None and (kind := self._reader.read()) != kinds.NONE:
                self._on_frame(kind)
        except (Http2Error, StreamError, WireError) as error:
            self._fail("broken", f"what {self._url} answered is no HTTP/2: {error}")

    def connection_lost(self, error: Exception | None) -> None:
        """See ``asyncio.Protocol``."""
        self.is_kept = False
        self._transport = None
        if self._answer is None or self._answer.done():
            return
        if not self._status:
            self._answer.set_exception(LeftError())
        else:
            self._fail("broken", f"{self._url} closed the connection in the middle of its answer")

    # -- what the peer says

    def _on_frame(self, kind: int) -> None:
        reader = self._reader
        if kind == kinds.HEADERS:
            self._on_fields(reader.stream, reader.payload, bool(reader.flags & kinds.END_STREAM))
        elif kind == kinds.DATA:
            self._on_data(reader.stream, reader.payload, reader.size, bool(reader.flags & kinds.END_STREAM))
        else:
            self._controls += 1
            if self._controls > _CONTROLS_MOST:
                raise Http2Error(PROTOCOL_ERROR, f"{self._controls} frames that are no part of an answer")
            self._on_control(kind, reader.stream, reader.payload)

    def _on_control(self, kind: int, stream: int, payload: bytes) -> None:
        if kind == kinds.SETTINGS and not self._reader.flags & kinds.ACK:
            before = self._peer.window
            self._peer.read(payload, is_from_client=False)
            self._encoder.resize(self._peer.table)
            self._stream_room += self._peer.window - before
            self._transport.write(frames.frame(kinds.SETTINGS, kinds.ACK, 0, b""))
            self._send()
        elif kind == kinds.PING and not self._reader.flags & kinds.ACK:
            self._transport.write(frames.ping(payload, is_answer=True))
        elif kind == kinds.WINDOW_UPDATE:
            more = int.from_bytes(payload, "big") & WINDOW_MOST
            if not stream:
                self._room += more
            elif stream == self._stream:
                self._stream_room += more
            self._send()
        elif kind == kinds.RST_STREAM and stream == self._stream and self._is_awaited:
            told = name_of(int.from_bytes(payload, "big"))
            self._fail("broken", f"{self._url} reset the call: {told}")
        elif kind == kinds.GOAWAY:
            self._on_goaway(payload)
        elif kind == kinds.PUSH_PROMISE:
            raise Http2Error(PROTOCOL_ERROR, "PUSH_PROMISE was not allowed")

    def _on_goaway(self, payload: bytes) -> None:
        """It takes no more calls on this connection; one that it has not begun may be sent again (RFC 9113 section 6.8)."""
        self.is_kept = False
        last, code = int.from_bytes(payload[:4], "big") & WINDOW_MOST, int.from_bytes(payload[4:8], "big")
        if not self._is_awaited:
            self.close()
        elif last < self._stream and self._answer is not None:
            if code == NO_ERROR:
                self._answer.set_exception(LeftError())
            else:
                self._fail("broken", f"{self._url} ended the connection: {name_of(code)}: {payload[8:208]!r}")
        self._is_leaving = True

    @property
    def _is_awaited(self) -> bool:
        return self._answer is not None and not self._answer.done()

    def _on_fields(self, stream: int, block: bytes, is_last: bool) -> None:
        fields = self._decoder.decode(block, HEAD_MOST)
        if stream != self._stream or not self._is_awaited:
            return
        if self._decoder.is_too_large:
            self._fail("too_large", f"a head of {self._url} is larger than {HEAD_MOST} bytes")
            return
        if self._status:
            read_trailers(stream, fields)
            self._fields += [(one.name, one.value) for one in fields]
        else:
            status = int(read_response(stream, fields)[9:12])
            if status < 200:
                return  # an interim answer (RFC 9110 section 15.2)
            self._status = status
            self._fields = [(one.name, one.value) for one in fields[1:]]
        if is_last:
            self._finish()

    def _on_data(self, stream: int, data: bytes, size: int, is_last: bool) -> None:
        if size:
            self._transport.write(frames.window_update(0, size))
        if stream != self._stream or not self._is_awaited:
            return
        if not self._status:
            raise Http2Error(PROTOCOL_ERROR, "DATA stands in front of HEADERS")
        self._size += len(data)
        if self._size > self._largest:
            self._fail("too_large", f"the answer of {self._url} is larger than {self._largest} bytes")
            return
        self._body.append(data)
        if is_last:
            self._finish()
        elif size:
            self._transport.write(frames.window_update(stream, size))

    # -- what is sent

    def _send(self) -> None:
        """As much of the body as the peer takes now (RFC 9113 section 5.2)."""
        while self._unsent and self._is_awaited:
            size = min(len(self._unsent), self._room, self._stream_room, self._peer.frame)
            if size <= 0:
                return
            data, self._unsent = self._unsent[:size], self._unsent[size:]
            self._room -= size
            self._stream_room -= size
            self._transport.write(frames.data_head(self._stream, size, not self._unsent) + data)

    def _finish(self) -> None:
        assert self._answer is not None
        if self._unsent:  # it has answered without reading all
            self._unsent = b""
            self._transport.write(frames.reset(self._stream, NO_ERROR))
        self.is_kept = self._transport is not None and not self._is_leaving
        self._answer.set_result(Answered(self._status, tuple(self._fields), b"".join(self._body)))

    def _fail(self, cause: str, detail: str) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(CallError(cause, detail))
        self.close()
