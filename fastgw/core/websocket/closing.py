"""What a client of HTTP is told where a service closes the WebSocket before its answer is complete (RFC 6455 section 7.4).

| code | is | status |
|---|---|---|
| 1000, none | the end of the answer | |
| 1003 | what was sent is of a kind that it does not take | 415 |
| 1007 | what was sent is no message of its kind | 400 |
| 1008, 3003 | it may not | 403 |
| 1009 | a message was too large | 413 |
| 1012, 1013 | it starts anew, or has too much to do | 503 |
| others | it has failed | 502 |
"""

from __future__ import annotations

from typing import Final

from fastgw.errors import DownstreamError, GatewayError, UpstreamError
from fastgw.wire.websocket_frames import INVALID, NO_CODE, POLICY, TOO_BIG, TRY_LATER, UNSUPPORTED

RESTARTS: Final = 1012
FORBIDDEN: Final = 3003


def error_of(code: int, reason: str, *, is_theirs: bool) -> GatewayError:
    """The error; ``code`` and ``reason``: of the CLOSE of the service, or, if not ``is_theirs``, of the gateway's for what it said."""
    if not is_theirs:
        if code == TOO_BIG:
            return UpstreamError(502, "answer_too_large", f"the service has sent {reason}")
        return UpstreamError(502, "websocket_failed", f"the service has broken the protocol of WebSocket: {reason}")
    said = f"the service has closed the WebSocket with {code}" if code != NO_CODE else "the service has closed"
    detail = f"{said}: {reason}" if reason else said
    if code == UNSUPPORTED:
        return DownstreamError(415, "websocket_unsupported", detail)
    if code == INVALID:
        return DownstreamError(400, "websocket_invalid", detail)
    if code in (POLICY, FORBIDDEN):
        return DownstreamError(403, "websocket_forbidden", detail)
    if code == TOO_BIG:
        return DownstreamError(413, "websocket_too_large", detail)
    if code in (RESTARTS, TRY_LATER):
        return UpstreamError(503, "websocket_busy", detail)
    return UpstreamError(502, "websocket_failed", detail)
