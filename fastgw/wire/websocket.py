"""The WebSocket opening handshake as a proxy must see it (RFC 6455 sections 4.1 and 4.2.1)."""

from __future__ import annotations

import binascii
from typing import TYPE_CHECKING

from fastgw.wire.errors import WireError, bad

if TYPE_CHECKING:
    from fastgw.wire.messages import Request

#: What a 426 has to say (RFC 9110 section 15.5.22, RFC 6455 section 4.4).
_WANTED = (("upgrade", "websocket"), ("connection", "upgrade"), ("sec-websocket-version", "13"))


def check_handshake(request: Request) -> None:
    """Refuse a WebSocket upgrade that is not complete, so that no tunnel opens on half a handshake.

    Raises:
        WireError: 400, or 426 for another protocol version.
    """
    if request.has_body or request.transfer_encoding:
        raise bad("a WebSocket handshake has no body")
    version = request.header(b"sec-websocket-version")
    if version != b"13":
        if version is None:
            raise bad("the WebSocket handshake has no Sec-WebSocket-Version")
        raise WireError(426, "upgrade_required", "the only WebSocket version served is 13", _WANTED)
    key = request.header(b"sec-websocket-key") or b""
    try:
        nonce = binascii.a2b_base64(key, strict_mode=True)
    except binascii.Error:
        nonce = b""
    if len(nonce) != 16:
        raise bad("the WebSocket handshake has no valid Sec-WebSocket-Key")
