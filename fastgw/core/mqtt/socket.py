"""A client of MQTT over WebSocket (section 6 of MQTT 5.0): the client of an exchange in the place of the one that has asked for the socket.

    GET, upgrade: websocket, subprotocol mqtt ──▶ 101
    binary frames, in which CONNECT comes     ──▶ the filters behind ``mqtt``, rules, the broker: all that follows is that of TCP

Packets may span frames, and share them; what a frame of the gateway has is whole packets.  Beneath stands the client's connection, or its
stream of HTTP/2, whose tunnel this is; what one of them holds holds the other.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange import tunnel
from fastgw.core.exchange.ends import Client
from fastgw.core.mqtt.client import admit, begin_tunnel, refusal_of
from fastgw.core.mqtt.session import MqttSession, unread
from fastgw.core.mqtt_counters import FROM_CLIENTS
from fastgw.core.net.connection import HOLD_PEER, HOLD_PENDING, Connection
from fastgw.errors import DownstreamError
from fastgw.wire.mqtt_fields import CONNECT, PacketError
from fastgw.wire.websocket_frames import (
    BINARY,
    CLOSE,
    FAILED,
    GOING_AWAY,
    NO_CODE,
    NORMAL,
    PING,
    POLICY,
    PONG,
    PROTOCOL_ERROR,
    TEXT,
    UNSUPPORTED,
    Frame,
    FrameError,
    WebSocketFrames,
    close_payload,
    frame_of,
    read_close,
)

if TYPE_CHECKING:
    from fastgw.core.dataplane import DataPlane
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.exchange.reply import Reply
    from fastgw.core.mqtt.tunnel import MqttTunnel

SUBPROTOCOL: Final = b"mqtt"  #: by section 6; case-sensitive
CLOSE_SECONDS: Final = 5.0  #: for the client's part of the closing handshake
FOREVER: Final = float("inf")
_FRAME_MORE: Final = 64 * 1024  #: bytes of a frame beside one packet: packets share frames
_MESSAGE_MOST: Final = 2**62  #: fragments are passed on as they come


class MqttSocket(Client):
    """Whom the exchange answers, in the place of the client that has asked for the WebSocket."""

    def __init__(self, exchange: Exchange, max_packet: int) -> None:
        """Take the place of the client of ``exchange``, whose request hooks are not over yet; ``max_packet``: bytes."""
        beneath = exchange.client
        Client.__init__(self, exchange.listener, beneath.address)
        self.forwarded = beneath.forwarded
        self.version = beneath.version
        self.identity = beneath.identity
        self.is_trusted = beneath.is_trusted
        self.transport = beneath.transport  # for who asks about it; nothing is written to it from here
        plane: Any = exchange.plane
        self._plane: DataPlane = plane
        self._beneath = beneath
        self.session = MqttSession(max_packet)
        self.arrived: asyncio.Future[None] | None = plane.loop.create_future()  #: done when its CONNECT has come
        self._frames = WebSocketFrames(max_packet + _FRAME_MORE, _MESSAGE_MOST, is_masked=True)
        self._tunnel: MqttTunnel | None = None
        self._is_open = True  # neither side has said CLOSE
        self._is_known = True  # the plane has it among those that have deadlines
        self.exchange = exchange
        exchange.client = self

    def open(self) -> None:
        """Answer the handshake, and read what comes."""
        exchange = self.exchange
        assert exchange is not None
        request = exchange.request
        key = request.header(b"sec-websocket-key") or b""
        fields = b"sec-websocket-accept: %b\r\nsec-websocket-protocol: %b\r\n" % (tunnel.accept_of(key), SUBPROTOCOL)
        tunnel.accept(exchange, fields)
        exchange.response.request_id = request.request_id
        request.upgrade = b""
        request.chunked = request.rare = True  # so that ``read_body`` is called behind all filters
        exchange.body.begin(0)
        exchange.body.since = exchange.started
        self._plane.unconnected.add(self)
        self._beneath.deadline = FOREVER  # it has another from now on
        self._beneath.start_tunnel(exchange, self)
        if self.exchange is exchange:
            exchange.response.status = 0

    # --- from the client: what a tunnel is told

    def from_client(self, data: bytes) -> None:
        """Bytes of the client."""
        frames = self._frames.feed(data)
        out = b""
        for frame in frames:
            if frame.opcode < CLOSE and self._is_open:
                if frame.opcode == TEXT:
                    self._close(UNSUPPORTED, "packets of MQTT come in binary frames")
                    self._give_up("a frame of text, and not of bytes")
                    return
                out = out + frame.payload if out else frame.payload
            elif frame.opcode >= CLOSE:
                self._control(frame)
        if out:
            self._take(out)
        problem = self._frames.problem
        if problem is not None and self._is_open:
            self._close(problem.code, problem.reason)
            self._give_up(problem.reason)
        elif self._frames.is_over:
            self.end()

    def _control(self, frame: Frame) -> None:
        if frame.opcode == PING and self._is_open and not self._beneath.is_paused:
            self._beneath.write(frame_of(PONG, frame.payload))
        elif frame.opcode == CLOSE:
            try:
                code, _ = read_close(frame.payload)
            except FrameError as error:
                code = error.code
            self._close(NORMAL if code == NO_CODE else code)

    def _take(self, data: bytes) -> None:
        """Bytes of MQTT."""
        if self._tunnel is not None:
            self._tunnel.from_client(data)
            return
        if self.exchange is None:
            return
        try:
            is_there = self.session.feed(data)
        except PacketError as error:
            found, answer = unread(error)
            if answer:
                self.write(answer)
            self._close(PROTOCOL_ERROR, error.reason)
            self.exchange.fail(found)
            return
        if self.session.is_full:
            self._beneath.hold(HOLD_PENDING)
        if is_there and self.arrived is not None and not self.arrived.done():
            self._plane.values[FROM_CLIENTS + CONNECT - 1] += 1
            self.arrived.set_result(None)

    def _give_up(self, reason: str) -> None:
        """The WebSocket is broken."""
        exchange = self.exchange
        if self._tunnel is not None:
            self._tunnel.end()
        elif exchange is not None:
            exchange.fail(DownstreamError(400, "websocket_malformed", f"the WebSocket: {reason}"))

    def read_body(self) -> None:
        """See ``Client``: every filter has let it pass."""
        admit(self.exchange, self.session)

    def end_half(self, source: Connection) -> bool:
        """The client sends no more, without a closing handshake: it is gone."""
        self.end()
        return False

    def end(self) -> None:
        """The client has closed, or its connection is gone."""
        exchange, self.exchange = self.exchange, None
        mqtt, self._tunnel = self._tunnel, None
        if mqtt is not None:
            mqtt.end()
        elif exchange is not None:
            exchange.abort()
        self._leave()
        self._beneath.close()

    def _leave(self) -> None:
        """Nothing comes from beneath, or goes there, any more."""
        self._beneath.exchange = None
        if self._is_known:
            self._is_known = False
            self._plane.unconnected.discard(self)

    # --- to the client

    def write(self, data: bytes) -> None:
        """See ``Connection``: whole packets."""
        if self._is_open:
            self._beneath.write(frame_of(BINARY, data))
            self.is_paused = self._beneath.is_paused

    def _close(self, code: int, reason: str = "") -> None:
        if self._is_open:
            self._is_open = False
            self._beneath.write(frame_of(CLOSE, close_payload(code, reason)))

    def say_goodbye(self, code: int, reason: str) -> None:
        """The tunnel is over, for the reason that ``code`` is for."""
        self._close(code, reason)

    def start_tunnel(self, exchange: Exchange, tunnel: Any) -> None:
        """See ``Client``: the broker has let it in."""
        self._tunnel = tunnel
        self.arrived = None
        begin_tunnel(self, exchange, self.session, tunnel)

    def send_head(self, exchange: Exchange) -> None:
        """See ``Client``: a CONNACK has no head."""

    def send_last(self, data: bytes) -> None:
        """See ``Client``: the broker has not let it in, and said why."""
        self.write(self.session.connack)
        self._close(POLICY)

    def send_reply(self, exchange: Exchange, reply: Reply) -> int:
        """See ``Client``: it is refused."""
        answer = refusal_of(exchange, self.session, reply)
        if answer:
            self.write(answer)
        self._close(FAILED if reply.status >= 500 else POLICY, exchange.error.detail if exchange.error else "")
        return len(answer)

    def on_finished(self, keep_alive: bool, is_request_done: bool) -> None:
        """See ``Client``: the client's part of the closing handshake is waited for."""
        self.close()

    def cut(self, exchange: Exchange) -> None:
        """See ``Client``."""
        self._close(GOING_AWAY)
        self.end()

    def on_drain(self) -> None:
        """See ``Client``."""
        if self._tunnel is not None:
            self._tunnel.on_drain()

    # --- a connection

    @property
    def is_held(self) -> bool:
        """See ``Connection``."""
        return self._beneath.is_held

    def hold(self, bit: int) -> None:
        """See ``Connection``."""
        self._beneath.hold(bit)

    def release(self, bit: int) -> None:
        """See ``Connection``."""
        self._beneath.release(bit)

    def close(self) -> None:
        """See ``Connection``: behind a CLOSE of ours that of the client is waited for."""
        self.exchange = None
        self._tunnel = None
        self._close(NORMAL)
        self._beneath.exchange = None
        if self._frames.is_over or self._beneath.is_closed:
            self._leave()
            self._beneath.close()
            return
        self._beneath.release(HOLD_PEER)
        self._beneath.release(HOLD_PENDING)
        self.deadline = self._plane.now + CLOSE_SECONDS

    def abort(self) -> None:
        """See ``Connection``."""
        if self._tunnel is not None:
            self._tunnel.cut()
        self.end()

    def on_deadline(self, now: float) -> None:
        """See ``Client``."""
        exchange = self.exchange
        if self._tunnel is not None:
            self._tunnel.on_time(now)
        elif exchange is None:
            self.end()
        elif self.session.connect is None:
            exchange.fail(DownstreamError(408, "mqtt_timeout", "no CONNECT has come in time"))
        else:
            exchange.on_deadline(now)
