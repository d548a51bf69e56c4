"""Clients that speak WebSocket, of plain messages, to a broker of MQTT: the gateway's own end of both.

    Tunnel ── write ──▶ BridgeSocket ── pending ── publish ──▶ MqttLink ──▶ broker
           ◀── from_service ──       ◀── queue ── on_message ──

Towards the broker: a client is read while the window has room, it reads itself, and there is a broker; what one read has brought beyond
that is ``pending``.  It is told of a message (``{"ack": ...}``) when the broker has acknowledged it, and of nothing else.

Towards the client: what it has not taken waits in a queue of a bounded length.  The broker gets its PUBACK when the kernel has the frame,
and not before; with MQTT 5 it sends no more than the queue has places for.  What else comes is dropped, or the client is (``overflow``).
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from fastgw.adapters import mqtt_envelope as envelopes
from fastgw.adapters.local import LocalCarrier
from fastgw.adapters.mqtt_broker import REFUSED, SAID
from fastgw.adapters.mqtt_envelope import NO_ID, EnvelopeError
from fastgw.adapters.mqtt_hub import HubClient
from fastgw.adapters.mqtt_link import MqttLink, Outgoing
from fastgw.core import bridge_counters as rows
from fastgw.core.exchange.about import report
from fastgw.core.exchange.tunnel import accept, accept_of
from fastgw.core.net.connection import HOLD_PEER
from fastgw.errors import DownstreamError
from fastgw.wire.mqtt_topics import TopicError
from fastgw.wire.websocket_frames import FAILED, GOING_AWAY, NO_CODE, NORMAL, POLICY, TRY_LATER
from fastgw.wire.websocket_messages import WebSocket

if TYPE_CHECKING:
    from fastgw.adapters.mqtt_broker import BrokerError, Delivery
    from fastgw.adapters.mqtt_hub import Hub
    from fastgw.adapters.mqtt_session import Bridge, Session
    from fastgw.core.exchange.ends import Exchange

CLOSE_SECONDS: Final = 5.0  #: for the client's part of the closing handshake, and for what it has said before
LEFT_SECONDS: Final = 0.05  #: how often it is asked whether a frame that the kernel did not take at once has left
ENVELOPE_MORE: Final = 4096  #: bytes of an envelope beside the payload
_PROTOCOL: Final = b"sec-websocket-protocol"
_MALFORMED, _TOPIC, _TOO_LARGE = (rows.REFUSED + place for place in range(len(rows.WRONGS)))
_OVERFLOW, _LARGE = (rows.DROPPED + place for place in range(len(rows.LOSSES)))


class BridgeSocket(LocalCarrier):
    """Carries one exchange that asks for a WebSocket, until that closes."""

    __slots__ = (
        "_bridge",
        "_hub",
        "_is_clean",
        "_is_due",
        "_is_holding",
        "_is_raw",
        "_left_timer",
        "_link",
        "_pending",
        "_pong",
        "_queue",
        "_queued",
        "_session",
        "_socket",
        "_timer",
        "_unleft",
    )

    _session: Session

    def __init__(self, bridge: Bridge, hub: Hub | None = None) -> None:
        """``hub``: the connection that it shares with others; None: it has one of its own."""
        LocalCarrier.__init__(self)
        self._bridge = bridge
        self._hub = hub
        self._is_raw = bridge.settings.messages == "raw"
        self._socket: WebSocket | None = None  # from the acceptance on
        self._link: MqttLink | HubClient | None = None
        self._pending: deque[str | bytes] = deque()  # of the client, not published yet
        self._queue: deque[tuple[Delivery, int]] = deque()  # of the broker, and of which connection: not sent yet
        self._queued = 0  # bytes of their payloads
        self._unleft: deque[tuple[int, int]] = deque()  # numbers of messages whose frames may still be here
        self._left_timer: asyncio.TimerHandle | None = None
        self._timer: asyncio.TimerHandle | None = None  # of the closing handshake
        self._pong = b""  # for a client that does not read
        self._is_holding = False  # the client is not read
        self._is_clean = False  # it has said that it goes
        self._is_due = False  # a turn of the loop will go on

    # --- the handshake

    def carry(self, exchange: Exchange) -> None:
        """See ``Carrier``."""
        self.exchange = exchange
        exchange.body.take()
        exchange.plane.loop.call_soon(self._answer)

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``.

        Raises:
            DownstreamError: 400, see ``Bridge.session``, or the client speaks MQTT itself.
        """
        request, settings = exchange.request, self._bridge.settings
        offers = [one.strip() for one in (request.header(_PROTOCOL) or b"").split(b",") if one.strip()]
        if b"mqtt" in offers:
            detail = "this route takes plain messages and speaks MQTT itself; the client offers to speak mqtt"
            raise DownstreamError(400, "subprotocol_refused", detail)
        self._session = self._bridge.session(exchange)
        fields = b"sec-websocket-accept: %b\r\n" % accept_of(request.header(b"sec-websocket-key") or b"")
        if offers:  # pages end a WebSocket that chooses none of theirs
            fields += b"%b: %b\r\n" % (_PROTOCOL, offers[0])
        accept(exchange, fields)
        most = settings.max_message if self._is_raw else settings.max_message * 4 // 3 + ENVELOPE_MORE
        self._socket = WebSocket(most)
        exchange.on_upgrade()
        if self.tunnel is None or self.exchange is not exchange:
            return  # a filter has answered instead, or it is over already
        link = self._link = self._make_link(exchange)
        self._settle()
        link.open()

    def _make_link(self, exchange: Exchange) -> MqttLink | HubClient:
        session, bridge = self._session, self._bridge
        if self._hub is not None:
            return HubClient(self._hub, bridge.settings.window, session.subscribed, self)
        return MqttLink(exchange.plane, bridge.settings, session.terms, session.filters, bridge.tls, self, bridge.make)

    # --- from the client

    def write(self, data: bytes) -> None:
        """See ``Connection``: bytes that the tunnel has of the client."""
        socket = self._socket
        if socket is None or self.tunnel is None:
            return
        self._pending.extend(socket.receive(data))
        self._pump()
        if self._socket is socket and self.tunnel is not None:
            self._reply(socket)

    def _reply(self, socket: WebSocket) -> None:
        """Send what the protocol answers by itself, and see whether it is over."""
        out, socket.out = socket.out, []
        if socket.is_open:
            if out and self._holds:
                self._pong = out[-1]  # the newest is enough (RFC 6455 section 5.5.3)
            else:
                self._to_client(b"".join(out))
        elif socket.is_close_received:
            # 1001 is what pages say that are left, and tunnels of frames of a client that is lost: nobody has said goodbye.
            self._is_clean = socket.code in (NORMAL, NO_CODE) or self._is_draining
            self._finish(b"".join(out))
        elif self._timer is None:  # it has failed, and said so
            self._to_client(b"".join(out))
            self._await_end()

    def _finish(self, close: bytes) -> None:
        """The client goes: what it has said before goes first, as far as there is time."""
        self._to_client(close)
        link = self._link
        if link is None or not (self._pending or link.in_flight):
            self.tunnel.end()
            return
        if self._timer is None:
            self._await_end()
        self._pump()

    def _await_end(self) -> None:
        assert self.exchange is not None
        self._timer = self.exchange.plane.loop.call_later(CLOSE_SECONDS, self.tunnel.end)

    def _pump(self) -> None:
        """Publish what may be now."""
        link, socket = self._link, self._socket
        while self._pending and link is not None and socket is not None and link.has_room and not self._holds:
            if self.exchange is None or (socket.is_close_sent and not socket.is_close_received):
                self._pending.clear()  # the gateway has closed: nothing of the client counts any more
                break
            self._publish(link, self._pending.popleft())
        self._settle()

    def _settle(self) -> None:
        """Read the client, or do not."""
        link, exchange = self._link, self.exchange
        if exchange is None or self._socket is None:
            return
        wants = bool(self._pending or self._holds or link is None or not link.has_room or not link.is_ready)
        if wants != self._is_holding:
            self._is_holding = wants
            if wants:
                exchange.client.hold(HOLD_PEER)
            else:
                exchange.client.release(HOLD_PEER)

    def _publish(self, link: MqttLink | HubClient, message: str | bytes) -> None:
        values = link.plane.values
        id: object = NO_ID  # noqa: A001 - the key of the envelope
        try:
            outgoing = self._raw(message) if self._is_raw else self._enveloped(message)
            id = outgoing.token  # noqa: A001 - as above
            if len(outgoing.payload) <= self._bridge.settings.max_message:
                link.publish(outgoing)
                return
            values[_TOO_LARGE] += 1
            code, detail = "content_too_large", f"the payload has more than {self._bridge.settings.max_message} bytes"
        except EnvelopeError as error:
            values[_MALFORMED] += 1
            code, detail, id = "message_malformed", str(error), error.id  # noqa: A001 - as above
        except TopicError as error:
            values[_TOPIC] += 1
            code, detail = "topic_refused", str(error)
            id = self._id_of(message)  # noqa: A001 - as above
        self._refuse(code, detail, id)

    def _id_of(self, message: str | bytes) -> object:
        return NO_ID if self._is_raw else envelopes.read(message).id

    def _refuse(self, code: str, detail: str, id: object) -> None:  # noqa: A002 - the key of the envelope
        """A message was not published: raw clients have no other word for that than the last."""
        if self._is_raw:
            self._close(POLICY, detail)
        else:
            self._say(envelopes.problem(code, detail, id))

    def _raw(self, message: str | bytes) -> Outgoing:
        topic = self._session.topic_of(None, lambda: envelopes.read_object(message))
        is_text = isinstance(message, str)
        payload = message.encode() if isinstance(message, str) else message
        settings = self._bridge.settings
        properties: dict[str, Any] = {"user_property": list(self._session.about)} if self._session.about else {}
        if is_text:
            properties["payload_format_id"] = 1
        return Outgoing(topic, payload, settings.qos, settings.retain, properties, NO_ID)

    def _enveloped(self, message: str | bytes) -> Outgoing:
        found, session, settings = envelopes.read(message), self._session, self._bridge.settings
        topic = session.topic_of(found.topic, lambda: found.fields)
        properties = session.properties_of(found) if settings.version == 5 else {}
        retain = settings.retain if found.retain is None else found.retain
        return Outgoing(topic, found.payload, settings.qos, retain, properties, found.id)

    # --- what the link tells

    def on_up(self, is_resumed: bool) -> None:
        """See ``LinkOwner``."""
        link = self._link
        if is_resumed and self._queue and link is not None:  # the broker sends again what it has no PUBACK for
            kept = [one for one in self._queue if not one[0].mid or one[1] == link.serial]
            self._forget(len(self._queue) - len(kept))
            self._queue = deque(kept)
            self._queued = sum(len(one.payload) for one, _ in kept)
        self._pump()

    def on_acknowledged(self, message: Outgoing, reason: int) -> None:
        """See ``LinkOwner``."""
        if reason >= REFUSED:
            self._refuse("broker_refused", f"the broker refused the message (0x{reason:02x})", message.token)
        elif message.token is not NO_ID and message.qos:
            self._say(envelopes.ack(message.token))
        self._go_on()

    def on_message(self, delivery: Delivery, serial: int) -> None:
        """See ``LinkOwner``."""
        settings, link = self._bridge.settings, self._link
        if link is None or self._socket is None or self._socket.is_close_sent:
            return
        if len(delivery.payload) > settings.max_message:
            link.plane.values[_LARGE] += 1
            link.acknowledge(delivery.mid, serial)
        elif not self._holds and not self._queue:
            self._deliver(link, delivery, serial)
        else:
            self._enqueue(link, delivery, serial)

    def on_ended(self, error: BrokerError) -> None:
        """See ``LinkOwner``."""
        exchange, self._link = self.exchange, None
        if exchange is None:
            return
        report(
            exchange,
            "warning",
            "a broker cannot be used",
            route=exchange.route.name,
            cause=error.cause,
            reason=str(error),
        )
        code = POLICY if error.cause == "taken_over" else FAILED if error.is_final else TRY_LATER
        self._close(code, SAID[error.cause])

    # --- to the client

    def _enqueue(self, link: MqttLink | HubClient, delivery: Delivery, serial: int) -> None:
        settings, size = self._bridge.settings, len(delivery.payload)
        while self._queue and (
            len(self._queue) >= settings.queue or self._queued + size > max(settings.queue_bytes, size)
        ):
            link.plane.values[_OVERFLOW] += 1
            if settings.overflow == "disconnect":
                self._close(TRY_LATER, "the client does not take its messages")
                return
            oldest, of = self._queue.popleft()
            self._queued -= len(oldest.payload)
            self._forget(1)
            link.acknowledge(oldest.mid, of)
        self._queue.append((delivery, serial))
        self._queued += size
        link.plane.values[rows.QUEUED] += 1

    def _forget(self, count: int) -> None:
        """So many are in the queue no longer."""
        if count and self.exchange is not None:
            self.exchange.plane.values[rows.QUEUED] -= count

    def _deliver(self, link: MqttLink | HubClient, delivery: Delivery, serial: int) -> None:
        socket = self._socket
        assert socket is not None
        link.plane.values[rows.DELIVERED] += 1
        self._to_client(self._frame(socket, delivery))
        if delivery.mid:
            if not self._unleft and self._has_left():
                link.acknowledge(delivery.mid, serial)
            else:
                self._unleft.append((delivery.mid, serial))
                self._look_later(link)

    def _frame(self, socket: WebSocket, delivery: Delivery) -> bytes:
        if not self._is_raw:
            return socket.text(envelopes.told(delivery))
        is_text = delivery.properties.get("payload_format_id") == [1]
        return socket.text(delivery.payload) if is_text else socket.binary(delivery.payload)

    def _has_left(self) -> bool:
        """Does the kernel have all that was sent to the client?"""
        exchange = self.exchange
        if exchange is None or exchange.client.is_paused:
            return False
        transport = exchange.client.transport
        return transport is None or not transport.get_write_buffer_size()

    def _look_later(self, link: MqttLink | HubClient) -> None:
        if self._left_timer is None:
            self._left_timer = link.plane.loop.call_later(LEFT_SECONDS, self._look_left)

    def _look_left(self) -> None:
        """Acknowledge what has left."""
        self._left_timer = None
        link = self._link
        if link is None or not self._unleft:
            return
        if not self._has_left():
            self._look_later(link)
            return
        while self._unleft:
            link.acknowledge(*self._unleft.popleft())

    def _say(self, text: bytes) -> None:
        """A message of the gateway's own.  There are no more of these than the window has places, and one read errors: a client that does
        not take them is not read."""
        socket = self._socket
        if socket is not None and not socket.is_close_sent:
            self._to_client(socket.text(text))

    def _to_client(self, data: bytes) -> None:
        if data and self.tunnel is not None:
            self.tunnel.from_service(data)

    def _close(self, code: int, reason: str) -> None:
        """Begin the closing handshake (RFC 6455 section 7.1.2)."""
        socket = self._socket
        if self.exchange is None or socket is None or socket.is_close_sent:
            return
        self._to_client(socket.close(code, reason))
        self._is_clean = True
        self._leave_broker()
        self._settle_closed()
        self._await_end()

    def _settle_closed(self) -> None:
        """What the client says now is read for its CLOSE alone."""
        if self._is_holding and self.exchange is not None:
            self._is_holding = False
            self.exchange.client.release(HOLD_PEER)

    # --- a connection

    def can_write_eof(self) -> bool:
        """See ``Connection``: a client that ends its side without a closing handshake is gone."""
        return False

    def hold(self, bit: int) -> None:
        """See ``Connection``."""
        LocalCarrier.hold(self, bit)
        if self._link is not None:
            self._settle()

    def release(self, bit: int) -> None:
        """See ``Connection``: it goes on in a later turn, for whoever lets go of it may not be done."""
        LocalCarrier.release(self, bit)
        self._go_on()

    def _go_on(self) -> None:
        exchange = self.exchange
        if exchange is not None and not self._is_due and not self._holds:
            self._is_due = True
            exchange.plane.loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_due = False
        link, socket = self._link, self._socket
        if self.exchange is None or link is None or socket is None:
            return
        pong, self._pong = self._pong, b""
        self._to_client(pong)
        while self._queue and not self._holds and not socket.is_close_sent:
            delivery, serial = self._queue.popleft()
            self._queued -= len(delivery.payload)
            self._forget(1)
            self._deliver(link, delivery, serial)
        self._pump()
        if socket.is_close_received and not (self._pending or link.in_flight):
            self.tunnel.end()

    def leave(self) -> None:
        """See ``Carrier``: the client is gone, or has been silent for too long, or the worker drains."""
        exchange, socket = self.exchange, self._socket
        if self._timer is not None:
            self._timer.cancel()
        if exchange is not None and socket is not None and socket.is_open:
            exchange.client.write(socket.close(GOING_AWAY))
            self._is_clean = self._is_clean or self._is_draining
        self._leave_broker()
        LocalCarrier.leave(self)

    @property
    def _is_draining(self) -> bool:
        return self.exchange is not None and self.exchange.plane.is_draining

    def _leave_broker(self) -> None:
        if self._left_timer is not None:
            self._left_timer.cancel()
            self._left_timer = None
        self._forget(len(self._queue))
        self._queue.clear()
        self._unleft.clear()
        self._pending.clear()
        link, self._link = self._link, None
        if link is not None:
            link.close(publishes_will=not self._is_clean)
