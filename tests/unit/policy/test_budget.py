"""What may be spent on sending requests again is a share of what comes, whatever time and failures do."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fastgw.policy.budget import STEP, WINDOW, Budget


class Spending(RuleBasedStateMachine):
    """Requests come, fail and ask to be sent again, at any times."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 100.0
        self.requests = 1000  # before it was made: they do not count
        self.share = 0.25
        self.budget = Budget(self.share, self.requests, self.now)
        self.came: list[float] = []
        self.spent: list[float] = []

    @rule(seconds=st.floats(0.0, 15.0))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(number=st.integers(1, 50))
    def come(self, number: int) -> None:
        self.requests += number
        self.came += [self.now] * number

    @rule(number=st.integers(1, 30))
    def fail(self, number: int) -> None:
        for _ in range(number):
            if self.budget.admit(self.requests, self.now):
                self.spent.append(self.now)

    @invariant()
    def never_more_than_the_share_of_all_that_came(self) -> None:
        assert len(self.spent) <= self.share * len(self.came)

    @invariant()
    def what_is_left_is_never_more_than_the_share_of_what_came_since_something_was_spent(self) -> None:
        since = self.now - WINDOW - STEP
        if self.spent and self.spent[-1] > since:  # else what came is spread over the time in which nobody looked
            return
        assert self.budget.left(self.requests, self.now) <= self.share * len(self.came)


TestSpending = Spending.TestCase


@given(st.floats(0.01, 1.0), st.integers(1, 500))
def test_a_share_of_what_comes_evenly_is_spent_and_no_more(share: float, rate: int) -> None:
    budget = Budget(share, 0, 0.0)
    spent = sum(budget.admit(number, number / rate) for number in range(1, rate * 20 + 1))
    assert share * rate * 20 - 2 - share * rate * STEP * 2 <= spent <= share * rate * 20


def test_those_who_wait_to_be_sent_again_are_counted() -> None:
    """All fail, and none is in hand: what they may spend does not shrink for that."""
    budget = Budget(0.2, 0, 0.0)
    assert [budget.admit(100, 1.0) for _ in range(25)].count(True) == 20
    assert [budget.admit(150, 2.0) for _ in range(25)].count(True) == 10


def test_what_was_spent_comes_back_when_the_window_has_passed() -> None:
    budget = Budget(0.5, 0, 0.0)
    assert [budget.admit(10, 1.0) for _ in range(6)].count(True) == 5
    assert budget.left(10, 9.0) == 0.0
    assert budget.left(20, 19.5) == pytest.approx(0.5 * 10, rel=0.1)


def test_requests_from_before_are_thought_to_have_come_evenly() -> None:
    budget = Budget(0.1, 0, 0.0)
    assert budget.left(10_000, 1000.0) == pytest.approx(0.1 * 100)


def test_a_share_of_nothing_is_nothing() -> None:
    assert not Budget(1.0, 7, 0.0).admit(7, 100.0)
