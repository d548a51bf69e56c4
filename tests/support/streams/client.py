"""A client's connection with many exchanges at once: each stream is a ``Client``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastgw.core.exchange.ends import Client
from fastgw.core.http1 import heads
from fastgw.core.net.connection import HOLD_PEER
from fastgw.errors import DownstreamError
from fastgw.wire.errors import WireError
from tests.support.streams.flow import Incoming, Outgoing

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.exchange.reply import Reply
    from fastgw.testing.edge import Edge

HOLD_EARLY = 64  #: bytes for a tunnel wait until there is one


class StreamClient(Client):
    """One exchange of a connection that has many."""

    def __init__(self, link: ClientLink) -> None:
        Client.__init__(self, link.listener, link.address)
        self.forwarded = heads.forwarded_fields(link.address, link.listener.scheme)
        self.link = link
        self.plane = link.plane
        self.incoming = Incoming(self.plane.loop, self._arrived)
        self.outgoing = Outgoing(self._on_pause, self._on_resume)
        self.tunnel: Any = None
        self.refused: WireError | None = None
        # what its peer saw
        self.head = b""
        self.trailers = b""
        self.interim: list[bytes] = []
        self.is_complete = False
        self.is_reset = False
        self._early: tuple[bytes, bool] | None = None
        self._left = -1  #: body bytes to come, as the head said; -1: it did not
        self._stalled_at = -1

    @property
    def body(self) -> bytes:
        """What came of the answer's body."""
        return bytes(self.outgoing.data)

    # --- what its peer does

    def begin(self, head: bytes, data: bytes, is_last: bool) -> None:
        """A request was read: its head, and what of its body came with it."""
        exchange = self.plane.take()
        try:
            self.listener.reader.read(head, exchange.request, self.listener.table)
        except WireError as error:
            self.plane.give_back(exchange)
            self.refused = error
            self.is_closed = True
            return
        self.exchange = exchange
        self.was_held = False
        self.plane.unconnected.add(self)
        if exchange.request.has_body:
            self._left = exchange.request.content_length
            self._early = (data, is_last)
            exchange.begin(self, self.listener)
            if self.exchange is exchange:
                self.read_body()
        else:
            self.incoming.is_over = exchange.request.upgrade == b""
            self.incoming.hold(HOLD_EARLY)
            exchange.begin(self, self.listener)

    def feed(self, data: bytes, is_last: bool = False, trailers: bytes = b"") -> None:
        """More of the request's body arrives, with the field lines behind it, or bytes for a tunnel."""
        if not self.is_closed:
            if self.exchange is not None:
                self.exchange.body.trailers = trailers
            self.incoming.arrive(data, is_last)

    def reset(self) -> None:
        """The peer is not interested any more, or the stream is broken: both are told at once."""
        if self.is_closed:
            return
        self._close()
        self.is_reset = True
        exchange, self.exchange = self.exchange, None
        if self.tunnel is not None:
            self.tunnel.end()
        elif exchange is not None:
            exchange.abort()

    def _arrived(self, data: bytes, is_last: bool) -> None:
        exchange = self.exchange
        if self.tunnel is not None:
            self.tunnel.from_client(data)
            if is_last and self.tunnel is not None and not self.tunnel.end_half(self):
                self.tunnel.end()
        elif exchange is not None and exchange.replied is None and not exchange.body.is_done:
            exchange.body.received += len(data)
            exchange.body.is_done = is_last
            if self._left >= 0:
                self._left -= len(data)
                if self._left < 0 or (is_last and self._left):  # a malformed request (RFC 9113 section 8.1.1)
                    exchange.body.is_done = False
                    self.reset()
                    return
            exchange.on_request_body(data)

    # --- what the exchange calls

    def read_body(self) -> None:
        early, self._early = self._early, None
        if early is not None:
            self.feed(*early)

    def hold(self, bit: int) -> None:
        self.was_held = True
        self.incoming.hold(bit)

    def release(self, bit: int) -> None:
        self.incoming.release(bit)

    @property
    def is_held(self) -> bool:
        return self.incoming.holds != 0

    def write(self, data: bytes) -> None:
        if not self.is_closed:
            self.outgoing.send(data)

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        self.is_complete = True

    def takes_trailers(self, exchange: Exchange) -> bool:
        return exchange.request.te_trailers

    def send_interim(self, exchange: Exchange) -> None:
        self.interim.append(heads.interim_head(exchange))

    def send_head(self, exchange: Exchange) -> None:
        response = exchange.response
        assert not self.head, "an answer has one head"
        self.head = response.line + response.fields + response.extra + b"\r\n"

    def send_body(self, data: bytes) -> None:
        assert not self.is_complete, "nothing comes behind the end"
        self.write(data)

    def send_last(self, data: bytes) -> None:
        self.send_body(data)
        self.is_complete = True
        if self.exchange is not None:
            self.trailers = self.exchange.response.trailers

    def send_reply(self, exchange: Exchange, reply: Reply) -> int:
        self.send_head(exchange)
        body = b"" if exchange.request.method == b"HEAD" else reply.body
        self.send_last(body)
        return len(body)

    def start_tunnel(self, exchange: Exchange, tunnel: Any) -> None:
        self.head = heads.upgrade_head(exchange)
        self.tunnel = tunnel
        self.incoming.release(HOLD_EARLY)

    def cut(self, exchange: Exchange) -> None:
        self.is_reset = True
        self._close()

    def on_finished(self, keep_alive: bool, is_request_done: bool) -> None:
        self.exchange = None
        self.incoming.drop()  # what is missing of the request is not wanted
        if self.is_closed:
            return
        if self.is_paused:
            self._watch_writing()
        else:
            self._close()

    def on_deadline(self, now: float) -> None:
        exchange = self.exchange
        if self.is_paused and not (exchange is not None and exchange.last and now >= exchange.last):
            if self.outgoing.queued != self._stalled_at:
                self._stalled_at = self.outgoing.queued
                self._watch_writing()
                return
            if exchange is not None and exchange.error is None:
                exchange.error = DownstreamError(499, "write_timeout", "the client took nothing of its answer in time")
            self.reset()
        elif exchange is not None:
            exchange.on_deadline(now)

    def close(self) -> None:
        if not self.is_closed:
            self.is_complete = True
            self._close()

    def abort(self) -> None:
        if not self.is_closed:
            self.plane.loop.call_soon(self.reset)

    # --- inside

    def _on_pause(self) -> None:
        self.is_paused = True
        self._stalled_at = -1
        if self.exchange is not None and self.exchange.carrier is not None:
            self.exchange.carrier.hold(HOLD_PEER)
        self._watch_writing()

    def _on_resume(self) -> None:
        self.is_paused = False
        if self.exchange is not None:
            self.exchange.on_client_ready()
        elif not self.is_closed:
            self._close()

    def _watch_writing(self) -> None:
        self.deadline = self.plane.now + self.listener.timeouts.write

    def _close(self) -> None:
        self.is_closed = True
        self.incoming.drop()
        self.plane.unconnected.discard(self)
        self.link.on_stream_over(self)


