"""Rows of the table of counters (``core.counters``) that are of WebSockets whose frames the gateway reads (``core.exchange.frames``)."""

from __future__ import annotations

from typing import Final

from fastgw.core.counters import WEBSOCKET

SIDES: Final = ("client", "service")
#: Why one was closed, by whoever was first.
ENDS: Final = ("client", "service", "broken", "too_large", "too_fast", "idle", "drained", "lost")
_ONE_BY_ONE: Final = (1000, 1001, 1002, 1003, 1005, 1006, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014)
#: Codes of CLOSE (RFC 6455 section 7.4, and the registry of IANA): those of libraries (3000 to 3999) and of applications are one each.
CLOSE_CODES: Final = (*map(str, _ONE_BY_ONE), "3xxx", "4xxx")

MESSAGES = WEBSOCKET.counter(
    "fastgw_websocket_messages",
    "Messages of WebSockets, by who sent them.",
    "Of routes and services that say [`websocket`](websocket.md#metrics).",
    label="side",
    values=SIDES,
)
CLOSES = WEBSOCKET.counter(
    "fastgw_websocket_closes",
    "Such WebSockets that are over, by who has closed them, or why the gateway did, of those ends that there were.",
    "Each [reason](websocket.md#how-it-ends) is explained there.",
    label="by",
    values=ENDS,
    is_sparse=True,
)
CODES = WEBSOCKET.counter(
    "fastgw_websocket_close_codes",
    "The same by the code that the client has sent or was told, of those that there were.",
    "`1005`: the peer gave none, `1006`: there was no `CLOSE`.",
    label="code",
    values=CLOSE_CODES,
    is_sparse=True,
)
OPEN = WEBSOCKET.gauge("fastgw_websockets_open", "Such WebSockets that are open now.")


def place_of(code: int) -> int:
    """Place of a code of CLOSE, one that may be sent, or 1005 or 1006, among ``CLOSE_CODES``."""
    if code < 3000:
        return _ONE_BY_ONE.index(code)
    return len(_ONE_BY_ONE) + (code >= 4000)
