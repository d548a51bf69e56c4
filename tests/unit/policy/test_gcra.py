"""The rate algorithm, beside a bucket that is kept in fractions; time is an argument."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.gcra import LONGEST, Rate

SECOND = 10**9
PERIODS = (SECOND, 60 * SECOND, 3600 * SECOND, 86400 * SECOND)


class Bucket:
    """What an operator thinks of: ``burst`` tokens at most, one more in each interval, one for each request."""

    def __init__(self, interval: Fraction, burst: int) -> None:
        self.interval, self.burst = interval, burst
        self.tokens, self.at = Fraction(burst), 0

    def fill(self, now: int) -> None:
        self.tokens = min(Fraction(self.burst), self.tokens + (now - self.at) / self.interval)
        self.at = now

    def take(self, now: int) -> bool:
        self.fill(now)
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True

    def until(self, tokens: int) -> Fraction:
        """How long until there are so many."""
        return max(Fraction(0), (tokens - self.tokens) * self.interval)


@st.composite
def rates(draw: st.DrawFn) -> Rate:
    count, period = draw(st.integers(1, 1_000_000)), draw(st.sampled_from(PERIODS))
    most = min(1_000_000, LONGEST // -(-period // count))
    return Rate(count, period, draw(st.integers(1, most) | st.integers(1, min(5, most))))


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[Rate, list[int]]:
    """Times around the interval and the depth of the bucket, and on their very edges."""
    rate = draw(rates())
    edges = st.sampled_from((0, 1, rate.interval - 1, rate.interval, rate.interval + 1, rate.depth, rate.depth + 1))
    gaps = edges | st.integers(0, 2 * rate.interval) | st.integers(0, 2 * rate.depth)
    now, found = draw(st.integers(0, 2**62)), []
    for gap in draw(st.lists(gaps, max_size=60)):
        now += gap
        found.append(now)
    return rate, found


@given(arrivals())
def test_it_is_a_bucket_of_tokens(case: tuple[Rate, list[int]]) -> None:
    rate, times = case
    bucket, time = Bucket(Fraction(rate.interval), rate.burst), 0
    for now in times:
        bucket.fill(now)
        assert rate.left(time, now) == int(bucket.tokens)
        assert rate.wait(time, now) == bucket.until(1)
        assert rate.whole(time, now) == bucket.until(rate.burst)
        assert rate.sound(time, now) == time
        after = rate.charged(time, now)
        assert bool(after) is bucket.take(now)
        assert after < 2**64
        time = after or time


@given(arrivals(), st.integers(0, 59))
def test_who_comes_when_he_was_told_is_admitted_and_not_before(case: tuple[Rate, list[int]], place: int) -> None:
    rate, times = case
    time = 0
    for now in times:
        wait = rate.wait(time, now)
        assert rate.charged(time, now + wait)
        assert wait == 0 or not rate.charged(time, now + wait - 1)
        time = rate.charged(time, now) or time


def spread(rate: Rate, steps: list[int]) -> int:
    """How many are admitted of so many at each nanosecond of a step."""
    return sum(1 for _ in admitted(rate, steps))


def admitted(rate: Rate, times: list[int]) -> Iterator[int]:
    time = 0
    for now in times:
        after = rate.charged(time, now)
        if after:
            time = after
            yield now


@given(st.integers(1, 1000), st.integers(1, 200), st.integers(1, 2000))
def test_in_any_time_there_are_no_more_than_the_rate_and_a_burst(count: int, burst: int, length: int) -> None:
    """Everything is asked for: exactly the burst, and what has come since."""
    rate = Rate(count, 1000, burst)  # one interval is 1 to 1000 ns
    found = spread(rate, [now for now in range(length) for _ in range(burst + 1)])
    assert found == burst + (length - 1) // rate.interval
    assert found <= burst + Fraction((length - 1) * count, 1000)


def test_who_asks_too_often_loses_no_fraction() -> None:
    """One a second, asked for every 0.6 s, for a minute and a bit."""
    rate = Rate(1, SECOND, 1)
    assert spread(rate, [600_000_000 * number for number in range(101)]) == 51
    assert spread(rate, [500_000_000 * number for number in range(121)]) == 61


def test_all_of_a_burst_is_admitted_and_not_one_more() -> None:
    rate = Rate(10, SECOND, 5)
    assert spread(rate, [7] * 9) == 5


def test_an_interval_is_rounded_up() -> None:
    assert Rate(3, SECOND, 1).interval == 333_333_334
    assert Rate(1_000_000, SECOND, 1).interval == 1000


@pytest.mark.parametrize("arguments", [(0, 1, 1), (1, 0, 1), (1, 1, 0), (-1, 1, 1)])
def test_what_is_no_rate(arguments: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Rate(*arguments)


def test_a_bucket_is_full_within_a_year() -> None:
    Rate(1, 86400 * SECOND, 366)
    with pytest.raises(ValueError, match="a year"):
        Rate(1, 86400 * SECOND, 367)


@given(rates(), st.integers(0, 2**62), st.integers(0, 2**62))
def test_a_clock_that_goes_back_costs_no_more_than_one_bucket(rate: Rate, then: int, now: int) -> None:
    time = rate.charged(0, then)
    time = rate.sound(time, now)
    assert rate.wait(time, now) <= rate.interval
    assert rate.left(time, now) >= 0
    assert rate.charged(time, now + rate.interval)


# --- several at one cell


class Cell:
    """What compare-and-swap sees."""

    def __init__(self) -> None:
        self.value = 0

    def swap(self, old: int, new: int) -> bool:
        if self.value != old:
            return False
        self.value = new
        return True


def asking(cell: Cell, rate: Rate, clock: Callable[[], int]) -> Iterator[int | None]:
    """One request as a worker makes it, a step at a time: None, and in the end the time that it was admitted at, or -1."""
    while True:
        time = cell.value
        yield None
        now = clock()
        after = rate.charged(time, now)
        yield None
        if not after:
            yield -1
            return
        if cell.swap(time, after):
            yield now
            return


@given(
    st.integers(1, 5),
    st.integers(1, 20),
    st.integers(2, 4),
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30)), max_size=300),
)
def test_workers_that_race_admit_what_one_bucket_does(
    burst: int, interval: int, workers: int, schedule: list[tuple[int, int]]
) -> None:
    """Whatever their steps are interleaved with, and whenever the clock goes on."""
    rate, cell, now = Rate(1, interval, burst), Cell(), [0]
    clock = lambda: now[0]  # noqa: E731
    steps = [asking(cell, rate, clock) for _ in range(workers)]
    admissions: list[int] = []
    for who, gap in schedule:
        now[0] += gap
        found = next(steps[who % workers])
        if found is not None:
            steps[who % workers] = asking(cell, rate, clock)
            if found >= 0:
                admissions.append(found)
    assert admissions == sorted(admissions)
    for first in range(len(admissions)):
        for last in range(first, len(admissions)):
            assert last - first + 1 <= burst + (admissions[last] - admissions[first]) // interval
    assert cell.value == (reached := replayed(rate, admissions)), reached


def replayed(rate: Rate, times: list[int]) -> int:
    """The time that one worker comes to who admits the same; it would admit all of them."""
    time = 0
    for now in times:
        time = rate.charged(time, now)
        assert time
    return time
