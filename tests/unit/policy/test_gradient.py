"""What limit is learned from how fast a service answers, on a clock of the test."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.policy.gradient import ENOUGH, PROBE_AFTER, WINDOW, WINDOW_MOST, Gradient
from tests.support.examples import examples

LEAST, MOST = 2, 500


class Load:
    """A service of ``capacity`` places that needs ``seconds`` for each answer, under a load that fills every limit."""

    def __init__(self, capacity: int, seconds: float, limit: float) -> None:
        self.capacity, self.seconds, self.limit = capacity, seconds, limit
        self.now = 0.0
        self.gradient = Gradient(self.now)
        self.answered = 0.0

    def run(self, seconds: float, *, is_used: bool = True) -> None:
        until = self.now + seconds
        while self.now < until:
            busy = min(int(self.limit), self.capacity)
            took = max(self.seconds, int(self.limit) * self.seconds / self.capacity)
            self.now += WINDOW
            self.answered += busy / self.seconds * WINDOW
            for _ in range(ENOUGH):
                self.gradient.sample(took)
            if self.gradient.is_due(self.now):
                self.limit = self.gradient.next(self.limit, self.now, is_used=is_used, least=LEAST, most=MOST)


@pytest.mark.parametrize("start", [LEAST, 200])
def test_it_comes_near_the_capacity_and_stays_there(start: int) -> None:
    load = Load(capacity=20, seconds=0.05, limit=start)
    load.run(300)
    assert load.answered >= 0.95 * 300 * load.capacity / load.seconds
    reached = []
    for _ in range(300):
        load.run(1)
        reached.append(load.limit)
    assert max(reached) <= 3 * load.capacity
    assert sum(one >= load.capacity for one in reached) >= 0.9 * len(reached)


def test_calls_that_all_time_out_take_the_limit_down() -> None:
    gradient, limit, now = Gradient(0.0), 100.0, 0.0
    for _ in range(10):
        now += 1.1 * WINDOW
        for _ in range(ENOUGH):
            gradient.drop()
        assert gradient.is_due(now)
        lower = gradient.next(limit, now, is_used=True, least=LEAST, most=MOST)
        assert lower <= max(LEAST, limit / 2)
        limit = lower
    assert limit == LEAST


def test_a_few_failures_take_little() -> None:
    gradient = Gradient(0.0)
    for _ in range(99):
        gradient.sample(0.01)
    gradient.drop()
    wanted = gradient.next(100.0, 1.0, is_used=True, least=LEAST, most=MOST)
    assert wanted == pytest.approx((100 + 0.2 * math.sqrt(100)) * 0.995)


def test_a_limit_that_is_not_used_stands() -> None:
    load = Load(capacity=20, seconds=0.05, limit=10)
    load.run(60, is_used=False)
    assert load.limit == 10


def test_it_grows_while_answers_are_as_fast_as_ever() -> None:
    load = Load(capacity=10**6, seconds=0.05, limit=10)
    load.run(5)
    assert load.limit > 20


def test_a_service_that_has_become_slower_for_good_gets_its_limit_back() -> None:
    load = Load(capacity=20, seconds=0.05, limit=20)
    load.run(60)
    load.seconds = 0.2
    load.run(4 * PROBE_AFTER)
    assert 20 <= load.limit <= 60


def test_a_window_has_enough_answers_or_is_long() -> None:
    gradient = Gradient(0.0)
    for _ in range(ENOUGH):
        gradient.sample(0.1)
    assert not gradient.is_due(WINDOW / 2)
    assert gradient.is_due(WINDOW)
    few = Gradient(0.0)
    few.sample(0.1)
    assert not few.is_due(WINDOW_MOST / 2)
    assert few.is_due(WINDOW_MOST)


@settings(max_examples=examples(200), deadline=None)
@given(st.lists(st.tuples(st.floats(0.0, 60.0), st.integers(0, 20), st.integers(0, 20), st.booleans()), max_size=60))
def test_it_never_leaves_its_bounds(windows: list[tuple[float, int, int, bool]]) -> None:
    gradient, limit, now = Gradient(0.0), 10.0, 0.0
    for seconds, answers, drops, is_used in windows:
        now += seconds + WINDOW
        for _ in range(answers):
            gradient.sample(seconds)
        for _ in range(drops):
            gradient.drop()
        limit = gradient.next(limit, now, is_used=is_used, least=LEAST, most=MOST)
        assert LEAST <= limit <= MOST
