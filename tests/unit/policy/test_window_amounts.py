"""Amounts of one window: what is used of it, whatever time it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.amounts import MOST
from fastgw.policy.gcra import LONGEST
from fastgw.policy.window_amounts import TICK_BITS, WindowAmounts

SECOND = 10**9
DAY = 86400 * SECOND
STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "give"]), st.integers(0, 500), st.integers(0, 3600 * SECOND)), max_size=20
)


@given(count=st.integers(1, 10**4), begin=st.integers(0, 400 * DAY), steps=STEPS)
def test_what_is_used_stays_used_until_it_is_over(count: int, begin: int, steps: list[tuple[str, int, int]]) -> None:
    end = begin + DAY
    rate = WindowAmounts(count, DAY, end)
    used, time, now = 0, 0, begin
    for what, amount, pause in steps:
        now = min(end, now + pause)
        if what == "take":
            used, time = used + amount, rate.taken(time, now, amount)
        else:
            used, time = max(0, used - amount), rate.given(time, now, amount)
        assert rate.left(time, now) == max(0, count - used)
        assert (rate.wait(time, now, 1) == 0) == (used < count)
        assert rate.whole(time, now) == (end - now if used else 0)
        assert rate.sound(time, now) == time
        assert time == 0 or now < time < now + LONGEST


def test_all_of_it_may_be_taken_and_no_more() -> None:
    rate = WindowAmounts(MOST, DAY, 2 * DAY)
    full = rate.taken(0, DAY, MOST)
    assert rate.wait(0, DAY, MOST) == 0 and rate.left(full, DAY) == 0
    assert rate.wait(full, DAY, 1) == DAY and rate.wait(full, 2 * DAY, 1) == 1
    owing = rate.taken(full, DAY, MOST)
    assert rate.left(owing, DAY) == 0 and rate.taken(owing, DAY, MOST) == owing  # more is not written down
    assert rate.left(rate.given(full, DAY, 5), DAY) == 5


@pytest.mark.parametrize("before", [0, 1, DAY - 1, DAY, DAY + (1 << TICK_BITS)])
def test_an_old_time_of_another_key_is_nothing_that_was_used(before: int) -> None:
    rate = WindowAmounts(10, DAY, 3 * DAY)
    now = 2 * DAY
    assert rate.left(before, now) == 10 and rate.given(before, now, 5) == before
    assert rate.left(rate.taken(before, now, 4), now) == 6


def test_it_may_be_forgotten_some_time_after_its_end() -> None:
    rate = WindowAmounts(10, DAY, DAY)
    time = rate.taken(0, 0, 10)
    assert DAY + (1 << TICK_BITS) <= time < DAY + 3 * (1 << TICK_BITS)
    assert rate.left(time, DAY + (1 << TICK_BITS) - 1) == 0  # who began in it is settled in it
