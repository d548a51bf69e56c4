"""Connections to a service with many exchanges at once: each stream is a ``Carrier``."""

from __future__ import annotations

from collections import deque
from types import SimpleNamespace
from typing import TYPE_CHECKING

from fastgw.core import counters
from fastgw.core.causes import connect_error
from fastgw.core.exchange.ends import Carrier
from fastgw.core.http1 import heads
from fastgw.core.live.pool import Pool
from fastgw.core.net.connection import HOLD_PEER
from fastgw.errors import RETRY_ALWAYS, RETRY_IDEMPOTENT, RETRY_NEVER, RETRY_SAFE, GatewayError, UpstreamError
from fastgw.wire.errors import WireError
from fastgw.wire.fields import RESPONSE_FIELDS, FieldTable
from fastgw.wire.response import read_response
from tests.support.streams.flow import Incoming, Outgoing

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.plane import Plane
    from fastgw.core.settings import PoolSettings

_TABLE = FieldTable(RESPONSE_FIELDS)


class StreamCarrier(Carrier):
    """One exchange of a connection to a service that has many."""

    def __init__(self, link: ServiceLink) -> None:
        Carrier.__init__(self)
        self.link = link
        self.incoming = Incoming(link.loop, self._arrived)
        self.outgoing = Outgoing(self._on_pause, self._on_resume)
        # what the service saw
        self.head = self.trailers = b""
        self.is_complete = False
        self.is_reset = False
        self._has_head = False
        self._answered = False  #: anything came back
        self._left = -1

    @property
    def body(self) -> bytes:
        """What came of the request's body."""
        return bytes(self.outgoing.data)

    # --- what the service does

    def answer(self, head: bytes, data: bytes = b"", *, is_last: bool = True) -> None:
        """Answer with ``head``, or with an interim one, and what of the body is at hand."""
        exchange = self.exchange
        if exchange is None or self._has_head or self.incoming.holds:
            return
        response = exchange.response
        self._answered = True
        try:
            read_response(head, response, _TABLE, 100, exchange.request.method == b"HEAD")
        except WireError as error:
            exchange.fail(UpstreamError(502, "bad_answer", error.detail))
            return
        if response.status == 101:
            self._has_head = True
            exchange.on_upgrade()
            return
        if response.status < 200:
            exchange.on_interim()
            return
        self._has_head = True
        self._left = response.content_length
        exchange.on_head()
        if self.exchange is exchange:
            self.feed(data, is_last)

    def feed(self, data: bytes, is_last: bool = False, trailers: bytes = b"") -> None:
        """More of the answer's body arrives, with the field lines behind it, or bytes of a tunnel."""
        if trailers and self.exchange is not None:
            self.exchange.response.trailers = trailers
            self.exchange.response.rare = True
        if self._has_head and (self.exchange is not None or self.tunnel is not None):
            self.incoming.arrive(data, is_last)

    def reset(self, retry: int = RETRY_NEVER) -> None:
        """The service ends this stream, and no other; ``retry``: whether somebody else may be asked."""
        exchange = self.exchange
        if exchange is None:
            return
        self.is_closed = True
        if self.tunnel is not None:
            self.tunnel.end()
        else:
            detail = "the service broke its answer off"
            exchange.fail(UpstreamError(502, "upstream_reset", detail, retry=RETRY_NEVER if self._answered else retry))

    def _arrived(self, data: bytes, is_last: bool) -> None:
        exchange = self.exchange
        if self.tunnel is not None:
            self.tunnel.from_service(data)
            if is_last and not self.tunnel.end_half(self):
                self.tunnel.end()
            return
        if exchange is None:
            return
        if exchange.request.method == b"HEAD" or exchange.response.status in (204, 304):
            data, self._left = b"", -1
        if self._left >= 0:
            self._left -= len(data)
            if self._left < 0 or (is_last and self._left):  # RFC 9113 section 8.1.1
                exchange.fail(UpstreamError(502, "bad_answer", "the answer has not the length it told"))
                return
        if is_last:
            exchange.on_last_body(data, len(data))
        elif data:
            exchange.on_body(data, len(data))

    # --- what the exchange calls

    def carry(self, exchange: Exchange) -> None:
        assert not exchange.body.is_framed, "chunks are nothing to this protocol"
        self.exchange = exchange
        values = exchange.plane.values
        values[exchange.endpoint.base + counters.ENDPOINT_REQUESTS] += 1
        values[exchange.endpoint.base + counters.ENDPOINT_ACTIVE] += 1
        self.head = heads.request_head(exchange)
        self.send_body(exchange.body.take(), exchange.body.is_done)

    def send_body(self, data: bytes, is_last: bool) -> None:
        assert not self.is_complete, "nothing comes behind the end"
        self.outgoing.send(data)
        self.is_complete = is_last
        if is_last and self.exchange is not None:
            self.trailers = self.exchange.body.trailers

    def write(self, data: bytes) -> None:
        self.outgoing.send(data)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_complete = True

    def hold(self, bit: int) -> None:
        self.incoming.hold(bit)

    def release(self, bit: int) -> None:
        self.incoming.release(bit)

    def leave(self) -> None:
        exchange, self.exchange = self.exchange, None
        if exchange is not None:
            exchange.plane.values[exchange.endpoint.base + counters.ENDPOINT_ACTIVE] -= 1

    def let_go(self, is_request_done: bool) -> None:
        exchange = self.exchange
        self.leave()
        if self.is_paused and exchange is not None:
            exchange.client.release(HOLD_PEER)
        if not (is_request_done and self.incoming.is_over):
            self.is_reset = True
        self._close()

    def close(self) -> None:
        self._close()

    def abort(self) -> None:
        if not self.is_closed:
            self.is_reset = True
            self._close()

    # --- inside

    def _on_pause(self) -> None:
        self.is_paused = True
        if self.exchange is not None:
            self.exchange.client.hold(HOLD_PEER)

    def _on_resume(self) -> None:
        self.is_paused = False
        if self.exchange is not None:
            self.exchange.client.release(HOLD_PEER)

    def _close(self) -> None:
        self.is_closed = True
        self.incoming.drop()
        self.link.on_stream_over(self)


