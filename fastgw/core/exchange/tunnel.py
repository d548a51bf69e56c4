"""Upgraded connections: a checked handshake, then bytes both ways, unread (RFC 9110 section 7.8, RFC 6455 section 4.2.2)."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Protocol

from fastgw.core import counters
from fastgw.errors import UpstreamError
from fastgw.wire.messages import BODY_NONE, NO_LENGTH

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.net.connection import Connection

KIND = "tunnel_kind"  #: a note: the ``TunnelKind`` that its tunnel is to be of
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Tunnel:
    """The two ends of one upgraded exchange.

    Each direction ends by itself: when one side sends no more, the other is told so behind the last byte, and may go on.  The tunnel
    is over when both have ended, when either connection is lost, or when nobody said anything for too long.  TLS connections of the
    loop cannot be half closed (RFC 8446 section 6.1 would allow it), so there the first end is that of both.
    """

    __slots__ = ("_exchange",)

    def __init__(self, exchange: Exchange) -> None:
        self._exchange: Exchange | None = exchange

    def from_service(self, data: bytes) -> None:
        """Bytes for the client, as they are."""
        exchange = self._exchange
        if exchange is not None:
            exchange.bytes_out += len(data)
            exchange.client.write(data)
            self._said()

    def from_client(self, data: bytes) -> None:
        """Bytes for the service, as they are."""
        exchange = self._exchange
        if exchange is not None and exchange.carrier is not None:
            exchange.body.received += len(data)
            exchange.carrier.write(data)
            self._said()

    def _said(self) -> None:
        exchange = self._exchange
        if exchange is not None and not exchange.client.is_paused:  # else the client's write deadline stands
            exchange.set_deadline(exchange.route.settings.tunnel_idle_timeout)

    def end_half(self, source: Connection) -> bool:
        """``source`` will send no more; True: its connection stays open for the other direction."""
        exchange = self._exchange
        if exchange is None or exchange.carrier is None:
            return False
        sink: Connection = exchange.carrier if source is exchange.client else exchange.client
        if sink.is_ended or not (source.can_write_eof() and sink.can_write_eof()):
            self.end()
            return False
        source.is_ended = True
        sink.write_eof()
        self._said()
        return True

    def end(self) -> None:
        """Either side is done, or nobody said anything for too long: flush, then close both."""
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        client, carrier = exchange.client, exchange.carrier
        exchange.plane.values[counters.TUNNELS_OPEN] -= 1
        if carrier is not None:
            exchange.carrier = None
            carrier.leave()
            exchange.plane.see_off(carrier)
        exchange.end()
        client.exchange = None
        client.close()


class TunnelKind(Protocol):
    """What makes another tunnel of an upgraded exchange than one of bytes."""

    def problem(self, exchange: Exchange) -> str:
        """What is wrong with the 101 of a WebSocket; empty: nothing."""

    def tunnel(self, exchange: Exchange) -> Tunnel:
        """The tunnel."""


def begin(exchange: Exchange) -> None:
    """Turn ``exchange``, whose 101 is the one that was asked for, into a tunnel."""
    kind = _kind(exchange)
    tunnel = exchange.tunnel = Tunnel(exchange) if kind is None else kind.tunnel(exchange)
    exchange.plane.values[counters.TUNNELS_OPEN] += 1
    if exchange.carrier is not None:
        exchange.carrier.tunnel = tunnel
    exchange.set_deadline(exchange.route.settings.tunnel_idle_timeout)
    exchange.client.start_tunnel(exchange, tunnel)  # last: the tunnel may end with it, and the exchange


def _kind(exchange: Exchange) -> TunnelKind | None:
    """Of its tunnel, as a filter has noted; None: bytes, unread."""
    return None if exchange.notes is None else exchange.notes.get(KIND)


def problem(exchange: Exchange) -> UpstreamError | None:
    """What is wrong with the 101 of ``exchange``; None: it is the one that was asked for."""
    detail = _problem(exchange)
    return UpstreamError(502, "bad_upgrade", detail) if detail else None


def accept(exchange: Exchange, fields: bytes) -> None:
    """Make the answer of ``exchange`` the 101 of a WebSocket that is served here; ``fields``: its lines, with ``accept_of`` the key."""
    response = exchange.response
    response.reset_rare()
    response.turn_into(101)
    response.upgrade = b"websocket"
    response.connection = b"upgrade"
    response.fields = fields
    response.head = response.line + fields + b"\r\n"
    response.minor = 1
    response.length_count = 0
    response.content_length = NO_LENGTH
    response.body = BODY_NONE
    response.request_id = response.extra = b""


def _problem(exchange: Exchange) -> str:
    request, response = exchange.request, exchange.response
    if not request.upgrade:
        return "the service switched protocols without being asked"
    if response.upgrade != request.upgrade or b"upgrade" not in response.connection.lower():
        return "the service switched to a protocol that was not asked for"
    if request.upgrade == b"websocket":
        key = request.header(b"sec-websocket-key") or b""
        if _field(response.fields, b"sec-websocket-accept") != accept_of(key):
            return "the service's Sec-WebSocket-Accept does not belong to the key"
        kind = _kind(exchange)
        return "" if kind is None else kind.problem(exchange)
    return ""


def accept_of(key: bytes) -> bytes:
    """What proves to the client of a WebSocket that its ``key`` was read (RFC 6455 section 4.2.2)."""
    import hashlib  # OpenSSL's digests: 0.7 MiB that a worker without WebSockets is spared

    return base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())


def _field(fields: bytes, name: bytes) -> bytes:
    for line in fields.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip(b" \t")
    return b""
