"""The rows of WebSockets have places of their own, and so many as they need."""

from __future__ import annotations

from fastgw.core import counters, websocket_counters


def test_they_lie_in_the_room_that_is_kept_for_them() -> None:
    closes = {row.name: row for row in counters.GLOBAL}["fastgw_websocket_closes"]
    messages = {row.name: row for row in counters.ROUTE}["fastgw_websocket_messages"]
    assert (closes.index, messages.index) == (websocket_counters.CLOSES, websocket_counters.MESSAGES)
    assert closes.labels == ("by",) and closes.index + len(closes.values) == counters.WEBSOCKET_ENDS.size
    assert messages.labels == ("route", "side") and messages.index + len(messages.values) == counters.WEBSOCKET.size
