"""Upgraded connections: a checked handshake, then bytes both ways, unread (RFC 9110 section 7.8, RFC 6455 section 4.2.2)."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import TYPE_CHECKING

from fastgw.core import counters
from fastgw.core.exchange import TUNNEL
from fastgw.core.heads import upgrade_head
from fastgw.errors import UpstreamError

if TYPE_CHECKING:
    from fastgw.core.exchange import Exchange

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def begin(exchange: Exchange, rest: bytes) -> None:
    """Turn ``exchange`` into a tunnel if its 101 is the one that was asked for; ``rest``: bytes the service sent behind it."""
    problem = _problem(exchange)
    if problem:
        exchange.fail(UpstreamError(502, "bad_upgrade", problem))
        return
    upstream = exchange.upstream
    assert upstream is not None
    for hook in exchange.route.chain.response[exchange.entered]:
        outcome = hook(exchange)
        if outcome is not None:
            exchange.fail(UpstreamError(502, "bad_upgrade", "a filter of this route cannot wait on an upgraded connection"))
            return
    exchange.phase = TUNNEL
    exchange.is_head_sent = True
    exchange.keep_alive = False
    upstream.start_tunnel()
    exchange.plane.values[counters.TUNNELS_OPEN] += 1
    downstream = exchange.downstream
    downstream.write(upgrade_head(exchange))
    if rest:
        exchange.on_tunnel_data(rest)
    downstream.start_tunnel()
    exchange.set_deadline(exchange.route.tunnel_idle_timeout)


def _problem(exchange: Exchange) -> str:
    request, response = exchange.request, exchange.response
    if not request.upgrade:
        return "the service switched protocols without being asked"
    if response.upgrade != request.upgrade or b"upgrade" not in response.connection.lower():
        return "the service switched to a protocol that was not asked for"
    if request.upgrade == b"websocket":
        key = request.header(b"sec-websocket-key") or b""
        expected = base64.b64encode(hashlib.sha1(key + _GUID, usedforsecurity=False).digest())
        if not hmac.compare_digest(_field(response.fields, b"sec-websocket-accept"), expected):
            return "the service's Sec-WebSocket-Accept does not belong to the key"
    return ""


def _field(fields: bytes, name: bytes) -> bytes:
    for line in fields.split(b"\r\n"):
        key, _, value = line.partition(b":")
        if key.lower() == name:
            return value.strip(b" \t")
    return b""
