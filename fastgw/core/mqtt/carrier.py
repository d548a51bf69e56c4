"""The connections to a broker: one for each client, from its CONNECT on.

What carries an exchange to an answer elsewhere carries the CONNECT to its CONNACK here.  A broker that lets the client in has agreed to the
upgrade, as it were: the exchange becomes a tunnel.  One that does not has answered, and the client is told in the broker's own words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.causes import words
from fastgw.core.http1.carrier import Http1Carrier, bad_answer
from fastgw.core.http1.connecting import connected
from fastgw.core.http1.pool import Http1Pool
from fastgw.core.mqtt_counters import TO_CLIENTS
from fastgw.errors import RETRY_ALWAYS, RETRY_SAFE, DownstreamError, UpstreamError
from fastgw.wire.messages import BODY_NONE, NO_LENGTH
from fastgw.wire.mqtt_connect import read_connack
from fastgw.wire.mqtt_fields import BUSY, CONNACK, UNAVAILABLE, PacketError
from fastgw.wire.mqtt_packets import V3, PacketScanner

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.mqtt.session import MqttSession
    from fastgw.core.plane import Plane

CONNACK_MOST: Final = 64 * 1024  #: bytes of an answer to a CONNECT
UPGRADE: Final = b"mqtt"  #: what an exchange with a broker is said to be upgraded to
_UNAVAILABLE_3: Final = 3  #: return code of 3.1.1: the server is unavailable
_STATUSES: Final = {0x84: 400, 0x85: 403, 0x86: 401, 0x87: 403, 0x8A: 403, 0x8C: 401, 0x95: 413, 0x97: 429, 0x9F: 429}
_STATUSES_3: Final = {1: 400, 2: 403, 4: 401, 5: 403}


class MqttCarrier(Http1Carrier):
    """Protocol of one connection to a broker, which is closed behind its client."""

    def __init__(self, pool: MqttPool) -> None:
        Http1Carrier.__init__(self, pool)
        self._scanner: PacketScanner | None = None

    def carry(self, exchange: Exchange) -> None:
        """See ``Carrier``: the CONNECT of the client, as it came or as the route has it."""
        session = session_of(exchange)
        self.exchange = exchange
        self.uses += 1
        values, base = exchange.plane.values, exchange.endpoint.base
        values[base + counters.ENDPOINT_REQUESTS] += 1
        values[base + counters.ENDPOINT_ACTIVE] += 1
        if session is None:
            detail = "a broker of MQTT answers clients of MQTT, and this is none"
            exchange.fail(DownstreamError(426, "upgrade_required", detail))
            return
        self._scanner = PacketScanner(CONNACK_MOST, is_client=False, version=session.version)
        self.write(session.packet)

    def let_go(self, is_request_done: bool) -> None:
        """See ``Carrier``: nobody else can have it."""
        self.leave()
        self.abort()

    def set_aside(self) -> None:
        """See ``Carrier``."""
        self.let_go(False)

    def data_received(self, data: bytes) -> None:
        """Bytes of the broker."""
        exchange = self.exchange
        if exchange is None or self.is_closed:
            self.abort()
        elif self.tunnel is not None:
            self.tunnel.from_service(data)
        else:
            self._read_answer(exchange, data)

    def _read_answer(self, exchange: Exchange, data: bytes) -> None:
        session, scanner = session_of(exchange), self._scanner
        assert session is not None and scanner is not None
        data, packets = scanner.feed(data)
        if not packets:
            if scanner.problem is not None:
                exchange.fail(bad_answer(f"the broker's answer is not MQTT: {scanner.problem.reason}", data))
            return
        first = packets[0]
        try:
            answer = read_connack(data, first, session.version)
        except PacketError as error:
            exchange.fail(bad_answer(f"the broker's answer cannot be passed on: {error.reason}", data))
            return
        session.connack = data[: first.end]
        code = answer.code
        if code in ((_UNAVAILABLE_3,) if session.version == V3 else (UNAVAILABLE, BUSY)):
            detail = "the broker is not available"
            exchange.fail(UpstreamError(503, "broker_unavailable", detail, retry=RETRY_ALWAYS))
        elif code:
            self._refuse(exchange, (_STATUSES_3 if session.version == V3 else _STATUSES).get(code, 502))
        else:
            self._scanner = None
            session.answer = answer
            _answer(exchange, 101)
            exchange.request.upgrade = exchange.response.upgrade = UPGRADE
            exchange.response.connection = b"upgrade"
            exchange.on_upgrade()
            if self.tunnel is not None and first.end < len(data):
                self.tunnel.from_service(data[first.end :])

    def _refuse(self, exchange: Exchange, status: int) -> None:
        """The broker does not let the client in: that is the answer."""
        _answer(exchange, status)
        exchange.plane.values[TO_CLIENTS + CONNACK - 1] += 1
        exchange.on_head()
        if self.exchange is exchange:
            exchange.on_last_body(b"", 0)

    def eof_received(self) -> bool:
        """The broker says no more: MQTT has no connection with one half."""
        self._lost(None)
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is gone."""
        if error is not None and self.exchange is not None:
            self.read_rest()
        self._lost(error)
        Http1Carrier.connection_lost(self, error)

    def _lost(self, error: Exception | None) -> None:
        exchange = self.exchange
        if exchange is None:
            return
        if self.tunnel is not None:
            self.is_ended = True
            self.tunnel.end()
            return
        detail = "the broker closed the connection before it answered"
        reason = f"the connection ended ({words(error)})" if error is not None else detail
        exchange.fail(UpstreamError(502, "upstream_reset", detail, retry=RETRY_SAFE, reason=reason))

    def release(self, bit: int) -> None:
        """See ``Connection``; the exchange may have thought of another deadline than the tunnel has."""
        Http1Carrier.release(self, bit)
        if self.tunnel is not None:
            self.tunnel.plan()


class MqttPool(Http1Pool):
    """The connections of one worker to a broker."""

    def __init__(self, endpoint: Endpoint, plane: Plane) -> None:
        Http1Pool.__init__(self, endpoint, plane)
        self.takes_chunks = False
        self._broker = endpoint
        self._worker = plane

    async def open_connection(self) -> Any:
        """See ``Http1Pool``."""
        return await connected(lambda: MqttCarrier(self), self._broker, self._worker)


def session_of(exchange: Exchange) -> MqttSession | None:
    """What is known of the client of MQTT that ``exchange`` answers; None: it is none."""
    found: MqttSession | None = getattr(exchange.client, "session", None)
    return found


def _answer(exchange: Exchange, status: int) -> None:
    """Make the answer of ``exchange`` one with this status, and with nothing else."""
    response = exchange.response
    response.reset_rare()
    response.turn_into(status)
    response.fields = response.extra = b""
    response.head = response.line + b"\r\n"
    response.minor = 1
    response.length_count = 0
    response.content_length = NO_LENGTH
    response.body = BODY_NONE
    response.request_id = b""
