"""One connection to an endpoint: reads answers, strictly, and hands them to the exchange it carries.

    IDLE --carry--> HEAD --head--> BODY --end--> IDLE (released to its pool) or closed
                     └--1xx--> HEAD   ├--101--> TUNNEL
                                      └--nobody wants it--> ASIDE --all of it is here--> IDLE, else closed

A connection goes back to its pool only when request and answer are both complete, no byte is left over and both sides said that the
connection stays open; in every other case it is closed.  An idle connection that receives anything is closed too: whatever it
says would be read as the answer to somebody's next request.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.causes import excerpt, words
from fastgw.core.exchange.ends import Carrier
from fastgw.core.http1 import heads
from fastgw.core.net import remainder
from fastgw.core.net.connection import HOLD_PEER
from fastgw.errors import RETRY_IDEMPOTENT, RETRY_NEVER, RETRY_SAFE, UpstreamError
from fastgw.wire import response as answers
from fastgw.wire import scan
from fastgw.wire.chunked import ChunkReader, encode_chunk
from fastgw.wire.errors import WireError
from fastgw.wire.fields import RESPONSE_FIELDS, FieldTable, is_hopeless
from fastgw.wire.messages import BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.live.pool import Pool

IDLE, HEAD, BODY, TUNNEL, ASIDE = range(5)

BEGINNING = b"HTTP/1."  #: of every answer
INTERIM_MAX = 16  #: 1xx answers to one request; more is a flood
_TABLE = FieldTable(RESPONSE_FIELDS)

_LARGE = 64 * 1024  #: bytes of a body at hand with which its head does not share a write
_PART = 16 * 1024  #: bytes of a part of it, on average, that is worth a write of its own


class Http1Carrier(Carrier):
    """Protocol of one upstream connection; made by its pool, which it never leaves."""

    __slots__ = (
        "_buffer",
        "_chunks",
        "_interim",
        "_is_clean",
        "_is_encoding",
        "_kind",
        "_left",
        "_searched",
        "_spare",
        "_state",
        "idle_since",
        "is_member",
        "pool",
        "uses",
    )

    def __init__(self, pool: Pool) -> None:
        Carrier.__init__(self)
        # connection
        self.pool = pool
        self.is_member = False  #: counted in the pool's size
        self.uses = 0  #: exchanges carried so far
        self.idle_since = 0.0
        # exchange
        self._state = IDLE
        self._is_clean = False  #: nothing came behind the answer, and both sides said that the connection stays
        self._is_encoding = False  #: the request's body comes as data alone and has no length, so it is sent in chunks
        self._buffer = b""  #: an incomplete head
        self._searched = 0
        self._interim = 0
        self._kind = BODY_NONE  #: how the end of the answer's body is known
        self._left = 0  #: body bytes to come
        self._chunks: ChunkReader | None = None
        self._spare = -1  #: with TLS, while a body is on its way: a second descriptor of the socket

    # --- what the pool and the exchange do with it

    def carry(self, exchange: Exchange) -> None:
        """See ``Carrier``: head and body bytes at hand leave in one write."""
        self.exchange = exchange
        self._state = HEAD
        self._interim = 0
        self._is_clean = False
        self.was_held = False
        self.uses += 1
        plane = exchange.plane
        base = exchange.endpoint.base
        plane.values[base + counters.ENDPOINT_REQUESTS] += 1
        plane.values[base + counters.ENDPOINT_ACTIVE] += 1
        if self._fd < 0 and not exchange.body.is_done:
            self._spare = remainder.spare(self)
        head = heads.request_head(exchange)
        body = exchange.body
        self._is_encoding = exchange.request.chunked and not body.is_framed
        if self._is_encoding:
            self.write(head + encode_chunk(body.take(), body.is_done, body.trailers))
        elif body.held > _LARGE:  # as large as that it is not copied to stand behind the head
            self.write(head)
            if body.held >= _PART * len(body.pending):  # nor to be one piece
                for part in body.take_parts():
                    self.write(part)
            else:
                self.write(body.take())
        elif body.held:
            self.write(scan.pair(head, body.take()))
        else:
            self.write(head)

    def send_body(self, data: bytes, is_last: bool) -> None:
        """See ``Carrier``: what the client's framing is, is ours, if it is HTTP/1's."""
        if self._is_encoding and self.exchange is not None:
            data = encode_chunk(data, is_last, self.exchange.body.trailers)
        self.write(data)

    def leave(self) -> None:
        """See ``Carrier``."""
        exchange = self.exchange
        if exchange is not None:
            self.exchange = None
            exchange.plane.values[exchange.endpoint.base + counters.ENDPOINT_ACTIVE] -= 1
        if self._spare >= 0:
            os.close(self._spare)
            self._spare = -1

    def let_go(self, is_request_done: bool) -> None:
        """See ``Carrier``."""
        exchange = self.exchange
        self.leave()
        self._state = IDLE
        if self.is_paused and exchange is not None:
            exchange.client.release(HOLD_PEER)
        if self._holds & HOLD_PEER:
            self.release(HOLD_PEER)
        is_sent = not self._is_broken and (not self._is_queued or self.transport.get_write_buffer_size() == 0)
        # Bytes behind the answer may wait unread where reading was held: the next exchange would take them for its answer.
        is_read = not self._buffer and not (self.was_held and self.has_news())
        if is_request_done and self._is_clean and is_sent and is_read and not self.is_closed:
            self.pool.put_back(self)
        else:
            self.abort()

    def is_between_chunks(self) -> bool:
        """See ``Carrier``."""
        return self._chunks is None or self._chunks.is_between()

    def chunk_data(self) -> int:
        """See ``Carrier``."""
        return self._chunks.payload if self._chunks is not None else 0

    def set_aside(self) -> None:
        """See ``Carrier``: whether all of it is here ``_begin_body`` knows, which has called."""
        exchange = self.exchange
        if exchange is not None:
            self._is_clean = exchange.response.keep_alive and exchange.body.is_done
            if self.is_paused:
                exchange.client.release(HOLD_PEER)
        self.leave()
        self._state = ASIDE

    # --- what the event loop calls

    def connection_made(self, transport: Any) -> None:
        """The connection (and its TLS handshake) is complete."""
        self.attach(transport)

    def data_received(self, data: bytes) -> None:
        """Bytes from the service."""
        exchange = self.exchange
        if exchange is None or self.is_closed:
            self.abort()
        elif exchange.overhead > 0.0:
            self._receive_timed(exchange, data)
        elif self._state == BODY:
            self._read_body(exchange, data, 0)
        elif self._state == HEAD:
            self._read_head(exchange, data)
        elif self.tunnel is not None:
            self.tunnel.from_service(data)

    def _receive_timed(self, exchange: Exchange, data: bytes) -> None:
        """The same, where it is measured what the exchange costs us (``Http1Client``)."""
        plane, serial, overhead = exchange.plane, exchange.serial, exchange.overhead
        exchange.overhead = 0.0
        began = plane.clock()
        self.data_received(data)
        overhead += plane.clock() - began
        if exchange.serial != serial:
            plane.count_time(counters.OVERHEAD_US, overhead)
        elif exchange.carrier is self:  # else another member is asked
            exchange.overhead = overhead

    def eof_received(self) -> bool:
        """The service will say no more: that ends a body without a length, and one half of a tunnel; it breaks off everything else.
        Behind a reset that a failed write was told of, reading ends as if nothing had happened."""
        if self.tunnel is not None:
            stays: bool = self.tunnel.end_half(self)
            return stays
        self._ended(not self._is_broken, None)
        return False

    def keeps_rest(self) -> bool:
        """What came before a reset belongs to the exchange."""
        return self.exchange is not None

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        if self.exchange is not None:
            if remainder.outlives(self, self.exchange.plane.loop, error, self._spare):
                return
            if error is not None:
                self.read_rest()
        self.is_closed = True
        self._fd = -1
        self._ended(False, error)
        self.pool.on_closed(self)

    def pause_writing(self) -> None:
        """The service reads slower than the client sends."""
        self.is_paused = True
        if self.exchange is not None:
            self.exchange.client.hold(HOLD_PEER)

    def resume_writing(self) -> None:
        """The service has caught up."""
        self.is_paused = False
        if self.exchange is not None:
            self.exchange.client.release(HOLD_PEER)

    # --- reading

    def _read_head(self, exchange: Exchange, data: bytes) -> None:
        if self._buffer:
            data = self._buffer + data
            self._buffer = b""
        head_size = exchange.listener.head_size
        at = 0
        while True:
            end = scan.find_head_end(data, at if at > self._searched else self._searched)
            if end < 0 or end + 4 - at > head_size:
                break
            self._searched = 0
            head = data if end + 4 == len(data) and not at else scan.cut(data, at, end + 4)
            at = end + 4
            response = exchange.response
            try:
                answers.read_response(
                    head, response, _TABLE, exchange.listener.reader.head_count, exchange.request.method == b"HEAD"
                )
            except WireError as error:
                exchange.fail(bad_answer(f"the service's answer cannot be passed on: {error.detail}", head))
                return
            if response.status >= 200 or response.status == 101:
                self._begin_body(exchange, data, at)
                return
            self._interim += 1
            if self._interim > INTERIM_MAX:
                exchange.fail(bad_answer("the service sent too many interim answers", head))
                return
            exchange.on_interim()
        if len(data) - at > head_size:
            detail = f"the head of the service's answer is larger than {head_size} bytes"
            exchange.fail(bad_answer(detail, data[at:]))
            return
        self._buffer = data[at:] if at else data
        if not BEGINNING.startswith(self._buffer[: len(BEGINNING)]):
            exchange.fail(bad_answer("the service's answer is not HTTP/1", self._buffer))
            return
        if is_hopeless(self._buffer, self._searched + 2 if self._searched else 0):
            detail = "the service's answer has a control character or a bare CR or LF in its head"
            exchange.fail(bad_answer(detail, self._buffer))
            return
        self._searched = max(0, len(self._buffer) - 3)

    def _begin_body(self, exchange: Exchange, data: bytes, at: int) -> None:
        response = exchange.response
        if response.status == 101:
            self._state = TUNNEL
            exchange.on_upgrade()
            if self.tunnel is not None and at < len(data):
                self.tunnel.from_service(data[at:])
            return
        self._state = BODY
        kind = self._kind = response.body
        if kind == BODY_LENGTH:
            self._left = response.content_length
        exchange.on_head()
        # A hook that waits, or one that answered instead, may have taken the exchange elsewhere.
        # A hedge's answer that wins is the answer of another exchange from here on.
        owner = self.exchange
        if owner is not None and self._state == BODY:
            if kind == BODY_CHUNKED:
                limits = owner.listener.limits
                # A hook that wants to see the body has made another kind of it.
                decode = response.body != BODY_CHUNKED or owner.client.wants_data(owner)
                self._chunks = ChunkReader(limits.head_size, limits.head_count, decode=decode)
            self._read_body(owner, data, at)
        elif self._state == ASIDE:
            self._end_aside(data, at)

    def _end_aside(self, data: bytes, at: int) -> None:
        """Nobody wants the answer whose body begins in ``data`` at ``at``: keep the connection if that is all of it."""
        size = len(data) - at
        if self._kind == BODY_LENGTH:
            is_whole = size == self._left
        elif self._kind == BODY_CHUNKED:
            chunks = ChunkReader(len(data), len(data), decode=True)
            try:
                chunks.feed(data, at)
                is_whole = chunks.done and chunks.end == len(data)
            except WireError:
                is_whole = False
        else:
            is_whole = self._kind == BODY_NONE and not size
        self.let_go(is_whole)

    def _read_body(self, exchange: Exchange, data: bytes, at: int) -> None:
        kind = self._kind
        size = len(data)
        if kind == BODY_LENGTH:
            left = self._left - (size - at)
            if left > 0:
                self._left = left
                exchange.on_body(data[at:] if at else data, size - at)
                return
            stop = size + left
            self._left = 0
            self._is_clean = not left and exchange.response.keep_alive
            exchange.on_last_body(data if stop == size and not at else scan.cut(data, at, stop), stop - at)
        elif kind == BODY_NONE:
            self._is_clean = at == size and exchange.response.keep_alive
            exchange.on_last_body(b"", 0)
        elif kind == BODY_CHUNKED:
            self._read_chunks(exchange, data, at)
        elif at < size:
            exchange.on_body(data[at:] if at else data, size - at)
        else:
            exchange.on_body(b"", 0)

    def _read_chunks(self, exchange: Exchange, data: bytes, at: int) -> None:
        chunks = self._chunks
        assert chunks is not None
        before = chunks.payload
        try:
            out = chunks.feed(data, at)
        except WireError as error:
            exchange.fail(bad_answer(f"the service's answer broke off: {error.detail}", data[at:]))
            return
        if chunks.done:
            self._chunks = None
            if chunks.trailers:
                exchange.response.trailers = chunks.trailers
            self._is_clean = chunks.end == len(data) and exchange.response.keep_alive
            exchange.on_last_body(out, chunks.payload - before)
        else:
            exchange.on_body(out, chunks.payload - before)

    def _ended(self, clean: bool, error: Exception | None) -> None:
        exchange = self.exchange
        if exchange is None:
            if not self.is_closed:
                self.abort()
            return
        if self.tunnel is not None:
            self.tunnel.end()
        elif self._state == BODY and self._kind == BODY_UNTIL_CLOSE and clean:
            exchange.on_last_body(b"", 0)
        elif self._state == HEAD:
            retry = RETRY_NEVER
            if not self._buffer and not self._interim:  # not a byte came back
                retry = RETRY_IDEMPOTENT if self.uses > 1 else RETRY_SAFE
            detail = "the service closed the connection before it answered"
            came = f", {excerpt(self._buffer)} had come of the head" if self._buffer else ""
            reason = f"{_end(error)} before it answered{came}; request {self.uses} of the connection"
            exchange.fail(UpstreamError(502, "upstream_reset", detail, retry=retry, reason=reason))
        else:
            detail = "the service closed the connection in the middle of its answer"
            reason = f"{_end(error)} after {exchange.bytes_out} bytes of the answer"
            exchange.fail(UpstreamError(502, "upstream_reset", detail, reason=reason))


def bad_answer(detail: str, data: bytes) -> UpstreamError:
    """The error for an answer that cannot be passed on; ``data``: the bytes in question, which the operator sees the first of."""
    return UpstreamError(502, "bad_answer", detail, reason=f"{detail}: {excerpt(data)}")


def _end(error: Exception | None) -> str:
    return f"the connection ended ({words(error)})" if error is not None else "the service closed the connection"
