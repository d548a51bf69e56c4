"""One client connection: finds request heads, one at a time, and keeps what comes early in order.

    HEAD --request read--> BUSY --answer complete--> HEAD ...        keep-alive; pipelined bytes wait in ``_buffer``
      └--refused--> LINGER      └--101--> TUNNEL

While an exchange is in progress its body bytes go straight to it; anything behind the body is the beginning of the next request and is kept
(bounded: reading pauses) until the answer is out, so answers leave in the order of the requests (RFC 9112 section 9.3.2).  An idle
connection holds no parser, no request and no exchange: that is where the memory of thousands of idle clients would go.

LINGER is how a connection ends when the client may still be sending: ``core/net/lingering.py`` says how and how long.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.exchange.reply import refusal
from fastgw.core.http1 import heads
from fastgw.core.http1.beginnings import BLANK_LINES_MAX, HTTP2_BEGINS, check_beginning
from fastgw.core.http1.bodies import Http1Bodies
from fastgw.core.net.connection import HOLD_PEER, HOLD_PENDING, HOLD_PIPELINE, Connection
from fastgw.core.net.peers import accepted_elsewhere, is_within
from fastgw.core.plane import TIMED_EVERY
from fastgw.errors import DownstreamError
from fastgw.wire import scan
from fastgw.wire.errors import WireError
from fastgw.wire.subject import subject_fields

if TYPE_CHECKING:
    from fastgw.core.dataplane import DataPlane
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.exchange.tunnel import Tunnel
    from fastgw.core.snapshot.snapshot import Listener

_UNKNOWN = b"unknown"
TLS_BEGINS = b"\x16"  #: the first byte of a TLS handshake (RFC 8446 section 5.1), and of nothing that is text


class Http1Client(Http1Bodies):
    """Protocol of one client connection."""

    __slots__ = (
        "_blank_lines",
        "_generation",
        "_is_advancing",
        "_is_lingering",
        "_lingered",
        "_searched",
        "_stalled_at",
        "_tunnel",
        "plane",
    )

    def __init__(self, plane: DataPlane, listener: Listener) -> None:
        Http1Bodies.__init__(self, listener, _UNKNOWN)  # a PROXY header may announce another address
        self.plane = plane

    def _open(self) -> None:
        Http1Bodies._open(self)
        # connection
        self._generation = 0  #: of the plane when ``listener`` was looked up
        self._is_lingering = False
        self._tunnel: Tunnel | None = None
        self._lingered = 0  #: bytes thrown away since somebody looked
        self._stalled_at = -1  #: bytes queued when the write deadline was last looked at
        # request
        self._is_advancing = False
        self._searched = 0  #: where in ``_buffer`` the end of the head may begin
        self._blank_lines = 0

    # --- what the event loop calls

    def connection_made(self, transport: Any) -> None:
        """A client connected (and its TLS handshake is complete), to a socket that the loop or somebody else accepts on."""
        self.attach(transport)
        self.identity = subject_fields(transport.get_extra_info("peercert"))
        self._begin(accepted_elsewhere(transport))

    def on_accepted(self, transport: Any, fd: int, address: bytes | None) -> None:
        """See ``Connection``."""
        Http1Bodies.on_accepted(self, transport, fd, address)
        self._begin(accepted_elsewhere(transport) if address is None else address)

    def _begin(self, address: bytes | None) -> None:
        if address is not None and self.address is _UNKNOWN:
            self.address = address
        if not self.plane.admit(self):
            self.abort()
            return
        listener = self.listener
        self._adopt(listener)
        if listener.head_timeout:
            self.deadline = self.plane.now + listener.head_timeout

    def _adopt(self, listener: Listener) -> None:
        self.listener = listener
        self._generation = self.plane.generation
        self.is_trusted = is_within(self.address, listener.trusted) if listener.trusted else False
        self.forwarded = self.identity + heads.forwarded_fields(self.address, listener.scheme)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        exchange = self.exchange
        if exchange is not None:
            if self._tunnel is not None:
                self._tunnel.from_client(data)
            elif exchange.body.is_done:
                self._keep(data)
            else:
                self._read_body(exchange, self._take_early() + data if self._buffer else data)
        elif self._is_lingering or self.is_closed:
            self._lingered += len(data)
        elif self._tunnel is not None:  # of an exchange that is over: a closing handshake
            self._tunnel.from_client(data)
        elif self.is_paused:
            self._keep(data)
        else:
            self._buffer = self._buffer + data if self._buffer else data
            self.plane.until_timed -= 1
            if self.plane.until_timed > 0:
                self._advance()
            else:
                self._advance_timed()

    def eof_received(self) -> bool:
        """The client will send no more; True: its connection stays open for the answer.

        Whether it waits or has left cannot be told from this (a connection that was closed looks the same until something is written to
        it), so ``half_close`` of the route or the listener says what to think.  With TLS the loop closes the connection in any case.
        """
        if self._tunnel is not None:
            return self._tunnel.end_half(self)
        if self._is_lingering:
            self.close()
            return False
        exchange = self.exchange
        choice = self.listener.half_close
        if exchange is not None:
            exchange.is_half_closed = True
            self.plane.values[counters.HALF_CLOSES] += 1
            choice = exchange.route.settings.half_close or choice
        if choice != "answer" or not self.transport.can_write_eof() or self.is_closed:
            self.abort()
            return False
        self.is_ended = True
        self._settle_end()
        return not self.is_closed

    def _settle_end(self) -> None:
        """The client has ended its side: requests that are here whole are answered in their order, what is not whole never will be."""
        exchange = self.exchange
        if exchange is None:
            if not (self.is_paused and self._buffer):
                self.close()
            return
        exchange.is_half_closed = True
        if not exchange.body.is_done and self._buffer:
            self.read_body()
        if self.exchange is exchange:
            if not exchange.body.is_done:
                self.abort()
            elif not self._buffer:
                exchange.keep_alive = False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone; an exchange in progress is aborted now, in this tick."""
        self.is_closed = True
        self._fd = -1
        self._buffer = b""
        self.plane.discharge(self)
        if self._is_lingering:
            self.plane.lingering.forget(self)
        exchange, self.exchange = self.exchange, None
        if self._tunnel is not None:
            self._tunnel.end()
        elif exchange is not None:
            exchange.abort()

    def pause_writing(self) -> None:
        """The client reads slower than the service answers."""
        self.is_paused = True
        self._stalled_at = -1
        exchange = self.exchange
        if exchange is not None and exchange.carrier is not None:
            exchange.carrier.hold(HOLD_PEER)
        self._watch_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.is_paused = False
        exchange = self.exchange
        if exchange is not None:
            exchange.on_client_ready()
        elif not (self.is_closed or self._is_lingering):
            self._rest()

    # --- requests

    def _advance_timed(self) -> None:
        """The same for one whose cost to us is measured: from here until it is on its way to the service, and then each time something of
        the answer comes (``Http1Carrier``); and how late the loop has been of late.  One that waits for something is left out."""
        plane = self.plane
        plane.until_timed = TIMED_EVERY
        began = plane.clock()
        self._advance()
        exchange = self.exchange
        if exchange is not None and exchange.carrier is not None:
            exchange.overhead = plane.clock() - began + plane.lag

    def _advance(self) -> None:
        """Begin requests until one has to wait for its answer, for more bytes, or for the client to take the answers before it.  A
        loop, not a recursion: a request answered at once (a 404) calls back into this method before ``begin`` returns, and
        thousands may be pipelined."""
        if self._is_advancing:
            return
        self._is_advancing = True
        while self.exchange is None and self._buffer and not (self.is_closed or self._is_lingering or self.is_paused):
            if not self._begin_request():
                break
        self._is_advancing = False
        if self.is_ended:
            self._settle_end()

    def _begin_request(self) -> bool:
        """Begin the request at the front of the buffer; False: its head is not complete."""
        data = self._buffer
        if data[0] == 13:
            data = self._skip_blank_lines(data)
        end = scan.find_head_end(data, self._searched)
        if self._generation != self.plane.generation:
            self._adopt(self.plane.listeners.get(self.listener.name, self.listener))
        listener = self.listener
        if end < 0 or end + 4 > listener.head_size:
            self._wait_for_head(data, end)
            return False
        end += 4
        if end == len(data):
            head = data
            self._buffer = b""
        else:
            head = scan.cut(data, 0, end)
            self._buffer = scan.cut(data, end, len(data))
        self._searched = 0
        self._blank_lines = 0
        exchange = self.plane.take()
        try:
            listener.reader.read(head, exchange.request, listener.trusted_table if self.is_trusted else listener.table)
        except WireError as error:
            self.plane.give_back(exchange)
            if head == HTTP2_BEGINS and "h2" in listener.protocols and self._hand_over():
                return False
            self.refuse(error, head)
            return True
        self.exchange = exchange
        self.was_held = False
        exchange.begin(self, listener)
        return True

    def _hand_over(self) -> bool:
        """The client speaks HTTP/2 without having asked: another protocol goes on with this connection, if there is one."""
        go_on = self.plane.speak_http2
        if go_on is not None:
            go_on(self, self._take_early())
        return go_on is not None

    def _skip_blank_lines(self, data: bytes) -> bytes:
        while data[:2] == b"\r\n" and self._blank_lines < BLANK_LINES_MAX:
            data = self._buffer = data[2:]
            self._searched = 0
            self._blank_lines += 1
        return data

    def _wait_for_head(self, data: bytes, end: int) -> None:
        """The head is not complete (or too large): refuse now what can never become a request, else wait for more."""
        try:
            check_beginning(data, end, self._searched, self._blank_lines, self.listener.limits)
        except WireError as error:
            self.refuse(error, data)
            return
        if not self._searched and self.listener.head_timeout:
            self.deadline = self.plane.now + self.listener.head_timeout
        self._searched = max(1, len(data) - 3)

    def refuse(self, error: WireError, head: bytes) -> None:
        """Answer bytes that are no request, and trust nothing behind them; ``head``: how they begin, which tells whether the answer is one
        to HEAD and so without a body (RFC 9110 section 9.3.2)."""
        if head[:1] == TLS_BEGINS:
            error = WireError(
                400, "unexpected_tls", "this port speaks plain HTTP, and TLS came; use http, or configure tls"
            )
        typed = DownstreamError(error.status, error.code, error.detail, headers=error.headers)
        typed.received = head
        self.plane.on_bad_request(self, typed)
        error_format = self.listener.fallbacks.first.settings.errors
        self.write(refusal(typed, error_format, self.plane.date, is_head=head[:5] == b"HEAD "))
        self._linger()

    # --- what the exchange calls

    def on_finished(self, keep_alive: bool, is_request_done: bool) -> None:
        """The answer is out: the next request, or the end of the connection."""
        self.exchange = None
        if self.is_closed:
            return
        if not is_request_done:
            self._linger()
        elif not keep_alive or self.plane.is_draining:
            self._close_behind_answer()
        elif self.is_paused:
            # The next request is not begun before the client took this answer: otherwise pipelining would fill memory.
            self._watch_writing()
        else:
            self._rest()

    def _close_behind_answer(self) -> None:
        """The last answer is out; further requests that the client sent already are not answered, and more may be on the way."""
        if self._buffer:
            self._linger()
        else:
            self.close()

    def _rest(self) -> None:
        """Nothing is in progress: begin the next request if it is here, else wait for it."""
        self.deadline = self.plane.now + self.listener.idle_timeout
        if self._holds:
            self.release(HOLD_PENDING | HOLD_PIPELINE)
        if self._buffer:
            self._advance()
        elif self.is_ended and not self._is_advancing:
            self.close()

    def close(self) -> None:
        """See ``Connection.close``; a client that does not take what is queued has the write deadline to do so."""
        if not self.is_closed:
            self._watch_writing()
            Connection.close(self)

    def start_tunnel(self, exchange: Exchange, tunnel: Tunnel) -> None:
        """See ``Client``: bytes that came early are the first of those passed on."""
        self.write(heads.upgrade_head(exchange))
        self._tunnel = tunnel
        early = self._take_early()
        self.release(HOLD_PIPELINE)
        if early:
            tunnel.from_client(early)
        if self.is_ended:
            tunnel.end_half(self)

    def _linger(self) -> None:
        self._buffer = b""
        if self.is_closed:
            return
        if self.is_ended or not self.listener.timeouts.linger:
            self.close()
            return
        self._is_lingering = True
        if self._holds:
            self._holds = 0
            self.transport.resume_reading()
        self.plane.lingering.begin(self, self.plane.now, self.listener.timeouts.linger)
        if self.transport.can_write_eof():  # with TLS that would end both ways
            self.transport.write_eof()

    # --- deadlines

    def _watch_writing(self) -> None:
        write = self.listener.write_timeout
        if write:
            self.deadline = self.plane.now + write

    def on_deadline(self, now: float) -> None:
        """``deadline`` has passed."""
        exchange = self.exchange  # kept alive here until it has done what it does
        if self.is_closed:
            self.abort()
        elif self._is_lingering:
            received, self._lingered = self._lingered, 0
            self.plane.lingering.look(self, now, received, is_draining=self.plane.is_draining)
        elif self.is_paused and not (exchange is not None and exchange.last and now >= exchange.last):
            queued = self.transport.get_write_buffer_size()
            if queued == self._stalled_at:
                self._give_up()
            else:
                self._stalled_at = queued
                self._watch_writing()
        elif exchange is not None:
            if exchange.client is self:  # else who stands in its place has the deadline
                exchange.on_deadline(now)
        elif self._buffer or self._blank_lines:
            self.plane.values[counters.HEAD_TIMEOUTS] += 1
            self.refuse(WireError(408, "head_timeout", "the request head did not arrive in time"), self._buffer)
        else:
            self.close()

    def _give_up(self) -> None:
        """Nothing was read for a whole write timeout."""
        exchange = self.exchange
        if exchange is not None and exchange.error is None:
            exchange.error = DownstreamError(499, "write_timeout", "the client took nothing of its answer in time")
        self.abort()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in progress: no exchange, no part of a head."""
        return self.exchange is None and not self._buffer and not self._is_lingering

    def __repr__(self) -> str:
        return f"<Http1Client {self.address.decode('latin-1')} exchange={self.exchange!r}>"