class ServiceLink:
    """A connection to a service: being opened, then open for as many streams as its pool allows, then gone."""

    def __init__(self, pool: StreamPool, plane: Plane) -> None:
        self.pool = pool
        self.loop = plane.loop
        self.since = plane.now  #: it is being opened, or idle
        self.is_open = False
        self.is_going = False  #: no new stream is taken
        self.is_lost = False
        self.open_streams: set[StreamCarrier] = set()
        self.streams: list[StreamCarrier] = []  #: all there have been

    def open(self) -> None:
        """The connection is there."""
        self.is_open = True
        self.pool.on_open(self)

    def refuse(self, error: Exception) -> None:
        """It could not be opened."""
        self.is_lost = True
        self.pool.on_refused(self, error)

    def carrier(self) -> StreamCarrier:
        """One more stream."""
        stream = StreamCarrier(self)
        self.streams.append(stream)
        self.open_streams.add(stream)
        return stream

    def go_away(self, last: int) -> None:
        """No new streams, and those behind number ``last`` were not begun (RFC 9113 section 6.8)."""
        self.is_going = True
        for number, stream in enumerate(self.streams):
            if number > last:
                stream.reset(RETRY_ALWAYS)
        if not self.open_streams:
            self.lose()

    def lose(self) -> None:
        """The connection is gone, and all its streams with it."""
        if self.is_lost:
            return
        self.is_lost = self.is_going = True
        retry = RETRY_IDEMPOTENT if len(self.streams) > len(self.open_streams) else RETRY_SAFE
        for stream in list(self.open_streams):
            stream.reset(retry)
        self.pool.on_lost(self)

    def on_stream_over(self, stream: StreamCarrier) -> None:
        """One of its streams has closed."""
        self.open_streams.discard(stream)
        if not self.open_streams and self.is_going and not self.is_lost:
            self.lose()
        elif not self.is_lost:
            self.pool.on_room(self)


