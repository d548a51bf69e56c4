"""One stream of a connection to a service: what carries one exchange to its answer (RFC 9113 section 8.1).

    carry ─▶ HEADERS, DATA, trailers ─▶ ...            both halves go on by themselves:
             ... ─▶ 1xx ─▶ HEADERS ─▶ DATA ─▶ trailers   the exchange is over with the second

What the windows of the service, or its connection, do not take waits here, and the client is held: no more than it has sent by then comes
on top.  What the exchange does not take waits here too, and the service is told of no more room: so that is bounded by the window of the
stream.

An answer is made the head that a service of HTTP/1.1 would have sent, and read by the same rules.

A request that the service says it has not acted on may be sent again whatever its method, as long as all of it is here: what has no body,
one that the exchange keeps, and one that left together with its head and is small, which is kept here until the answer begins.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core import http2_counters as rows
from fastgw.core.causes import excerpt
from fastgw.core.exchange.ends import Carrier
from fastgw.core.http1 import heads
from fastgw.core.http2.link import put_early
from fastgw.core.net.connection import HOLD_PEER, Connection
from fastgw.errors import RETRY_IDEMPOTENT, RETRY_NEVER, RETRY_SAFE, RETRY_UNSEEN, UpstreamError
from fastgw.wire import response as answers
from fastgw.wire.chunked import ChunkReader
from fastgw.wire.errors import WireError
from fastgw.wire.fields import RESPONSE_FIELDS, FieldTable
from fastgw.wire.http2 import frames
from fastgw.wire.http2.errors import (
    CANCEL,
    FLOW_CONTROL_ERROR,
    PROTOCOL_ERROR,
    STREAM_CLOSED,
    StreamError,
)
from fastgw.wire.http2.frame_kinds import DATA
from fastgw.wire.http2.sections import read_response, read_trailers
from fastgw.wire.http2.settings import WINDOW_MOST
from fastgw.wire.messages import BODY_LENGTH, BODY_NONE

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.http2.link import Http2Link
    from fastgw.core.plane import Plane

RECEIVE: Final = 256 * 1024  #: bytes of DATA that may be under way on one stream, or wait here
_HALF: Final = RECEIVE // 2
KEPT_MOST: Final = 64 * 1024  #: bytes of a body that stay here until the answer begins
INTERIM_MAX: Final = 16  #: 1xx answers to one request; more is a flood
_TABLE = FieldTable(RESPONSE_FIELDS)


class Bearing(Connection):
    """What a stream asks of its connection, which is an ``Http2Service``."""

    __slots__ = ("plane",)

    plane: Plane

    def begin(self, stream: Http2Carrier) -> int:
        """``stream`` is about to send its head: its number."""
        raise NotImplementedError

    def forget(self, stream: Http2Carrier, code: int) -> None:
        """``stream`` is over; ``code``: tell the service so, which does not know it yet; -1: it does."""
        raise NotImplementedError


class Http2Carrier(Carrier):
    """Carries one exchange, and is never used again."""

    __slots__ = (
        "_chunks",
        "_credit",
        "_early",
        "_has_head",
        "_interim",
        "_is_end_queued",
        "_kept",
        "_left",
        "_queue",
        "_trailers",
        "connection",
        "id",
        "is_local_done",
        "is_remote_done",
        "link",
        "window",
    )

    def __init__(self, connection: Bearing, link: Http2Link) -> None:
        self._open()  # and what ``Carrier`` does: to call it would be a tenth of what a small call costs here
        self.exchange = None
        self.tunnel = None
        self.connection = connection
        self.link = link
        self.transport = connection.transport  # for who asks about it; nothing is written to it from here
        self.id = 0  #: 0: it has not begun
        self.window = link.peer.window
        self.is_local_done = False  #: all of the request is with the service, or on its way
        self.is_remote_done = False  #: all of the answer is here
        # the request
        self._queue: list[bytes] = []  #: of its body, while no window takes it
        self._is_end_queued = False
        self._trailers = b""
        self._chunks: ChunkReader | None = (
            None  #: takes off the chunks of one that began when its service spoke HTTP/1.1
        )
        self._kept: bytes | None = b""  #: of its body, what was sent; None: that is not here any more
        # the answer
        self._has_head = False
        self._interim = 0
        self._left = -1  #: bytes of its body to come; -1: its head tells of none
        self._early: list[bytes] = []  #: of its body, while nobody takes it
        self._credit = 0  #: bytes taken that the service was not told of

    # --- the request

    def carry(self, exchange: Exchange) -> None:
        """See ``Carrier``."""
        self.exchange = exchange
        plane = exchange.plane
        base = exchange.endpoint.base
        plane.values[base + counters.ENDPOINT_REQUESTS] += 1
        plane.values[base + counters.ENDPOINT_ACTIVE] += 1
        request, body, link = exchange.request, exchange.body, self.link
        self.id = self.connection.begin(self)
        scheme = b"http" if exchange.endpoint.ssl is None else b"https"
        authority = heads.authority_of(exchange)
        block = link.encoder.request(
            request.method,
            scheme,
            authority,
            request.target,
            heads.request_fields(exchange),
            heads.own_fields(exchange),
        )
        held = body.take() if body.held else b""
        if body.is_framed:
            self._chunks = ChunkReader(exchange.listener.head_size, exchange.listener.reader.head_count, decode=True)
        # A body that is empty ends with DATA of its own: some servers of gRPC wait for it (PROTOCOL-HTTP2.md of grpc, "EOS").
        is_all = body.is_done and not held and not body.trailers and not request.chunked
        link.put(frames.headers(self.id, block, is_all))
        if is_all:
            self.is_local_done = True
            return
        if held:
            self._kept = held if body.is_done and len(held) <= KEPT_MOST and not body.is_kept else None
        if held or body.is_done:
            self._send(held, body.is_done)

    def send_body(self, data: bytes, is_last: bool) -> None:
        """See ``Carrier``."""
        self._kept = None
        self._send(data, is_last)

    def _send(self, data: bytes, is_last: bool) -> None:
        if self.is_closed or self.is_local_done:
            return
        if self._chunks is not None:
            data = self._chunks.feed(data, 0)
        if is_last:
            self._is_end_queued = True
            if self._chunks is not None:
                self._trailers = self._chunks.trailers
            elif self.exchange is not None:
                self._trailers = self.exchange.body.trailers
        if data:
            self._queue.append(data)
        if not self.is_paused:
            self._flush()

    def _flush(self) -> None:
        """Send of the body what the windows take, and the end behind its last byte."""
        link, queue, connection = self.link, self._queue, self.connection
        if connection.is_paused:
            self.pause()
            return
        while queue:
            data = queue[0]
            ends = self._is_end_queued and len(queue) == 1 and not self._trailers
            sent = link.put_data(self.id, data, self.window, ends)
            self.window -= sent
            if sent < len(data):
                queue[0] = data[sent:] if sent else data
                self.pause()
                return
            del queue[0]
            if ends:
                self.is_local_done = True
        if self._is_end_queued and not self.is_local_done:
            self.is_local_done = True
            if self._trailers:
                link.put(frames.headers(self.id, link.encoder.trailers(self._trailers), True))
            else:
                link.put_data(self.id, b"", 0, True)

    def pause(self) -> None:
        """The service takes no more now."""
        if not self.is_paused and not self.is_local_done:
            self.is_paused = True
            if self.exchange is not None:
                self.exchange.client.hold(HOLD_PEER)

    def widen(self, size: int) -> None:
        """WINDOW_UPDATE of the stream, or another first size of its window.

        Raises:
            StreamError: FLOW_CONTROL_ERROR: no window is so large.
        """
        if self.window + size > WINDOW_MOST:
            raise StreamError(self.id, FLOW_CONTROL_ERROR, "the window of the stream is larger than any may be")
        self.window += size

    def go_on(self) -> None:
        """A window has been widened, or the connection takes bytes again."""
        if not self.is_paused:
            return
        self.is_paused = False
        self._flush()
        if not self.is_paused and self.exchange is not None:
            self.exchange.client.release(HOLD_PEER)

    # --- the answer

    def head_most(self) -> int:
        """Bytes that the fields of an answer may have."""
        assert self.exchange is not None
        return self.exchange.listener.head_size

    def on_fields(self, fields: list[Any], is_last: bool) -> None:
        """HEADERS has come, decoded.

        Raises:
            StreamError: the service may not say this, or not here.
        """
        exchange = self.exchange
        if exchange is None:
            return
        if self.is_remote_done:
            raise StreamError(self.id, STREAM_CLOSED, "HEADERS stands behind the end of the stream")
        if self._has_head:
            self._on_trailers(exchange, fields, is_last)
            return
        response = exchange.response
        head = read_response(self.id, fields)
        try:
            answers.read_response(
                head, response, _TABLE, exchange.listener.reader.head_count, exchange.request.method == b"HEAD"
            )
        except WireError as error:
            response.status = 0
            raise StreamError(self.id, PROTOCOL_ERROR, f"{error.detail}: {excerpt(head)}") from None
        if response.status >= 200:
            self._on_head(exchange, is_last)
            return
        self._interim += 1
        if is_last or response.status == 101 or self._interim > INTERIM_MAX:
            raise StreamError(self.id, PROTOCOL_ERROR, "an interim answer ends the stream, is a 101, or one too many")
        exchange.on_interim()

    def _on_head(self, exchange: Exchange, is_last: bool) -> None:
        response = exchange.response
        kind = response.body
        if kind == BODY_NONE:
            self._left = 0
        elif kind == BODY_LENGTH:
            self._left = response.content_length
        self._has_head = True
        self._kept = None
        self.is_remote_done = is_last
        if is_last and self._left > 0:
            raise StreamError(self.id, PROTOCOL_ERROR, "the body is shorter than its content-length")
        exchange.on_head()
        # A hook that waits, or one that answered instead, may have taken the exchange elsewhere.
        # A hedge's answer that wins is the answer of another exchange from here on.
        owner = self.exchange
        if owner is None:
            return
        if is_last:
            owner.on_last_body(b"", 0)
        elif self._left and not self.link.reader.is_next(DATA, self.id):
            owner.on_body(b"", 0)  # nothing of the body is here, and the head does not wait for it

    def _on_trailers(self, exchange: Exchange, fields: list[Any], is_last: bool) -> None:
        if not is_last:
            raise StreamError(self.id, PROTOCOL_ERROR, "trailers do not end the stream")
        lines = read_trailers(self.id, fields)
        if self._left > 0:
            raise StreamError(self.id, PROTOCOL_ERROR, "the body is shorter than its content-length")
        self.is_remote_done = True
        if lines:
            exchange.response.trailers = lines
            exchange.response.rare = True
        if not self._early:
            self._hand_on(b"")

    def on_data(self, payload: bytes, size: int, is_last: bool) -> None:
        """DATA has come, of ``size`` bytes with its padding.

        Raises:
            StreamError: it may not, or is not what the head has told of.
        """
        if self.is_remote_done:
            raise StreamError(self.id, STREAM_CLOSED, "DATA stands behind the end of the stream")
        if not self._has_head:
            raise StreamError(self.id, PROTOCOL_ERROR, "DATA stands in front of the head")
        held = sum(map(len, self._early)) if self._early else 0
        if self._credit + held + size > RECEIVE:
            raise StreamError(self.id, FLOW_CONTROL_ERROR, "there is more DATA than the window of the stream allows")
        self._credit += size - len(payload)
        self.is_remote_done = is_last
        if self._left >= 0:
            self._left -= len(payload)
            if self._left < 0 or (is_last and self._left):
                raise StreamError(self.id, PROTOCOL_ERROR, "the body is not as long as its content-length")
        if self._holds or self._early:
            put_early(self._early, payload)
        elif payload or is_last:
            self._hand_on(payload)

    def _hand_on(self, payload: bytes) -> None:
        """To the exchange, which may end with it."""
        exchange = self.exchange
        if exchange is None:
            return
        size = len(payload)
        self._credit += size
        if self.is_remote_done:
            if not self._early:
                exchange.on_last_body(payload, size)
                return
        elif self._credit >= _HALF:
            self.link.put(frames.window_update(self.id, self._credit))
            self._credit = 0
        exchange.on_body(payload, size)

    def hold(self, bit: int) -> None:
        """See ``Connection``: the service may fill the window of the stream, and no more."""
        self._holds |= bit
        self.was_held = True

    def release(self, bit: int) -> None:
        """See ``Connection``: what has come meanwhile is handed on in the next turn of the loop, as any reading would."""
        if self._holds & bit:
            self._holds &= ~bit
            if self._early and not self._holds:
                self.connection.plane.loop.call_soon(self._hand_on_early)

    def _hand_on_early(self) -> None:
        while self._early and not self._holds and self.exchange is not None:
            self._hand_on(self._early.pop(0))

    # --- the end

    def leave(self) -> None:
        """See ``Carrier``."""
        exchange = self.exchange
        if exchange is not None:
            self.exchange = None
            exchange.plane.values[exchange.endpoint.base + counters.ENDPOINT_ACTIVE] -= 1

    def let_go(self, is_request_done: bool) -> None:
        """See ``Carrier``: what is still under way is not wanted any more."""
        exchange = self.exchange
        self.leave()
        self._early.clear()
        if self.is_paused and exchange is not None:
            exchange.client.release(HOLD_PEER)
        self.close()

    def close(self) -> None:
        """See ``Connection``."""
        if not self.is_closed:
            self.connection.forget(self, -1 if self.is_remote_done and self.is_local_done else CANCEL)

    def abort(self) -> None:
        """See ``Connection``."""
        self.close()

    def refuse(self, error: StreamError) -> None:
        """The service did what it may not on this stream."""
        self.is_remote_done = False  # whatever was to end it
        self.connection.forget(self, error.code)
        self.on_fault(f"the answer breaks the rules of HTTP/2: {error.detail}")

    def on_fault(self, reason: str) -> None:
        """What the service says cannot be read on."""
        exchange = self._ended()
        if exchange is not None:
            exchange.fail(UpstreamError(502, "bad_answer", "the service's answer cannot be passed on", reason=reason))

    def on_reset(self, reason: str, *, is_kept: bool) -> None:
        """The service has reset the stream, or its connection is gone; ``is_kept``: that has carried others, and may have ended of age."""
        exchange = self._ended()
        if exchange is None:
            return
        retry = RETRY_NEVER
        if self._has_head:
            detail = "the service broke off in the middle of its answer"
            reason = f"{reason}, after {exchange.bytes_out} bytes of the answer"
        else:
            detail = "the service broke off before it answered"
            if not self._interim:
                retry = RETRY_IDEMPOTENT if is_kept else RETRY_SAFE
        exchange.fail(UpstreamError(502, "upstream_reset", detail, retry=retry, reason=reason))

    def on_unseen(self, reason: str) -> None:
        """The service has not acted on the request, and says so: it may be sent again if all of it is here."""
        exchange = self._ended()
        if exchange is None:
            return
        exchange.plane.values[rows.UPSTREAM_REFUSED] += 1
        kept, body, retry = self._kept, exchange.body, RETRY_NEVER
        if kept is not None or body.is_kept:
            retry = RETRY_UNSEEN
            if kept and not body.is_kept:
                body.keep(kept)
                exchange.plane.body_bytes += len(kept)
        detail = "the service did not act on the request, and cannot be asked again"
        exchange.fail(UpstreamError(502, "stream_refused", detail, retry=retry, reason=reason))

    def _ended(self) -> Exchange | None:
        """The stream is over; the exchange that has something to lose by that.  Where all of the answer is here the service only wanted no
        more of the request (RFC 9113 section 8.1)."""
        self.is_closed = True
        return None if self.is_remote_done else self.exchange
