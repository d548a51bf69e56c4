"""One stream of a client's connection: the client of one exchange (RFC 9113 section 5.1).

Either half ends by itself.  A stream is gone when both have, or when it is reset; its number is never used again.

What the peer's windows, or its connection, do not take waits here, and the service is held: no more than what it has sent by then comes on
top.  What the exchange does not take waits here too, and the peer is told of no more room: so that is bounded by the window of the stream.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from fastgw.core.exchange.ends import Client
from fastgw.core.http2 import stalls
from fastgw.core.http2.link import put_early
from fastgw.core.net.connection import HOLD_PEER, HOLD_PENDING
from fastgw.wire.http2 import errors, frames
from fastgw.wire.http2.errors import NO_ERROR, PROTOCOL_ERROR, StreamError
from fastgw.wire.http2.settings import WINDOW, WINDOW_MOST
from fastgw.wire.lines import without_fields

if TYPE_CHECKING:
    from fastgw.core.dataplane import DataPlane
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.exchange.reply import Reply
    from fastgw.core.http2.link import Http2Link
    from fastgw.core.snapshot.snapshot import Listener

RECEIVE: int = WINDOW  #: bytes of DATA that may be under way on one stream, or wait here
_HALF: int = RECEIVE // 2
_NO_LENGTH = (b"content-length",)


class Carrying(Protocol):
    """What a stream asks of its connection (``streams.Http2Streams``)."""

    address: bytes
    forwarded: bytes
    identity: bytes
    is_paused: bool
    is_trusted: bool
    listener: Listener
    plane: DataPlane
    transport: Any

    def read_on(self, stream: Http2Stream) -> None:
        """Take the DATA that has come together with its head."""

    def forget(self, stream: Http2Stream, code: int | None) -> None:
        """It is over; ``code``: reset it so, as its peer does not know that yet."""

    def reset(self, stream: Http2Stream, code: int) -> None:
        """End it at once, with its exchange."""

    def is_crowded(self) -> bool:
        """Whether more streams wait for room than a client that means well would let wait."""

    def give_up(self, stream: Http2Stream) -> None:
        """Its peer has no room for it, or takes too long: end it."""


class Http2Stream(Client):
    """One request of a connection, and its answer."""

    __slots__ = (
        "_announced",
        "_credit",
        "_early",
        "_fields",
        "_is_end_queued",
        "_link",
        "_queue",
        "_received",
        "_status",
        "_trailers",
        "connection",
        "id",
        "is_local_done",
        "is_remote_done",
        "sent",
        "stalled_at",
        "stalled_since",
        "window",
    )

    def __init__(self, connection: Carrying, link: Http2Link, number: int) -> None:
        self._open()
        self.connection = connection
        self._link = link
        self.id = number
        self.window = link.peer.window
        self.transport = connection.transport  # for who asks about it; nothing is written to it from here
        self.listener = connection.listener
        self.address = connection.address
        self.forwarded = connection.forwarded
        self.identity = connection.identity
        self.is_trusted = connection.is_trusted
        self.is_paused = connection.is_paused

    def _open(self) -> None:
        Client._open(self)
        self.version = b"2"
        self.is_remote_done = False  #: the peer has ended its half
        self.is_local_done = False  #: our half has ended, as far as the exchange is concerned
        self._announced = -1  #: bytes of body that the head tells of; -1: it tells none
        self._received = 0  #: bytes of it that have come
        self._credit = 0  #: bytes taken that the peer was not told of
        self._early: list[bytes] = []  #: of the request, while nobody takes them
        self._fields: bytes | None = None  #: of the answer's head, to go out with the first body bytes
        self._status = 0
        self._queue: list[bytes] = []  #: of the answer's body, while no window takes it
        self._is_end_queued = False
        self._trailers = b""
        self.sent = 0  #: bytes of the answer's body
        self.stalled_at = 0  #: of those, when somebody looked whether more are taken
        self.stalled_since = 0.0  #: that too few are, in coarse loop time

    # --- the request

    def begin(self, exchange: Exchange, is_last: bool) -> None:
        """Its head has been read into ``exchange``; ``is_last``: there is no body.

        Raises:
            StreamError: there is none, and the head tells of one (RFC 9113 section 8.1.1).
        """
        request = exchange.request
        self._announced = request.content_length
        self.is_remote_done = is_last
        if is_last:
            if request.content_length > 0:
                raise StreamError(self.id, PROTOCOL_ERROR, "the body is shorter than its content-length")
            request.chunked = False
        elif request.content_length < 0:
            request.chunked = True
            request.rare = True
        self.exchange = exchange

    def on_data(self, payload: bytes, size: int, is_last: bool) -> None:
        """DATA has come, of ``size`` bytes with its padding.

        Raises:
            StreamError: it may not, or is not what the head has told of.
        """
        if self.is_remote_done:
            raise StreamError(self.id, errors.STREAM_CLOSED, "DATA stands behind the end of the stream")
        held = sum(map(len, self._early)) if self._early else 0
        if self._credit + held + size > RECEIVE:
            raise StreamError(
                self.id, errors.FLOW_CONTROL_ERROR, "there is more DATA than the window of the stream allows"
            )
        self._credit += size - len(payload)
        self._received += len(payload)
        if is_last:
            self.is_remote_done = True
        announced = self._announced
        if announced >= 0 and (self._received > announced or (is_last and self._received != announced)):
            raise StreamError(self.id, PROTOCOL_ERROR, "the body is not as long as its content-length")
        if self._holds or self._early:
            put_early(self._early, payload)
        else:
            self._hand_on(payload)

    def on_trailers(self, lines: bytes) -> None:
        """The fields behind the body have come, which end the request."""
        if self._announced >= 0 and self._received != self._announced:
            raise StreamError(self.id, PROTOCOL_ERROR, "the body is not as long as its content-length")
        self.is_remote_done = True
        if self.exchange is not None:
            self.exchange.body.trailers = lines
        if self._holds or self._early:
            self._early.append(b"")
        else:
            self._hand_on(b"")

    def begin_soon(self) -> None:
        """Let the exchange begin in the next turn of the loop; what comes meanwhile follows it."""
        self.hold(HOLD_PENDING)
        self.connection.plane.loop.call_soon(self._begin_late)

    def _begin_late(self) -> None:
        exchange = self.exchange
        self._holds = 0
        if exchange is not None:
            exchange.begin(self, self.listener)
            if self._early and not self._holds:
                self.connection.plane.loop.call_soon(self._hand_on_early)

    def _hand_on(self, payload: bytes) -> None:
        """To the exchange, which may end with it."""
        exchange = self.exchange
        if exchange is None or exchange.replied is not None or exchange.body.is_done:
            self._take(len(payload))
            return
        body = exchange.body
        body.received += len(payload)
        if self.is_remote_done and not self._early:
            body.is_done = True
        self._take(len(payload))
        exchange.on_request_body(payload)

    def _take(self, size: int) -> None:
        """So many bytes have been taken, whoever has them now."""
        self._credit += size
        if self._credit >= _HALF and not self.is_remote_done and not self.is_closed:
            self._link.put(frames.window_update(self.id, self._credit))
            self._credit = 0

    def read_body(self) -> None:
        """See ``Client``: the DATA that has come together with the head."""
        self.connection.read_on(self)

    def hold(self, bit: int) -> None:
        """See ``Connection``: the peer may fill the window of the stream, and no more."""
        self._holds |= bit
        self.was_held = True

    def release(self, bit: int) -> None:
        """See ``Connection``: what has come meanwhile is handed on in the next turn of the loop, as any reading would."""
        if self._holds & bit:
            self._holds &= ~bit
            if self._early and not self._holds:
                self.connection.plane.loop.call_soon(self._hand_on_early)

    def _hand_on_early(self) -> None:
        while self._early and not self._holds and not self.is_closed:
            self._hand_on(self._early.pop(0))

    # --- the answer

    def takes_trailers(self, exchange: Exchange) -> bool:
        """See ``Client``: HTTP/2 always has room for them (RFC 9110 section 6.5.1), whoever does not want them ignores them."""
        return True

    def send_interim(self, exchange: Exchange) -> None:
        """See ``Client``."""
        response = exchange.response
        lines = without_fields(response.fields, _NO_LENGTH) if response.length_count else response.fields
        self._put_head(response.status, lines, False)

    def send_head(self, exchange: Exchange) -> None:
        """See ``Client``: it waits for the first body bytes, which may be none and the end."""
        response = exchange.response
        fields = response.fields
        if response.status == 204 and response.length_count:
            fields = without_fields(fields, _NO_LENGTH)
        if not response.has_date:
            fields += exchange.plane.date
        if response.request_id:
            fields += b"x-request-id: %b\r\n" % response.request_id
        self._status = response.status
        self._fields = fields + response.extra if response.extra else fields

    def send_body(self, data: bytes) -> None:
        """See ``Client``."""
        if self._fields is not None and not self.is_paused:
            self._send_fields(False)
        if data:
            self._send_data(data, False)

    def send_last(self, data: bytes) -> None:
        """See ``Client``."""
        exchange = self.exchange
        if exchange is not None:
            self._trailers = exchange.response.trailers
        if self._fields is not None and not self.is_paused:  # else who reads nothing could ask for head after head
            is_all = not data and not self._trailers
            self._send_fields(is_all)
            if is_all:
                return
        self._send_data(data, True)

    def send_reply(self, exchange: Exchange, reply: Reply) -> int:
        """See ``Client``."""
        self.send_head(exchange)
        body = b"" if exchange.request.method == b"HEAD" else reply.body
        self.send_last(body)
        return len(body)

    def refuse(self, status: int, lines: bytes, body: bytes, is_last: bool) -> None:
        """Answer what did not become an exchange; ``is_last``: nothing of the request is still to come."""
        self.is_remote_done = is_last
        self._put_head(status, lines, not body)
        if body:
            self._send_data(body, True)
        else:
            self._end_half()

    def _send_fields(self, is_last: bool) -> None:
        fields, self._fields = self._fields, None
        assert fields is not None
        self._put_head(self._status, fields, is_last)
        if is_last:
            self._end_half()

    def _put_head(self, status: int, lines: bytes, is_last: bool) -> None:
        if not self.is_closed:
            self._link.put(frames.headers(self.id, self._link.encoder.response(status, lines), is_last))

    def _send_data(self, data: bytes, is_last: bool) -> None:
        if self.is_closed:
            return
        if self._queue or self.is_paused:
            if data:
                self._queue.append(data)
            self._is_end_queued = is_last
            self._hold_service()
            return
        rest = self._send_now(data, is_last)
        if rest:
            self._queue.append(rest)
            self._is_end_queued = is_last
            self._pause()

    def _send_now(self, data: bytes, is_last: bool) -> bytes:
        """Send what the windows take of ``data``, and the end behind its last byte; the rest."""
        link = self._link
        sent = link.put_data(self.id, data, self.window, is_last and not self._trailers)
        self.window -= sent
        self.sent += sent
        if sent < len(data):
            return data[sent:]
        if is_last:
            if self._trailers:
                link.put(frames.headers(self.id, link.encoder.trailers(self._trailers), True))
            self._end_half()
        return b""

    def _pause(self) -> None:
        """A window, or the connection, takes no more now."""
        self.is_paused = True
        self._hold_service()
        stalls.begin(self)

    def _hold_service(self) -> None:
        exchange = self.exchange
        if exchange is not None and exchange.carrier is not None:
            exchange.carrier.hold(HOLD_PEER)

    def widen(self, size: int) -> None:
        """WINDOW_UPDATE of the stream, or another first size of its window.

        Raises:
            StreamError: errors.FLOW_CONTROL_ERROR: no window is so large.
        """
        if self.window + size > WINDOW_MOST:
            raise StreamError(self.id, errors.FLOW_CONTROL_ERROR, "the window of the stream is larger than any may be")
        self.window += size

    def go_on(self) -> None:
        """A window has been widened, or the connection takes bytes again."""
        if not self.is_paused or self.connection.is_paused:
            return
        if self._fields is not None:
            is_all = self._is_end_queued and not self._queue and not self._trailers
            self._send_fields(is_all)
            if is_all:
                self.is_paused = False
                return
        while self._queue:
            data = self._queue.pop(0)
            rest = self._send_now(data, self._is_end_queued and not self._queue)
            if rest:
                self._queue.insert(0, rest)
                return
        self.is_paused = False
        if self._is_end_queued and not self.is_closed and not self.is_local_done:
            self._send_now(b"", True)
        if self.exchange is not None:
            self.exchange.on_client_ready()

    def pause(self) -> None:
        """The connection takes no more now."""
        if not self.is_paused:
            self._pause()

    # --- the end

    def _end_half(self) -> None:
        """Everything of the answer is with the peer, or on its way."""
        self.is_local_done = True
        if self.exchange is None:
            self.connection.forget(self, None if self.is_remote_done else NO_ERROR)

    def cut(self, exchange: Exchange) -> None:
        """See ``Client``: a call of gRPC is told why, where it waits for how it went."""
        from fastgw.core.exchange.grpc import explain_end  # which nobody needs before something breaks

        last = explain_end(exchange)
        if last is None:
            self.connection.forget(self, errors.INTERNAL_ERROR)
            return
        self.send_last(last)
        self.on_finished(False, exchange.body.is_done)
        if self.is_paused:
            stalls.watch(self)  # nobody else does any more

    def on_finished(self, keep_alive: bool, is_request_done: bool) -> None:
        """See ``Client``; a client that still sends is told that nobody listens (RFC 9113 section 8.1)."""
        self.exchange = None
        if self.is_local_done and not self.is_closed:
            self.connection.forget(self, None if self.is_remote_done else NO_ERROR)

    def on_reset(self) -> None:
        """The peer has reset the stream, or its connection is gone."""
        self.is_closed = True
        exchange, self.exchange = self.exchange, None
        if exchange is not None and exchange.client is self:
            exchange.abort()
        elif exchange is not None:
            exchange.plane.give_back(exchange)  # it has not begun

    def close(self) -> None:
        """See ``Connection``."""
        if not self.is_closed:
            self.connection.reset(self, errors.CANCEL)

    def abort(self) -> None:
        """See ``Connection``."""
        self.close()

    def write(self, data: bytes) -> None:
        """See ``Connection``: of a tunnel."""
        self._send_data(data, False)

    # --- deadlines

    def on_deadline(self, now: float) -> None:
        """See ``Client``."""
        exchange = self.exchange
        if self.is_paused and not (exchange is not None and exchange.last and now >= exchange.last):
            stalls.look(self, now)
        elif exchange is not None and exchange.client is self:  # else who stands in its place has the deadline
            exchange.on_deadline(now)
