"""When a breaker opens, for how long, and what closes it again."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fastgw.policy.breaker import BUCKETS, CLOSED, HALF_OPEN, JITTER, OPEN, BreakerState, Window
from tests.support.examples import examples


class Given(NamedTuple):
    failures: float = 0.5
    slow: float = 0.0
    minimum: int = 4
    window: float = 10.0
    base: float = 1.0
    max: float = 4.0
    trials: int = 2


def fail(breaker: BreakerState, now: float, count: int = 1, chance: float = 0.0) -> bool:
    ends = [breaker.note(now, now, chance, calls=1, failures=1, slow=0, cause="503") for _ in range(count)]
    return any(ends)


def work(breaker: BreakerState, now: float, count: int = 1) -> bool:
    ends = [breaker.note(now, now, 0.0, calls=1, failures=0, slow=0) for _ in range(count)]
    return any(ends)


def opened(terms: Given = Given(), now: float = 100.0) -> BreakerState:  # noqa: B008 - it is constant
    breaker = BreakerState(terms)
    fail(breaker, now, terms.minimum)
    assert breaker.state == OPEN
    return breaker


def test_no_ratio_says_anything_below_the_minimum() -> None:
    breaker = BreakerState(Given())
    assert not fail(breaker, 100.0, 3) and breaker.state == CLOSED
    assert fail(breaker, 100.0) and breaker.state == OPEN
    assert breaker.why == "4 of 4 calls failed in 10 s; the last one: 503"


def test_it_opens_at_the_ratio_and_not_below_it() -> None:
    breaker = BreakerState(Given())
    work(breaker, 100.0, 5)
    assert not fail(breaker, 100.0, 4)
    assert fail(breaker, 100.0)
    assert breaker.why.startswith("5 of 10 calls failed")


def test_slow_calls_open_it_by_a_ratio_of_their_own() -> None:
    breaker = BreakerState(Given(failures=0.0, slow=0.5))
    assert not fail(breaker, 100.0, 10)
    for count in range(10):
        assert breaker.state == CLOSED, count
        breaker.note(100.0, 99.0, 0.0, calls=1, failures=0, slow=1, cause="900 ms")
    assert breaker.state == OPEN
    assert breaker.why == "10 of 20 calls were slow in 10 s; the last one: 900 ms"


def test_what_is_older_than_the_window_is_forgotten() -> None:
    breaker = BreakerState(Given())
    fail(breaker, 100.0, 3)
    assert not fail(breaker, 111.0)
    assert breaker.window.calls == 1
    work(breaker, 5000.0)
    assert breaker.window.calls == 1 and breaker.window.failures == 0


def test_a_failure_of_a_call_that_is_counted_is_no_further_call() -> None:
    breaker = BreakerState(Given())
    for _ in range(4):
        breaker.note(100.0, 99.0, 0.0, calls=1, failures=0, slow=1)
    assert not breaker.note(100.0, 90.0, 0.0, calls=0, failures=1, slow=0)
    assert breaker.note(100.0, 90.0, 0.0, calls=0, failures=1, slow=0)
    assert breaker.window.calls == 4


def test_it_is_open_for_its_time_and_lets_few_through_behind_it() -> None:
    breaker = opened()
    assert breaker.until == 101.0
    assert not breaker.look(100.9) and not breaker.has_room(100.9)
    assert breaker.look(101.0) and breaker.state == HALF_OPEN
    for _ in range(2):
        assert breaker.has_room(101.0)
        breaker.take(101.0)
    assert not breaker.has_room(101.5)


def test_as_many_good_trials_close_it() -> None:
    breaker = opened()
    breaker.look(101.0)
    breaker.take(101.0)
    assert not work(breaker, 101.1)
    breaker.take(101.0)
    assert work(breaker, 101.2) and breaker.state == CLOSED
    assert not fail(breaker, 101.2, 3)  # what was before it opened is forgotten


@pytest.mark.parametrize(("failures", "slow"), [(1, 0), (0, 1)])
def test_one_bad_trial_opens_it_for_twice_as_long_up_to_the_longest(failures: int, slow: int) -> None:
    breaker = opened()
    now = 100.0
    for seconds in (1.0, 2.0, 4.0, 4.0):
        assert breaker.until == pytest.approx(now + seconds)
        now = breaker.until
        breaker.look(now)
        breaker.take(now)
        assert breaker.note(now, now, 0.0, calls=1, failures=failures, slow=slow, cause="x")
        assert breaker.state == OPEN and breaker.why == f"a trial {'failed' if failures else 'was slow'}: x"


def test_the_time_begins_anew_once_it_has_been_closed_for_the_longest() -> None:
    breaker = opened(Given(trials=1))
    breaker.look(101.0)
    breaker.take(101.0)
    work(breaker, 101.0)
    fail(breaker, 104.9, 4)
    assert breaker.until == pytest.approx(104.9 + 2.0)
    breaker.look(107.0)
    breaker.take(107.0)
    work(breaker, 107.0)
    fail(breaker, 111.0, 4)
    assert breaker.until == pytest.approx(112.0)


def test_chance_shortens_the_open_time() -> None:
    breaker = BreakerState(Given())
    fail(breaker, 100.0, 4, chance=1.0)
    assert breaker.until == pytest.approx(101.0 - JITTER)


def test_what_began_before_it_was_half_open_says_nothing() -> None:
    breaker = opened()
    breaker.look(101.0)
    assert not breaker.note(101.5, 100.5, 0.0, calls=1, failures=1, slow=0)
    assert not breaker.note(101.5, 100.5, 0.0, calls=5, failures=0, slow=0)
    assert breaker.state == HALF_OPEN


def test_trials_that_hang_leave_their_places_and_count_when_they_end() -> None:
    breaker = opened(Given(max=1.0))
    breaker.look(101.0)
    breaker.take(101.0)
    breaker.take(101.0)
    assert not breaker.has_room(101.9) and breaker.has_room(102.0)
    breaker.take(102.0)
    assert breaker.has_room(102.0)
    breaker.take(102.0)
    assert not breaker.has_room(102.5)
    breaker.note(102.6, 101.0, 0.0, calls=1, failures=0, slow=0)
    assert breaker.note(102.6, 102.0, 0.0, calls=1, failures=0, slow=0)
    assert breaker.state == CLOSED


def test_a_trial_whose_client_leaves_is_made_again() -> None:
    breaker = opened()
    breaker.look(101.0)
    breaker.take(101.0)
    breaker.take(101.0)
    breaker.give_back(100.5)  # that was none
    assert not breaker.has_room(101.1)
    breaker.give_back(101.0)
    assert breaker.has_room(101.1)


def test_what_others_have_found() -> None:
    breaker = BreakerState(Given())
    breaker.open(105.0)
    assert not breaker.look(104.0)
    breaker.hurry(104.0)
    assert breaker.look(104.0)


@given(
    st.lists(
        st.tuples(st.floats(0, 30), st.integers(0, 3), st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=60
    )
)
@settings(max_examples=examples(60))
def test_a_window_knows_what_the_last_seconds_had(steps: list[tuple[float, int, int, int]]) -> None:
    window, now, told = Window(10.0), 0.0, []
    for pause, *counts in steps:
        now += pause
        window.add(now, *counts)
        told.append((int(now), counts))
        kept = [one for second, one in told if second > int(now) - BUCKETS]
        assert [window.calls, window.failures, window.slow] == [sum(column) for column in zip(*kept, strict=True)]


class Story(RuleBasedStateMachine):
    """Whatever happens: nothing passes while it is open, few while it is half open, and it opens for a reason."""

    def __init__(self) -> None:
        super().__init__()
        self.terms = Given(slow=0.5)
        self.breaker = BreakerState(self.terms)
        self.now = 1000.0
        self.passed: list[float] = []  # when trials were let through since it was half open

    @rule(seconds=st.floats(0, 3))
    def wait(self, seconds: float) -> None:
        self.now += seconds
        before = self.breaker.state
        is_due = before == OPEN and self.now >= self.breaker.until
        assert self.breaker.look(self.now) == is_due
        if is_due:
            self.passed = []

    @rule(failures=st.integers(0, 1), slow=st.integers(0, 1), age=st.floats(0, 5), chance=st.floats(0, 0.999))
    def end(self, failures: int, slow: int, age: float, chance: float) -> None:
        before = self.breaker.state
        is_changed = self.breaker.note(
            self.now, self.now - age, chance, calls=1, failures=failures, slow=slow, cause="x"
        )
        assert is_changed == (self.breaker.state != before)
        if self.breaker.state == OPEN and before != OPEN:
            assert failures or slow or before == CLOSED
            assert self.breaker.why
            seconds = self.breaker.until - self.now
            assert self.terms.base * (1 - JITTER) - 1e-6 <= seconds <= self.terms.max + 1e-6
        if before == OPEN:
            assert not is_changed  # only time, or somebody else, has it half open

    @precondition(lambda self: self.breaker.has_room(self.now))
    @rule()
    def let_through(self) -> None:
        assert self.breaker.state == HALF_OPEN
        self.breaker.take(self.now)
        self.passed.append(self.now)
        lately = [one for one in self.passed if one > self.now - self.terms.base]
        assert len(lately) <= 2 * self.terms.trials

    @rule(seconds=st.floats(0, 4))
    def hear(self, seconds: float) -> None:
        self.breaker.open(self.now + seconds)

    @rule()
    def hear_of_better(self) -> None:
        self.breaker.hurry(self.now)

    @invariant()
    def counts_are_counts(self) -> None:
        window = self.breaker.window
        assert min(window.calls, window.failures, window.slow) >= 0
        assert self.breaker.state != OPEN or not self.breaker.has_room(self.now)


TestStory = Story.TestCase
TestStory.settings = settings(max_examples=examples(40), stateful_step_count=40, deadline=None)
