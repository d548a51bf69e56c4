"""One client connection: finds request heads, one at a time, and keeps what comes early in order.

    HEAD --request read--> BUSY --answer complete--> HEAD ...        keep-alive; pipelined bytes wait in ``_buffer``
      └--refused--> LINGER      └--101--> TUNNEL

While an exchange is in progress its body bytes go straight to it; anything behind the body is the beginning of the next request and is kept
(bounded: reading pauses) until the answer is out, so answers leave in the order of the requests (RFC 9112 section 9.3.2).  An idle
connection holds no parser, no request and no exchange: that is where the memory of thousands of idle clients would go.

LINGER is how a connection ends when the client may still be sending: ``core/net/lingering.py`` says how and how long.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.exchange.reply import refusal
from fastgw.core.http1 import heads
from fastgw.core.net.connection import HOLD_PEER, HOLD_PENDING, HOLD_PIPELINE, Connection
from fastgw.errors import DownstreamError
from fastgw.wire import scan
from fastgw.wire._scan_py import split_request_line
from fastgw.wire.errors import WireError, bad
from fastgw.wire.fields import is_hopeless
from fastgw.wire.subject import subject_fields

if TYPE_CHECKING:
    from fastgw.core.dataplane import DataPlane
    from fastgw.core.exchange.relay import Exchange
    from fastgw.core.exchange.tunnel import Tunnel
    from fastgw.core.snapshot.snapshot import Listener

_UNKNOWN = b"unknown"
TLS_BEGINS = b"\x16"  #: the first byte of a TLS handshake (RFC 8446 section 5.1), and of nothing that is text
BLANK_LINES_MAX = 2  #: empty lines skipped before a request line (RFC 9112 section 2.2 asks for at least one)


def client_address(peer: tuple[Any, ...]) -> bytes:
    """The address of a client by its socket address; one that came by IPv4 to a socket of IPv6 has that of IPv4 (RFC 4291 section 2.5.5.2).

    >>> client_address(("::ffff:10.0.0.1", 50000, 0, 0))
    b'10.0.0.1'
    """
    text = str(peer[0])
    return (text[7:] if "." in text and text.startswith("::ffff:") else text).encode("latin-1")


class Downstream(Connection):
    """Protocol of one client connection."""

    __slots__ = (
        "_blank_lines",
        "_buffer",
        "_generation",
        "_is_advancing",
        "_is_lingering",
        "_is_trusted",
        "_searched",
        "_stalled_at",
        "_tunnel",
        "address",
        "exchange",
        "forwarded",
        "identity",
        "lingered",
        "listener",
        "plane",
    )

    def __init__(self, plane: DataPlane, listener: Listener) -> None:
        Connection.__init__(self)
        # connection
        self.plane = plane
        self.listener = listener
        self.address = _UNKNOWN  #: of the client, as text; set already where a PROXY header announced it
        self.forwarded = b""
        self.identity = b""  #: field lines about the client that its certificate proves
        self._is_trusted = False
        self._generation = 0  #: of the plane when ``listener`` was looked up
        self._is_lingering = False
        self._tunnel: Tunnel | None = None
        self.lingered = 0  #: bytes thrown away since somebody looked
        self._stalled_at = -1  #: bytes queued when the write deadline was last looked at
        # request
        self.exchange: Exchange | None = None
        self._is_advancing = False
        self._buffer = b""  #: an incomplete head, or bytes behind the request in progress
        self._searched = 0  #: where in ``_buffer`` the end of the head may begin
        self._blank_lines = 0

    # --- what the event loop calls

    def connection_made(self, transport: Any) -> None:
        """A client connected (and its TLS handshake is complete)."""
        self.attach(transport)
        peer = transport.get_extra_info("peername")
        if isinstance(peer, tuple):
            if self.address is _UNKNOWN:
                self.address = client_address(peer)
            sock = transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if not self.plane.admit(self):
            self.abort()
            return
        self.identity = subject_fields(transport.get_extra_info("peercert"))
        self._adopt(self.listener)
        self.deadline = self.plane.now + self.listener.timeouts.head if self.listener.timeouts.head else float("inf")

    def _adopt(self, listener: Listener) -> None:
        self.listener = listener
        self._generation = self.plane.generation
        self._is_trusted = _is_trusted(self.address, listener)
        self.forwarded = self.identity + heads.forwarded_fields(self.address, listener.scheme)

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        exchange = self.exchange
        if exchange is not None:
            if self._tunnel is not None:
                self._tunnel.from_client(data)
            elif exchange.body.is_done:
                self.keep(data)
            else:
                rest = exchange.on_request_data(self.take_body() + data if self._buffer else data)
                if rest and self.exchange is exchange:  # else it was answered early, and this connection lingers
                    self.keep(rest)
        elif self._is_lingering or self.is_closed:
            self.lingered += len(data)
        elif self.is_paused:
            self.keep(data)
        else:
            self._buffer = self._buffer + data if self._buffer else data
            self._advance()

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
            rest = exchange.on_request_data(self.take_body())
            if rest and self.exchange is exchange:
                self.keep(rest)
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
        if exchange is not None and exchange.upstream is not None:
            exchange.upstream.hold(HOLD_PEER)
        self._watch_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.is_paused = False
        if self.exchange is not None:
            self.exchange.on_client_ready()
        elif not (self.is_closed or self._is_lingering):
            self._rest()

    # --- requests

    def keep(self, data: bytes) -> None:
        """Bytes of the next request, while this one is answered."""
        self._buffer = self._buffer + data if self._buffer else data
        if len(self._buffer) >= self.listener.pipeline_bytes:
            self.hold(HOLD_PIPELINE)

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
            listener.reader.read(head, exchange.request, listener.trusted_table if self._is_trusted else listener.table)
        except WireError as error:
            self.plane.give_back(exchange)
            self.refuse(error, head)
            return True
        self.exchange = exchange
        self.was_held = False
        exchange.begin(self, listener)
        return True

    def _skip_blank_lines(self, data: bytes) -> bytes:
        while data[:2] == b"\r\n" and self._blank_lines < BLANK_LINES_MAX:
            data = self._buffer = data[2:]
            self._searched = 0
            self._blank_lines += 1
        return data

    def take_body(self) -> bytes:
        """What came right behind the head of a request that has a body."""
        early, self._buffer = self._buffer, b""
        return early

    def _wait_for_head(self, data: bytes, end: int) -> None:
        """The head is not complete (or too large): refuse now what can never become a request, else wait for more."""
        try:
            self._check_beginning(data, end)
        except WireError as error:
            self.refuse(error, data)
            return
        if not self._searched and self.listener.timeouts.head:
            self.deadline = self.plane.now + self.listener.timeouts.head
        self._searched = max(1, len(data) - 3)

    def _check_beginning(self, data: bytes, end: int) -> None:
        """Raise WireError where no more bytes can make a request of ``data``; what was checked before is not checked again."""
        limits = self.listener.limits
        line_end = data.find(b"\r\n")
        line_size = len(data) if line_end < 0 else line_end
        if line_size > limits.uri_length + 64:
            raise WireError(414, "uri_too_long", f"the request target is longer than {limits.uri_length} bytes")
        if end >= 0 or len(data) > limits.head_size:
            raise WireError(431, "head_too_large", f"the request head is larger than {limits.head_size} bytes")
        if data.count(b"\r\n") > limits.head_count + 1:
            raise WireError(431, "too_many_fields", f"the request head has more than {limits.head_count} fields")
        if is_hopeless(data, self._searched + 2 if self._searched > 1 else 0) or (
            data[:1] == b"\r" and self._blank_lines >= BLANK_LINES_MAX
        ):
            raise bad("the request head has a control character or a bare CR or LF")
        if line_end > self._searched:
            split_request_line(data[:line_end])

    def refuse(self, error: WireError, head: bytes) -> None:
        """Answer bytes that are no request, and trust nothing behind them; ``head``: how they begin, which tells whether the answer is one
        to HEAD and so without a body (RFC 9110 section 9.3.2)."""
        if head[:1] == TLS_BEGINS:
            error = WireError(
                400, "unexpected_tls", "this port speaks plain HTTP, and TLS came; use http, or configure tls"
            )
        typed = DownstreamError(error.status, error.code, error.detail, headers=error.headers)
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

    def cut(self, framed: bool) -> None:
        """Break off in the middle of an answer; ``framed``: its framing shows that it is not complete, else a reset has to."""
        if not framed:
            sock = self.transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            self.abort()
        else:
            self.close()

    def close(self) -> None:
        """See ``Connection.close``; a client that does not take what is queued has the write deadline to do so."""
        if not self.is_closed:
            self._watch_writing()
            Connection.close(self)

    def start_tunnel(self, tunnel: Tunnel) -> None:
        """From now on bytes are passed on unread; those that came early are the first."""
        self._tunnel = tunnel
        early, self._buffer = self._buffer, b""
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
        self._holds = 0 if not self._holds else self._resume_all()
        self.plane.lingering.begin(self, self.plane.now)
        if self.transport.can_write_eof():  # with TLS that would end both ways
            self.transport.write_eof()

    def _resume_all(self) -> int:
        if not self.is_closed:
            self.transport.resume_reading()
        return 0

    # --- deadlines

    def _watch_writing(self) -> None:
        write = self.listener.timeouts.write
        if write:
            self.deadline = self.plane.now + write

    def on_deadline(self, now: float) -> None:
        """``deadline`` has passed."""
        if self.is_closed:
            self.abort()
        elif self._is_lingering:
            self.plane.lingering.look(self, now)
        elif self.is_paused and not (self.exchange is not None and self.exchange.last and now >= self.exchange.last):
            queued = self.transport.get_write_buffer_size()
            if queued == self._stalled_at:
                self._give_up()
            else:
                self._stalled_at = queued
                self._watch_writing()
        elif self.exchange is not None:
            self.exchange.on_deadline(now)
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
        return f"<Downstream {self.address.decode('latin-1')} exchange={self.exchange!r}>"


def _is_trusted(address: bytes, listener: Listener) -> bool:
    if not listener.trusted:
        return False
    try:
        client = ipaddress.ip_address(address.decode("latin-1"))
    except ValueError:
        return False
    return any(client in network for network in listener.trusted)
