"""The opening handshake of the gateway's own WebSockets to a service (RFC 6455 section 4.1), and what may be wrong with its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastgw.core.exchange.tunnel import accept_of
from fastgw.core.http1 import heads
from fastgw.wire.fields import find_field
from fastgw.wire.lines import without_fields

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.wire.messages import Response

#: Of the request those that are of its body, of what is done with that, or of a handshake.
_NOT_PASSED: Final = frozenset(
    {
        *(b"content-type", b"content-length", b"content-encoding", b"content-digest", b"repr-digest", b"digest"),
        *(b"expect", b"te", b"trailer", b"idempotency-key"),
        *(b"sec-websocket-key", b"sec-websocket-version", b"sec-websocket-extensions", b"sec-websocket-protocol"),
    }
)
_ASKED: Final = b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-version: 13\r\nsec-websocket-key: "


def request_head(exchange: Exchange, key: bytes, subprotocol: str) -> bytes:
    """What asks for the WebSocket at the target of the request, with its fields; ``key``: as it stands in the field."""
    fields = without_fields(heads.request_fields(exchange), _NOT_PASSED) + without_fields(
        heads.own_fields(exchange), _NOT_PASSED
    )
    offer = b"sec-websocket-protocol: %b\r\n" % subprotocol.encode() if subprotocol else b""
    return b"GET %b HTTP/1.1\r\nhost: %b\r\n%b%b%b\r\n%b\r\n" % (
        exchange.request.target,
        heads.authority_of(exchange),
        fields,
        _ASKED,
        key,
        offer,
    )


def problem_of(response: Response, key: bytes, subprotocol: str) -> str:
    """What is wrong with a 101; empty: nothing."""
    if response.upgrade.lower() != b"websocket" or b"upgrade" not in response.connection.lower():
        return "the service switched to another protocol than WebSocket"
    if find_field(response.head, b"sec-websocket-accept") != accept_of(key):
        return "the service's Sec-WebSocket-Accept does not belong to the key"
    if find_field(response.head, b"sec-websocket-extensions"):
        return "the service has chosen an extension that it was not offered"
    chosen = find_field(response.head, b"sec-websocket-protocol")
    if chosen is not None and chosen != subprotocol.encode():
        return "the service has chosen a subprotocol that it was not offered"
    return ""
