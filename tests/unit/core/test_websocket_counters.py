"""The rows of WebSockets have places of their own, and so many as they need."""

from __future__ import annotations

from fastgw.core import counters, websocket_counters
from fastgw.core.websocket_counters import CLOSE_CODES, place_of
from fastgw.wire.websocket_frames import LOST, NO_CODE, may_be_sent


def test_they_lie_in_the_room_that_is_kept_for_them() -> None:
    rows = [row for row in counters.ROUTE if row.name.startswith("fastgw_websocket")]
    places = [row.index + place for row in rows for place in range(len(row.values) or 1)]
    assert places == list(range(websocket_counters.MESSAGES, counters.WEBSOCKET.size))
    assert [row.labels[1:] for row in rows] == [("side",), ("by",), ("code",), ()]


def test_every_close_has_a_place_for_its_code() -> None:
    for code in range(5000):
        if may_be_sent(code) or code in (NO_CODE, LOST):
            assert CLOSE_CODES[place_of(code)] == (str(code) if code < 3000 else f"{code // 1000}xxx")
