"""A client of MQTT over TCP or TLS: its CONNECT is a request, ``GET /mqtt``, so that routes and filters are those of any.

    CONNECT ──▶ route, filters, rules ──▶ the broker's CONNACK ──▶ a tunnel
       └ refused: CONNACK with a reason, and closed

What it says behind its CONNECT waits until it is let in, and it is read until that is much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.exchange.ends import Client
from fastgw.core.http1 import heads
from fastgw.core.mqtt.session import MqttSession, unread
from fastgw.core.mqtt_counters import FROM_CLIENTS, TO_CLIENTS
from fastgw.core.net.connection import HOLD_PEER, HOLD_PENDING, Connection
from fastgw.core.net.peers import accepted_elsewhere, is_within
from fastgw.errors import DownstreamError
from fastgw.wire.mqtt_fields import CONNACK, CONNECT, PacketError
from fastgw.wire.subject import subject_fields

if TYPE_CHECKING:
    from fastgw.core.dataplane import DataPlane
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.exchange.reply import Reply
    from fastgw.core.mqtt.tunnel import MqttTunnel
    from fastgw.core.snapshot.snapshot import Listener

HEAD: Final = b"GET /mqtt HTTP/1.1\r\nhost: localhost\r\n\r\n"  #: the request that a CONNECT is
_UNKNOWN: Final = b"unknown"
FOREVER: Final = float("inf")


class MqttClient(Client):
    """Protocol of one client connection."""

    def __init__(self, plane: DataPlane, listener: Listener) -> None:
        Client.__init__(self, listener, _UNKNOWN)
        self.plane = plane
        self.session = MqttSession(listener.head_size)
        self._tunnel: MqttTunnel | None = None
        self._is_over = False  # nothing that it says counts any more
        self._has_said_why = False  # its end is told to it: it is given time to read that
        self._lingered = 0  # bytes thrown away since somebody looked
        self._write_by = FOREVER  # coarse loop time at which it is looked whether it takes what is queued
        self._stalled_at = -1  # bytes queued when that was done last

    # --- what the event loop calls

    def connection_made(self, transport: Any) -> None:
        """A client connected (and its TLS handshake is complete), to a socket that the loop or somebody else accepts on."""
        self.attach(transport)
        self.identity = subject_fields(transport.get_extra_info("peercert"))
        self._begin(accepted_elsewhere(transport))

    def on_accepted(self, transport: Any, fd: int, address: bytes | None) -> None:
        """See ``Connection``."""
        Client.on_accepted(self, transport, fd, address)
        self._begin(accepted_elsewhere(transport) if address is None else address)

    def _begin(self, address: bytes | None) -> None:
        if address is not None and self.address is _UNKNOWN:
            self.address = address
        if not self.plane.admit(self):
            self.abort()
            return
        if self.listener.head_timeout:
            self.deadline = self.plane.now + self.listener.head_timeout

    def data_received(self, data: bytes) -> None:
        """Bytes from the client."""
        if self._tunnel is not None:
            self._tunnel.from_client(data)
        elif self._is_over or self.is_closed:
            self._lingered += len(data)
        else:
            try:
                is_there = self.session.feed(data)
            except PacketError as error:
                self._refuse(error)
                return
            if self.session.is_full:
                self.hold(HOLD_PENDING)
            if is_there:
                self.plane.values[FROM_CLIENTS + CONNECT - 1] += 1
                self._ask()

    def _refuse(self, error: PacketError) -> None:
        """What it has sent is no CONNECT that can be understood."""
        found, answer = unread(error)
        self.plane.on_bad_request(self, found)
        if answer:
            self.plane.values[TO_CLIENTS + CONNACK - 1] += 1
            self.write(answer)
        self._has_said_why = True
        self.close()

    def _ask(self) -> None:
        """Its CONNECT is here: a request like any."""
        self.deadline = FOREVER
        plane = self.plane
        listener = self.listener = plane.listeners.get(self.listener.name, self.listener)
        self.is_trusted = is_within(self.address, listener.trusted) if listener.trusted else False
        self.forwarded = self.identity + heads.forwarded_fields(self.address, listener.scheme)
        exchange = self.exchange = plane.take()
        listener.reader.read(HEAD, exchange.request, listener.table)
        exchange.request.chunked = exchange.request.rare = True  # so that ``read_body`` is called behind all filters
        exchange.begin(self, listener)

    def read_body(self) -> None:
        """See ``Client``: every filter has let it pass."""
        admit(self.exchange, self.session)

    def eof_received(self) -> bool:
        """The client will send no more, which is its end."""
        if self._tunnel is not None:
            self._tunnel.end()
        else:
            self.abort()
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        self.is_closed = True
        self._fd = -1
        self.plane.discharge(self)
        if self._is_over:
            self.plane.lingering.forget(self)
        exchange, self.exchange = self.exchange, None
        if self._tunnel is not None:
            self._tunnel.end()
        elif exchange is not None:
            exchange.abort()

    def pause_writing(self) -> None:
        """The client reads slower than the broker sends."""
        self.is_paused = True
        self._stalled_at = -1
        exchange = self.exchange
        if exchange is not None and exchange.carrier is not None:
            exchange.carrier.hold(HOLD_PEER)
        self._watch_writing()

    def resume_writing(self) -> None:
        """The client has caught up."""
        self.is_paused = False
        self._write_by = FOREVER
        exchange = self.exchange
        if exchange is not None:
            exchange.on_client_ready()

    def _watch_writing(self) -> None:
        if self.listener.write_timeout:
            self._write_by = self.plane.now + self.listener.write_timeout
            self.deadline = min(self.deadline, self._write_by)

    # --- what the exchange calls

    def start_tunnel(self, exchange: Exchange, tunnel: Any) -> None:
        """See ``Client``: the broker has let it in."""
        self._tunnel = tunnel
        begin_tunnel(self, exchange, self.session, tunnel)

    def send_head(self, exchange: Exchange) -> None:
        """See ``Client``: a CONNACK has no head."""

    def send_last(self, data: bytes) -> None:
        """See ``Client``: the broker has not let it in, and said why."""
        self.write(self.session.connack)
        self._has_said_why = True

    def send_reply(self, exchange: Exchange, reply: Reply) -> int:
        """See ``Client``: it is refused."""
        answer = refusal_of(exchange, self.session, reply)
        self.write(answer)
        self._has_said_why = True
        return len(answer)

    def on_finished(self, keep_alive: bool, is_request_done: bool) -> None:
        """See ``Client``."""
        self.exchange = None
        self.close()

    def cut(self, exchange: Exchange) -> None:
        """See ``Client``."""
        self.abort()

    def on_drain(self) -> None:
        """See ``Client``."""
        if self._tunnel is not None:
            self._tunnel.on_drain()

    def say_goodbye(self, code: int, reason: str) -> None:
        """The tunnel is over; MQTT has said why, where it has words for that."""
        self._has_said_why = True

    # --- the end

    def close(self) -> None:
        """See ``Connection``: a client that was told something is given time to read it."""
        self._tunnel = None
        linger = self.listener.timeouts.linger
        if self.is_closed:
            return
        if self._is_over or not self._has_said_why or not linger or not self.can_write_eof():
            self._is_over = True
            self._watch_writing()
            Connection.close(self)
            return
        self._is_over = True
        if self._holds:
            self._holds = 0
            self.transport.resume_reading()
        self.plane.lingering.begin(self, self.plane.now, linger)
        self.transport.write_eof()

    def abort(self) -> None:
        """See ``Connection``."""
        tunnel, self._tunnel = self._tunnel, None
        if tunnel is not None:
            tunnel.cut()
        Connection.abort(self)

    def on_deadline(self, now: float) -> None:
        """See ``Client``."""
        if self.is_closed:
            self.abort()
        elif self._is_over:
            received, self._lingered = self._lingered, 0
            self.plane.lingering.look(self, now, received, is_draining=self.plane.is_draining)
        elif self.is_paused and now >= self._write_by and not self._is_moving():
            self.abort()
        elif self._tunnel is not None:
            self._tunnel.on_time(now)
            self.deadline = min(self.deadline, self._write_by)
        elif self.exchange is not None:
            self.exchange.on_deadline(now)
        else:
            self.plane.values[counters.HEAD_TIMEOUTS] += 1
            self.close()

    def _is_moving(self) -> bool:
        """Whether a client that was behind has taken something since somebody looked."""
        queued = self.transport.get_write_buffer_size()
        is_moving = bool(queued != self._stalled_at)
        self._stalled_at = queued
        self._watch_writing()
        return is_moving

    @property
    def is_idle(self) -> bool:
        """Whether nothing is in progress: its CONNECT has not come."""
        return self.exchange is None and not self._is_over

    def __repr__(self) -> str:
        return f"<MqttClient {self.address.decode('latin-1')} exchange={self.exchange!r}>"


def admit(exchange: Exchange | None, session: MqttSession) -> None:
    """Every filter has let ``exchange`` pass: go on, if the rules of the route do, too."""
    if exchange is None:
        return
    try:
        session.admit(exchange)
    except DownstreamError as error:
        exchange.fail(error)
        return
    exchange.request.chunked = False
    exchange.body.is_done = True


def begin_tunnel(client: Client, exchange: Exchange, session: MqttSession, tunnel: MqttTunnel) -> None:
    """The broker has let ``client`` in: tell it so, and pass on what it has said since."""
    client.write(session.connack)
    exchange.plane.values[TO_CLIENTS + CONNACK - 1] += 1
    early = session.early
    session.connack = session.packet = session.early = b""
    tunnel.plan()
    client.release(HOLD_PENDING)
    if early:
        tunnel.from_client(early)


def refusal_of(exchange: Exchange, session: MqttSession, reply: Reply) -> bytes:
    """The CONNACK for what a filter or the gateway has answered."""
    error = exchange.error
    told = (reply.status, "", "") if error is None else (error.status, error.code, error.detail)
    return session.refuse(exchange.plane, *told)
