"""What is known of a client of MQTT from its CONNECT to the end, whatever it came over."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastgw.core.mqtt_counters import REFUSALS, TO_CLIENTS, TUNNELS_REFUSED
from fastgw.errors import DownstreamError
from fastgw.wire.mqtt_connect import Connack, MqttConnect, read_connect
from fastgw.wire.mqtt_fields import (
    BAD_LOGIN,
    BUSY,
    CLIENT_ID_INVALID,
    CONNACK,
    MALFORMED,
    NOT_AUTHORIZED,
    RATE_EXCEEDED,
    SHUTTING_DOWN,
    UNAVAILABLE,
    UNSPECIFIED,
    UNSUPPORTED_VERSION,
    PacketError,
)
from fastgw.wire.mqtt_packets import V3, V5, PacketScanner, connack

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.mqtt.access import Access, AccessRules
    from fastgw.core.plane import Plane

NOTE: Final = "mqtt"  #: what is known of it, for variables and logs
EARLY_MOST: Final = 16 * 1024  #: bytes behind a CONNECT with which its client is held until it is let in
VERSIONS: Final = {V3: "3.1.1", V5: "5.0"}

#: Reason codes of a CONNACK for errors of the gateway, by their code and by their status.
_BY_CODE: Final = {"client_id_refused": CLIENT_ID_INVALID, "drained": SHUTTING_DOWN, "mqtt_malformed": MALFORMED}
_BY_STATUS: Final = {
    401: BAD_LOGIN,
    403: NOT_AUTHORIZED,
    429: RATE_EXCEEDED,
    502: UNAVAILABLE,
    503: BUSY,
    504: UNAVAILABLE,
}


class MqttSession:
    """One client: from its first byte to its CONNECT, and then what that says and what it may do."""

    __slots__ = ("_scanner", "access", "answer", "body", "connack", "connect", "early", "packet", "rules")

    def __init__(self, max_packet: int) -> None:
        """``max_packet``: bytes of its CONNECT."""
        self._scanner: PacketScanner | None = PacketScanner(max_packet, is_client=True)
        self.connect: MqttConnect | None = None
        self.packet = b""  #: the CONNECT for the broker
        self.body = b""  #: of the CONNECT as it came
        self.early = b""  #: what came behind it
        self.connack = b""  #: what the broker has answered
        self.answer: Connack | None = None  #: what that says, where the client is let in
        self.access: Access | None = None  #: once all filters have let it pass
        self.rules: AccessRules | None = None  #: of the route, once its filter has seen it

    @property
    def version(self) -> int:
        """Of MQTT."""
        return V3 if self.connect is None else self.connect.version

    @property
    def is_full(self) -> bool:
        """Whether so much has come behind the CONNECT that no more is taken for now."""
        return len(self.early) > EARLY_MOST

    def feed(self, data: bytes) -> bool:
        """Bytes of the client; whether its CONNECT is there.

        Raises:
            PacketError: it is none that can be understood.
        """
        scanner = self._scanner
        if scanner is None:
            self.early += data
            return False
        data, packets = scanner.feed(data)
        if not packets:
            if scanner.problem is not None:
                raise scanner.problem
            return False
        first = packets[0]
        self.connect = read_connect(data, first)
        self._scanner = None
        self.packet = data[: first.end]
        self.body = data[first.body : first.end]
        self.early = data[first.end :]
        return True

    def admit(self, exchange: Exchange) -> None:
        """All filters have let it pass: find out what it may do.

        Raises:
            DownstreamError: 404, the route has no rules for MQTT; 403, see ``AccessRules``.
        """
        if self.rules is None or self.connect is None:
            raise DownstreamError(404, "not_mqtt", "what is asked for here is nothing for clients of MQTT")
        self.access = self.rules.admitted(exchange, self.connect)
        self.body = b""

    def refuse(self, plane: Plane, status: int, code: str, detail: str) -> bytes:
        """The CONNACK that tells an error with these words, which may be empty; empty: no CONNECT has come that it could answer."""
        if self.connect is None:
            return b""
        plane.values[TUNNELS_REFUSED + REFUSALS.index("connect")] += 1
        plane.values[TO_CLIENTS + CONNACK - 1] += 1
        reason = _BY_CODE.get(code, _BY_STATUS.get(status, UNSPECIFIED))
        return connack(self.connect.version, reason, detail, self.connect.packet_maximum)


def unread(error: PacketError) -> tuple[DownstreamError, bytes]:
    """The error for a CONNECT that cannot be understood, and what the client is answered: that its version is not spoken, in the form
    that all versions read, or nothing."""
    answer = connack(V3, UNSUPPORTED_VERSION) if error.code == UNSUPPORTED_VERSION else b""
    return DownstreamError(400, "mqtt_malformed", error.reason), answer
