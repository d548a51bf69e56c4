"""Lines about trouble: the first at once, then counts."""

from __future__ import annotations

from typing import Any

from fastgw.core.opening.tally import EVERY, Tally
from fastgw.testing.mock import MockLoop


def test_first_is_told_at_once_and_the_others_as_a_number() -> None:
    loop, told = MockLoop(), list[dict[str, Any]]()
    tally = Tally(loop, lambda **fields: told.append(fields))
    tally.add("a", event="x", client="1")
    for client in ("2", "3"):
        tally.add("a", event="x", client=client)
    tally.add("b", event="y")
    assert told == [{"event": "x", "client": "1", "count": 1}, {"event": "y", "count": 1}]
    loop.advance(EVERY)
    assert told[2:] == [{"event": "x", "client": "3", "count": 2}]
    tally.add("a", event="x", client="4")  # still within the time of the last line
    loop.advance(EVERY)
    assert told[3:] == [{"event": "x", "client": "4", "count": 1}]
    loop.advance(EVERY)
    assert loop.timers == 0 if isinstance(loop.timers, int) else not loop.timers
    tally.add("a", event="x", client="5")
    assert told[4:] == [{"event": "x", "client": "5", "count": 1}]


def test_nothing_is_lost_at_the_end() -> None:
    loop, told = MockLoop(), list[dict[str, Any]]()
    tally = Tally(loop, lambda **fields: told.append(fields))
    for client in ("1", "2", "3"):
        tally.add("a", client=client)
    tally.add("b", client="4")
    tally.close()
    assert told == [{"client": "1", "count": 1}, {"client": "4", "count": 1}, {"client": "3", "count": 2}]
    loop.advance(EVERY)
    assert len(told) == 3