class ClientLink(Client):
    """A client's connection that has many exchanges at once; its streams are their clients, so it has none itself."""

    def __init__(self, edge: Edge, address: bytes = b"10.9.9.9") -> None:
        Client.__init__(self, edge.listener, address)
        self.plane = edge.plane
        self.open_streams: set[StreamClient] = set()
        self.streams: list[StreamClient] = []  #: all there have been
        if not self.plane.admit(self):
            self.is_closed = True
        self._rest()

    def ask(self, head: bytes, data: bytes = b"", *, is_last: bool = True) -> StreamClient:
        """Begin one more exchange; ``is_last``: ``data`` is all of its body."""
        stream = StreamClient(self)
        self.listener = stream.listener = self.plane.listeners.get(self.listener.name, self.listener)
        self.streams.append(stream)
        self.open_streams.add(stream)
        self.deadline = float("inf")
        stream.begin(head, data, is_last)
        if stream.is_closed:
            self.on_stream_over(stream)
        return stream

    def on_stream_over(self, stream: StreamClient) -> None:
        """One of its streams has closed."""
        self.open_streams.discard(stream)
        if not self.open_streams:
            if self.plane.is_draining:
                self.plane.loop.call_soon(self.close)
            else:
                self._rest()

    def lose(self) -> None:
        """The connection is gone, and all its streams with it."""
        if not self.is_closed:
            self.is_closed = True
            for stream in list(self.open_streams):
                stream.reset()
            self.plane.discharge(self)

    def close(self) -> None:
        self.lose()

    def abort(self) -> None:
        self.plane.loop.call_soon(self.lose)

    def on_deadline(self, now: float) -> None:
        self.close()

    def _rest(self) -> None:
        self.deadline = self.plane.now + self.listener.idle_timeout

    @property
    def is_idle(self) -> bool:
        return not self.open_streams
