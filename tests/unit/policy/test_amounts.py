"""Buckets of amounts beside ones that are kept in fractions; time is an argument."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.amounts import MOST, Amounts
from fastgw.policy.gcra import LONGEST

SECOND = 10**9

STEPS = st.lists(
    st.tuples(st.sampled_from(["take", "give"]), st.integers(0, 500), st.integers(0, 3 * SECOND)), max_size=40
)


@given(count=st.integers(1, 10**6), burst=st.integers(1, 10**4), steps=STEPS)
def test_it_has_what_a_bucket_in_fractions_has(count: int, burst: int, steps: list[tuple[str, int, int]]) -> None:
    rate = Amounts(count, 3600 * SECOND, burst)
    speed = Fraction(count, 3600 * SECOND)
    has, time, now = Fraction(burst), 0, SECOND
    for number, (what, amount, pause) in enumerate(steps, 1):
        now += pause
        has = min(Fraction(burst), has + pause * speed)
        if what == "take":
            has, time = has - amount, rate.taken(time, now, amount)
        else:
            has, time = min(Fraction(burst), has + amount), rate.given(time, now, amount)
        if has < burst - LONGEST * speed:
            return  # it owes more than a year, which is all that is written down
        assert abs(rate.left(time, now) - max(0, has)) <= 1 + 2 * number * speed
        assert abs(rate.whole(time, now) - (burst - has) / speed) <= 2 * number + 1


@pytest.mark.parametrize(("count", "burst"), [(1, 1), (7, 3), (10**9, 10**6), (3 * 10**11 + 1, 10**12), (MOST, MOST)])
def test_a_full_bucket_has_its_burst_and_not_one_more(count: int, burst: int) -> None:
    """A wait for as much as there ever is is finite, also where a nanosecond is many."""
    rate = Amounts(count, SECOND, burst)
    now = 5 * SECOND
    assert rate.wait(0, now, burst) == 0
    assert rate.left(0, now) == burst
    assert rate.whole(0, now) == 0
    empty = rate.taken(0, now, burst)
    assert rate.left(empty, now) == 0
    assert 0 < rate.wait(empty, now, 1) <= rate.span(1)
    assert rate.wait(empty, now, burst) == rate.depth
    assert rate.wait(empty, now + rate.depth, burst) == 0


def test_who_owes_waits_for_it() -> None:
    rate = Amounts(100, SECOND, 50)
    now = 9 * SECOND
    owing = rate.taken(0, now, 350)
    assert (rate.left(owing, now), rate.wait(owing, now, 1)) == (0, 3_010_000_000)
    assert rate.wait(owing, now + 3_010_000_000, 1) == 0
    assert rate.taken(owing, now, MOST) == now + LONGEST
    assert rate.sound(now + 2 * LONGEST, now) == now + LONGEST


def test_a_full_bucket_takes_nothing_back() -> None:
    rate = Amounts(100, SECOND, 50)
    taken = rate.taken(0, SECOND, 30)
    assert rate.given(taken, SECOND, 30) == SECOND
    assert rate.given(taken, SECOND, 10**6) == SECOND
    assert rate.given(taken, 2 * SECOND, 30) == taken


@pytest.mark.parametrize("said", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (MOST + 1, 1, 1), (1, 1, MOST + 1), (1, LONGEST, 2)])
def test_what_is_no_rate(said: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match=r"a rate has|a year"):
        Amounts(*said)
