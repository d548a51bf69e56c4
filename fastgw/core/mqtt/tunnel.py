"""The tunnel between a client of MQTT and its broker: packets go on whole and as they came, those that are allowed.

    client ── packets ──▶ judged, counted ──▶ broker          PUBACK, PUBREC, SUBACK of the gateway for what is refused
           ◀── packets ──     counted     ◀──                 DISCONNECT to the client, where a rule is broken or time is over

Bytes in which nothing is refused are passed on without being copied.  No packet goes on half, so there is always a place for one of the
gateway's own.  A refused message never reaches the broker, and its flow of QoS ends with the refusal ([MQTT-4.3.3-4], no PUBREL follows a
PUBREC that refuses).  MQTT 3.1.1 has no words for one, so its client is disconnected ([MQTT-3.3.5-2]).

Topic aliases stay between client and broker, whose only connection this is; the gateway knows what they stand for, or anything could be
published by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastgw.core.exchange.tunnel import Tunnel
from fastgw.core.mqtt.carrier import session_of
from fastgw.core.mqtt.session import NOTE, VERSIONS
from fastgw.core.mqtt_counters import (
    CLIENTS_OPEN,
    ENDS_OF_TUNNELS,
    FROM_CLIENTS,
    REFUSALS,
    TO_CLIENTS,
    TUNNELS_ENDED,
    TUNNELS_REFUSED,
)
from fastgw.wire.mqtt_bodies import (
    check_rest,
    check_unsubscribe,
    merged_suback,
    read_publish,
    read_suback,
    read_subscribe,
)
from fastgw.wire.mqtt_fields import (
    ALIAS_INVALID,
    CONNECT,
    DISCONNECT,
    KEEP_ALIVE_TIMEOUT,
    NOT_AUTHORIZED,
    PROTOCOL_ERROR,
    PUBACK,
    PUBLISH,
    PUBREC,
    QUOTA_EXCEEDED,
    RATE_TOO_HIGH,
    SHUTTING_DOWN,
    SUBACK,
    SUBSCRIBE,
    TAKEN_OVER,
    TOO_LARGE,
    TOPIC_INVALID,
    UNSUBSCRIBE,
    PacketError,
)
from fastgw.wire.mqtt_packets import V3, V5, Packet, PacketScanner, disconnect, puback, suback
from fastgw.wire.websocket_frames import FAILED, GOING_AWAY, NORMAL, POLICY, TOO_BIG
from fastgw.wire.websocket_frames import PROTOCOL_ERROR as BROKEN_FRAMES

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.mqtt.session import MqttSession
    from fastgw.core.net.connection import Connection

ALIAS_BYTES_MOST: Final = 64 * 1024  #: of the topics that aliases of one client stand for
ASKED_MOST: Final = 64  #: subscriptions under way of which the broker has not seen all filters
GRACE: Final = 1.5  #: times its keep-alive a client may be silent (section 3.1.2.10)
FOREVER: Final = float("inf")
_REFUSED_FILTER_3: Final = 0x80  #: return code of a SUBACK of 3.1.1

_CLIENT, _BROKER, _TAKEN_OVER, _BROKEN, _BROKEN_BROKER, _TOO_LARGE, _TOO_FAST, _KEEP_ALIVE, _DENIED, _DRAINED = range(
    len(ENDS_OF_TUNNELS)
)
_CONNECTING, _PUBLISHING, _SUBSCRIBING = range(len(REFUSALS))
#: Codes of the CLOSE of a WebSocket for each of the ends.
_CLOSES: Final = (
    *(NORMAL, FAILED, NORMAL, BROKEN_FRAMES, FAILED),
    *(TOO_BIG, POLICY, POLICY, POLICY, GOING_AWAY),
)


class MqttTunnel(Tunnel):
    """The two ends of one session."""

    __slots__ = (
        "_access",
        "_alias_bytes",
        "_aliases",
        "_asked",
        "_broker",
        "_client",
        "_end",
        "_has_keep_alive",
        "_heard",
        "_leave_at",
        "_most_aliases",
        "_packet_maximum",
        "_received",
        "_refused",
        "_rules",
        "_sent",
        "_silence",
        "_time",
        "_told",
        "_version",
    )

    def __init__(self, exchange: Exchange, session: MqttSession) -> None:
        """``exchange``: the broker has let its client in."""
        Tunnel.__init__(self, exchange)
        rules, connect, answer = session.rules, session.connect, session.answer
        assert rules is not None and connect is not None and answer is not None
        self._rules = rules
        self._packet_maximum = connect.packet_maximum
        self._access: Any = session.access
        version = self._version = connect.version
        self._client = PacketScanner(rules.max_packet, is_client=True, version=version)
        self._broker = PacketScanner(rules.max_packet, is_client=False, version=version)
        self._aliases: dict[int, bytes] | None = None  # topics by their alias
        self._alias_bytes = 0
        self._most_aliases = answer.alias_maximum
        self._asked: dict[int, tuple[tuple[int, ...], int]] | None = None  # by packet: places refused, and filters left
        keep_alive = connect.keep_alive if answer.keep_alive < 0 else answer.keep_alive
        idle = exchange.route.settings.tunnel_idle_timeout
        self._has_keep_alive = keep_alive > 0
        self._silence = keep_alive * GRACE or idle or FOREVER  # seconds that the client may say nothing
        self._end = -1  # of ENDS_OF_TUNNELS
        now = exchange.plane.now
        self._heard = now  # coarse loop time at which the client has said anything
        self._told = now  # or the broker
        self._leave_at = FOREVER  # the worker drains: when this one is closed
        self._time = 0  # of the next message of the client, see ``policy.gcra``
        self._received = self._sent = self._refused = 0  # packets
        exchange.plane.values[CLIENTS_OPEN] += 1

    # --- packets of the client

    def from_client(self, data: bytes) -> None:
        """See ``Tunnel``."""
        exchange = self._exchange
        if exchange is None:
            return
        self._heard = exchange.plane.now
        data, packets = self._client.feed(data)
        problem = self._client.problem
        values = exchange.plane.values
        out: list[bytes] = []
        start = end = 0
        try:
            for packet in packets:
                kind = packet.first >> 4
                values[FROM_CLIENTS + kind - 1] += 1
                instead = self._judged(exchange, data, packet, kind)
                if instead is not None:
                    out.append(data[start : packet.start])
                    out.append(instead)
                    start = packet.end
                end = packet.end
        except PacketError as error:
            problem = error
        self._received += len(packets)
        if start or end < len(data):
            out.append(data[start:end])
            data = b"".join(out)
        if data:
            exchange.body.received += len(data)
            assert exchange.carrier is not None
            exchange.carrier.write(data)
        if problem is not None:
            self._fail(problem)

    def _judged(self, exchange: Exchange, data: bytes, packet: Packet, kind: int) -> bytes | None:
        """What goes on in the place of ``packet``; None: it does, as it is.

        Raises:
            PacketError: it ends the connection.
        """
        if kind == PUBLISH:
            return self._on_publish(exchange, data, packet)
        if kind == SUBSCRIBE:
            return self._on_subscribe(exchange, data, packet)
        if kind == UNSUBSCRIBE:
            check_unsubscribe(data, packet, self._version)
        elif kind == CONNECT:
            raise PacketError(PROTOCOL_ERROR, "a second CONNECT")
        else:
            check_rest(data, packet, self._version)
            if kind == DISCONNECT:
                self._note_end(_CLIENT)
        return None

    def _on_publish(self, exchange: Exchange, data: bytes, packet: Packet) -> bytes | None:
        topic, qos, packet_id, alias, response_topic = read_publish(data, packet, self._version)
        rate = self._rules.rate
        if rate is not None:
            charged = rate.charged(self._time, int(exchange.plane.clock() * 1e9))
            if not charged:
                raise PacketError(RATE_TOO_HIGH, "more messages than are allowed here")
            self._time = charged
        if alias:
            topic = self._aliased(alias, topic)
        elif not topic:
            code = PROTOCOL_ERROR if self._version == V5 else TOPIC_INVALID
            raise PacketError(code, "a message without a topic")
        access = self._access
        if access.may_publish(topic) and (not response_topic or access.may_be_answered(response_topic)):
            return None
        self._count_refused(exchange, _PUBLISHING)
        if self._version == V3:
            raise PacketError(NOT_AUTHORIZED, "a message to a topic that is not allowed here")
        if qos:
            kind = PUBACK if qos == 1 else PUBREC
            self._say(exchange, kind, puback(kind, packet_id, NOT_AUTHORIZED))
        return b""

    def _aliased(self, alias: int, topic: bytes) -> bytes:
        """The topic of a message with this alias (section 3.3.2.3.4); ``topic``: that it brings along, or nothing."""
        if alias > self._most_aliases:
            raise PacketError(ALIAS_INVALID, f"the topic alias {alias}, of which the broker takes {self._most_aliases}")
        if self._aliases is None:
            self._aliases = {}
        if not topic:
            known = self._aliases.get(alias)
            if known is None:
                raise PacketError(PROTOCOL_ERROR, f"the topic alias {alias}, which stands for nothing")
            return known
        self._alias_bytes += len(topic) - len(self._aliases.get(alias, b""))
        if self._alias_bytes > ALIAS_BYTES_MOST:
            raise PacketError(QUOTA_EXCEEDED, "topic aliases of more bytes than are kept here")
        self._aliases[alias] = topic
        return topic

    def _on_subscribe(self, exchange: Exchange, data: bytes, packet: Packet) -> bytes | None:
        found = read_subscribe(data, packet, self._version)
        may = self._access.may_subscribe
        refused = tuple([place for place, one in enumerate(found.wanted) if not may(one.filter)])
        if not refused:
            return None
        for _ in refused:
            self._count_refused(exchange, _SUBSCRIBING)
        if len(refused) == len(found.wanted):
            codes = bytes([self._refusal]) * len(refused)
            self._say(exchange, SUBACK, suback(self._version, found.packet_id, codes))
            return b""
        if self._asked is None:
            self._asked = {}
        if len(self._asked) >= ASKED_MOST:
            raise PacketError(QUOTA_EXCEEDED, "more subscriptions under way than are kept here")
        kept = [one for place, one in enumerate(found.wanted) if place not in refused]
        self._asked[found.packet_id] = refused, len(kept)
        return found.with_only(kept)

    @property
    def _refusal(self) -> int:
        """The code of a filter that is refused."""
        return NOT_AUTHORIZED if self._version == V5 else _REFUSED_FILTER_3

    def _count_refused(self, exchange: Exchange, what: int) -> None:
        self._refused += 1
        exchange.plane.values[TUNNELS_REFUSED + what] += 1

    def _say(self, exchange: Exchange, kind: int, packet: bytes) -> None:
        """A packet of the gateway's own to the client."""
        exchange.plane.values[TO_CLIENTS + kind - 1] += 1
        self._sent += 1
        exchange.bytes_out += len(packet)
        exchange.client.write(packet)

    # --- packets of the broker

    def from_service(self, data: bytes) -> None:
        """See ``Tunnel``."""
        exchange = self._exchange
        if exchange is None:
            return
        self._told = exchange.plane.now
        data, packets = self._broker.feed(data)
        values = exchange.plane.values
        out: list[bytes] = []
        start = end = 0
        problem = self._broker.problem
        try:
            for packet in packets:
                kind = packet.first >> 4
                values[TO_CLIENTS + kind - 1] += 1
                if kind == SUBACK and self._asked:
                    merged = self._merged(data, packet)
                    out.append(data[start : packet.start])
                    out.append(merged)
                    start = packet.end
                elif kind == DISCONNECT:
                    code = data[packet.body] if packet.body < packet.end else 0
                    self._note_end(_TAKEN_OVER if code == TAKEN_OVER else _BROKER)
                end = packet.end
        except PacketError as error:
            problem = error
        self._sent += len(packets)
        if start or end < len(data):
            out.append(data[start:end])
            data = b"".join(out)
        if data:
            exchange.bytes_out += len(data)
            exchange.client.write(data)
        if problem is not None:
            self.leave(SHUTTING_DOWN, _BROKEN_BROKER, "the broker has broken the protocol")

    def _merged(self, data: bytes, packet: Packet) -> bytes:
        """The SUBACK with the codes of the filters that the broker has not seen."""
        found = read_suback(data, packet, self._version)
        refused, left = self._asked.pop(found.packet_id, ((), len(found.codes))) if self._asked else ((), 0)
        if len(found.codes) != left:
            raise PacketError(PROTOCOL_ERROR, "a SUBACK with another number of codes than there were filters")
        return merged_suback(found, refused, self._refusal)

    # --- how it ends

    def _note_end(self, end: int) -> None:
        """It ends for this reason, if there was none before."""
        exchange = self._exchange
        if self._end < 0 and exchange is not None:
            self._end = end
            exchange.plane.values[TUNNELS_ENDED + end] += 1

    def _fail(self, problem: PacketError) -> None:
        """The client has broken a rule, or a limit."""
        ends = {TOO_LARGE: _TOO_LARGE, RATE_TOO_HIGH: _TOO_FAST, NOT_AUTHORIZED: _DENIED}
        self.leave(problem.code, ends.get(problem.code, _BROKEN), problem.reason)

    def leave(self, code: int, end: int, reason: str) -> None:
        """Disconnect the client, with ``code`` of MQTT 5, which 3.1.1 has no word for; ``end``: one of ``ENDS_OF_TUNNELS``."""
        exchange = self._exchange
        if exchange is None:
            return
        self._note_end(end)
        if self._version == V5:
            self._say(exchange, DISCONNECT, disconnect(code, reason, self._packet_maximum))
        exchange.client.say_goodbye(_CLOSES[self._end], reason)  # type: ignore[attr-defined]
        self.end()

    def end_half(self, source: Connection) -> bool:
        """See ``Tunnel``: MQTT has no half of a connection."""
        self.end()
        return False

    def end(self) -> None:
        """See ``Tunnel``: either side is gone, or the gateway has disconnected both."""
        exchange = self._exchange
        if exchange is None:
            return
        carrier = exchange.carrier
        is_lost = carrier is None or carrier.is_closed or carrier.is_ended
        if self._end < 0 and is_lost:
            self.leave(SHUTTING_DOWN, _BROKER, "the broker has ended the connection")
            return
        self._note_end(_CLIENT)
        exchange.client.say_goodbye(_CLOSES[self._end], "")  # type: ignore[attr-defined]
        exchange.plane.values[CLIENTS_OPEN] -= 1
        noted = exchange.notes.get(NOTE) if exchange.notes is not None else None
        if noted is not None:
            noted["received"], noted["sent"], noted["refused"] = self._received, self._sent, self._refused
            noted["end"] = ENDS_OF_TUNNELS[self._end]
        Tunnel.end(self)

    # --- time

    def on_time(self, now: float) -> None:
        """What is due by ``now``, in coarse loop time."""
        exchange = self._exchange
        if exchange is None:
            return
        if exchange.client.is_held:
            self._heard = now  # it is not asked
        if now >= self._leave_at:
            self.leave(SHUTTING_DOWN, _DRAINED, "the gateway stops")
        elif now >= self._last_word + self._silence:
            self.leave(KEEP_ALIVE_TIMEOUT, _KEEP_ALIVE, "nothing was said for too long")
        else:
            self.plan()

    @property
    def _last_word(self) -> float:
        """When somebody has said something whose silence counts: of a client without a keep-alive either side."""
        return self._heard if self._has_keep_alive else max(self._heard, self._told)

    def plan(self) -> None:
        """Be called when something may be due."""
        exchange = self._exchange
        if exchange is not None:
            exchange.client.deadline = min(self._leave_at, self._last_word + self._silence)

    def on_drain(self) -> None:
        """The worker drains: this one is closed at some moment within a time, as all clients come back at once otherwise."""
        exchange = self._exchange
        if exchange is not None:
            self._leave_at = exchange.plane.now + self._rules.drain_grace * exchange.plane.random()
            self.plan()

    def cut(self) -> None:
        """There is no more time."""
        exchange = self._exchange
        if exchange is not None and exchange.plane.is_draining:
            self.leave(SHUTTING_DOWN, _DRAINED, "the gateway stops")
        else:
            self.end()


class MqttTunnels:
    """The kind of tunnel of routes for clients of MQTT."""

    __slots__ = ()

    def tunnel(self, exchange: Exchange) -> Tunnel:
        """See ``TunnelKind``."""
        session = session_of(exchange)
        assert session is not None
        return MqttTunnel(exchange, session)

    def problem(self, exchange: Exchange) -> str:
        """See ``TunnelKind``: a broker has nothing to say of it."""
        return ""


def noted_of(session: MqttSession) -> dict[str, Any]:
    """What is known of a client, for variables and logs."""
    connect = session.connect
    assert connect is not None
    found: dict[str, Any] = {"client_id": connect.client_id, "version": VERSIONS[connect.version]}
    return found | ({"user": connect.user} if connect.user is not None else {})
