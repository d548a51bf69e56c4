"""Rows of the table of counters (``core.counters``) that are of WebSockets whose frames the gateway reads (``core.exchange.frames``)."""

from __future__ import annotations

from typing import Final

from fastgw.core.counters import WEBSOCKET, WEBSOCKET_ENDS

SIDES: Final = ("client", "service")
#: Why one was closed, by whoever was first.
ENDS: Final = ("client", "service", "broken", "too_large", "too_fast", "idle", "drained", "lost")

MESSAGES = WEBSOCKET.counter(
    "fastgw_websocket_messages",
    "Messages of WebSockets, by who sent them.",
    "Of routes that say [`websocket`](websocket.md#metrics).",
    label="side",
    values=SIDES,
)
CLOSES = WEBSOCKET_ENDS.counter(
    "fastgw_websocket_closes",
    "Such WebSockets that are over, by who has closed them, or why the gateway did.",
    "Each [reason](websocket.md#how-it-ends) is explained there.",
    label="by",
    values=ENDS,
)
