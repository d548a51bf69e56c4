"""When files are looked at, and what of them is loaded."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from fastgw.server.settling import AGAIN, LONGEST, PATIENCE, QUIET, Settling

A, B = {"f": "a"}, {"f": "b"}
GONE = {"f": ""}


def test_a_look_comes_when_it_is_quiet_again() -> None:
    one = Settling(100.0)
    assert one.due(30.0) == 130.0 and one.due(0.0) == math.inf
    one.note(110.0)
    assert one.due(30.0) == 110.0 + QUIET
    one.note(110.1)
    assert one.due(30.0) == 110.1 + QUIET
    one.begin(110.4)
    assert one.due(30.0) == 140.4


def test_who_writes_for_ever_holds_nothing_up() -> None:
    one = Settling(0.0)
    now = 10.0
    while now < one.due(0.0):
        one.note(now)
        now += QUIET / 2
    assert 10.0 + LONGEST <= now < 10.0 + LONGEST + QUIET


def test_what_is_told_is_loaded_at_once_and_what_is_known_never() -> None:
    one = Settling(0.0)
    one.note(1.0)
    one.begin(1.2)
    assert not one.judge(1.2, A, A)
    one.note(2.0)
    one.begin(2.2)
    assert one.judge(2.2, A, B)
    one.note(3.0)
    one.begin(3.2)
    assert not one.judge(3.2, B, B) and one.due(0.0) == math.inf


def test_what_a_poll_finds_is_looked_at_twice() -> None:
    one = Settling(0.0)
    one.begin(30.0)
    assert not one.judge(30.0, A, {"f": "half"}) and one.due(30.0) == 30.0 + QUIET
    one.begin(30.2)
    assert not one.judge(30.2, A, B)
    one.begin(30.4)
    assert one.judge(30.4, A, B) and one.due(30.0) == 60.4


def test_what_is_missing_is_waited_for() -> None:
    one = Settling(0.0)
    one.note(1.0)
    one.begin(1.2)
    assert not one.judge(1.2, A, GONE) and one.due(30.0) == 1.2 + AGAIN
    one.begin(1.7)
    assert not one.judge(1.7, A, GONE)
    one.note(2.0)
    one.begin(2.2)
    assert one.judge(2.2, A, B)  # it is there again
    one.note(3.0)
    one.begin(3.2)
    assert not one.judge(3.2, B, GONE)
    one.begin(3.3 + PATIENCE)
    assert one.judge(3.3 + PATIENCE, B, GONE)  # so it is gone
    one.begin(20.0)
    assert not one.judge(20.0, GONE, GONE) and one.due(0.0) == math.inf  # and that is known
    one.begin(30.0)
    assert not one.judge(30.0, GONE, B)
    one.begin(30.2)
    assert one.judge(30.2, GONE, B)


def test_of_several_all_must_be_there() -> None:
    one = Settling(0.0)
    one.note(1.0)
    one.begin(1.2)
    assert not one.judge(1.2, {"f": "a", "g": "a"}, {"f": "b", "g": ""})
    one.begin(1.7)
    assert not one.judge(1.7, {"f": "a", "g": "a"}, {"f": "b", "g": "b"})  # a poll: once more
    one.begin(1.9)
    assert one.judge(1.9, {"f": "a", "g": "a"}, {"f": "b", "g": "b"})
    one.begin(3.0)
    assert not one.judge(3.0, {"f": "b", "g": ""}, {"f": "b", "g": ""})  # was missing when it was tried: that is known


@given(st.lists(st.tuples(st.floats(0.01, 8.0), st.sampled_from(["", "a", "b", "c"]), st.booleans()), max_size=30))
def test_in_the_end_what_is_there_is_what_was_loaded(steps: list[tuple[float, str, bool]]) -> None:
    """Whatever is written, and whether it is told or not; nothing is loaded twice in a row."""
    one, now, there, known = Settling(0.0), 0.0, "a", "a"
    for pause, content, is_told in [*steps, (90.0, there, False)]:
        end = now + pause
        while (due := one.due(30.0)) <= end:
            now = max(now, due)
            one.begin(now)
            if one.judge(now, {"f": known}, {"f": there}):
                assert there != known
                known = there
        now = end
        if content != there and end < 1e6 and pause < 90.0:
            there = content
            if is_told:
                one.note(now)
    assert known == there