class StreamPool(Pool):
    """The connections to one endpoint: one that takes new streams, and those that finish theirs."""

    def __init__(self, endpoint: Endpoint, plane: Plane) -> None:
        Pool.__init__(self, endpoint.settings.pool)
        self._endpoint = endpoint
        self._plane = plane
        self.links: list[ServiceLink] = []
        self.waiters: deque[Exchange] = deque()
        self.idle = ()
        self.uploads = SimpleNamespace(
            under_way=(), line=()
        )  # a stream that waits for its body keeps nobody else waiting
        self._is_over = False

    @property
    def size(self) -> int:
        """Connections that take streams, or are being opened."""
        return sum(not one.is_going for one in self.links)

    @property
    def pressing(self) -> int:
        return 0

    def acquire(self, exchange: Exchange) -> StreamCarrier | None:
        link = self._current()
        if link is not None and link.is_open and len(link.open_streams) < self.settings.max_connections:
            return link.carrier()
        self.check_line()
        self.waiters.append(exchange)
        self._plane.values[self._endpoint.base + counters.ENDPOINT_WAITING] += 1
        self._open_if_needed()
        return None

    def check_line(self) -> None:
        if len(self.waiters) >= self.settings.max_pending:
            raise UpstreamError(503, "pool_full", "too many requests are waiting", retry=RETRY_ALWAYS)

    def cancel(self, exchange: Exchange) -> None:
        if exchange in self.waiters:
            self.waiters.remove(exchange)
            self._plane.values[self._endpoint.base + counters.ENDPOINT_WAITING] -= 1

    def on_request_done(self, exchange: Exchange) -> None:
        """That it is complete changes nothing."""

    def sweep(self, now: float) -> None:
        for link in list(self.links):
            if not link.is_open and now - link.since >= self.settings.connect_timeout:
                link.refuse(TimeoutError())
            elif link.is_open and not link.open_streams and now - link.since >= self.settings.idle_timeout:
                link.lose()

    def warm_up(self) -> None:
        if self.settings.warm and self._current() is None and not self._endpoint.ejection.is_ejected:
            self._open()

    def apply(self, settings: PoolSettings) -> None:
        self.settings = settings
        self._open_if_needed()

    def open_one(self) -> bool:
        self._open()
        return True

    def turn_away(self, error: GatewayError) -> None:
        while self.waiters:
            self._next_waiter().fail(error)

    def hand_over(self) -> None:
        while self.waiters:
            self.waiters[0].ask_anew()
        self.links = [one for one in self.links if one.is_open]

    def drop_idle(self) -> None:
        for link in list(self.links):
            if link.is_open and not link.open_streams:
                link.lose()

    def retire(self) -> None:
        for link in list(self.links):
            if link.is_open:
                link.go_away(len(link.streams))

    def close(self) -> None:
        self._is_over = True
        self.retire()
        for link in [one for one in self.links if not one.is_open]:
            link.refuse(ConnectionAbortedError())

    # --- what its connections tell

    def on_open(self, link: ServiceLink) -> None:
        self.on_room(link)
        self._endpoint.connected()

    def on_room(self, link: ServiceLink) -> None:
        """``link`` may take another stream."""
        link.since = self._plane.now
        while self.waiters and not link.is_going and len(link.open_streams) < self.settings.max_connections:
            self._next_waiter().on_carrier(link.carrier())
        self._open_if_needed()

    def on_refused(self, link: ServiceLink, error: Exception) -> None:
        self.links.remove(link)
        self._plane.values[self._endpoint.base + counters.ENDPOINT_CONNECT_FAILURES] += 1
        failure: GatewayError = connect_error(error, is_tls=False)
        if self.waiters:
            self._next_waiter().fail(failure)
        else:
            self._endpoint.unconnected(failure)
        self._open_if_needed()

    def on_lost(self, link: ServiceLink) -> None:
        self.links.remove(link)
        self._open_if_needed()

    # --- inside

    def _current(self) -> ServiceLink | None:
        return next((one for one in self.links if not one.is_going), None)

    def _next_waiter(self) -> Exchange:
        self._plane.values[self._endpoint.base + counters.ENDPOINT_WAITING] -= 1
        return self.waiters.popleft()

    def _open_if_needed(self) -> None:
        if self.waiters and self._current() is None and not self._is_over:
            self._open()

    def _open(self) -> None:
        self._plane.values[self._endpoint.base + counters.ENDPOINT_CONNECTS] += 1
        self.links.append(ServiceLink(self, self._plane))
