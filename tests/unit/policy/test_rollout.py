"""When a version gets more, and when it loses all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from fastgw.policy.rollout import ADVANCE, DONE, STOP, WAIT, RolloutTerms, StepCounts, decide, quantile

TERMS = RolloutTerms((50_000, 250_000, 1_000_000), 300.0, 0.01, 0.8, 100)
GOOD = StepCounts(1000, 0, 0.1)


@pytest.mark.parametrize(
    ("step", "seconds", "seen", "verdict", "reason"),
    [
        (0, 0.0, StepCounts(0, 0, 0.0), WAIT, "300 s of this step are left"),
        (0, 299.0, GOOD, WAIT, "1 s of this step are left"),
        (0, 300.0, GOOD, ADVANCE, "0 of 1000 requests failed, p99 0.1 s"),
        (1, 300.0, GOOD, ADVANCE, "failed"),
        (2, 300.0, GOOD, DONE, "failed"),
        (0, 300.0, StepCounts(99, 0, 0.1), WAIT, "99 of 100 requests were seen"),
        (0, 900.0, StepCounts(99, 99, 9.0), WAIT, "99 of 100"),  # which say nothing yet
        (0, 1.0, StepCounts(100, 2, 0.1), STOP, "2 of 100 requests failed, 2.00%; 1 % may"),
        (0, 1.0, StepCounts(100, 1, 0.1), WAIT, "left"),
        (0, 1.0, StepCounts(100, 0, 0.9), STOP, "the p99 of 100 requests is 0.9 s; 0.8 s may be"),
        (2, 300.0, StepCounts(100, 0, 0.8), DONE, "p99 0.8 s"),
    ],
)
def test_what_follows(step: int, seconds: float, seen: StepCounts, verdict: str, reason: str) -> None:
    found = decide(TERMS, step, seconds, seen)
    assert found.verdict == verdict
    assert reason in found.reason


def test_without_a_limit_any_time_is_good() -> None:
    assert decide(TERMS._replace(max_p99=0.0), 0, 300.0, StepCounts(100, 0, 99.0)).verdict == ADVANCE


@pytest.mark.parametrize(
    ("counts", "share", "expected"),
    [
        ((0, 0, 0), 0.99, 0.0),
        ((100, 0, 0), 0.5, 0.5),
        ((50, 50, 0), 0.75, 1.5),
        ((0, 0, 7), 0.99, 2.0),  # beyond the last bound nobody knows how far
        ((99, 0, 1), 0.99, 1.0),
    ],
)
def test_a_quantile_lies_within_its_bucket(counts: tuple[int, ...], share: float, expected: float) -> None:
    assert quantile(counts, (1.0, 2.0), share) == pytest.approx(expected)


@given(st.lists(st.integers(0, 1000), min_size=5, max_size=5))
def test_a_quantile_is_where_the_values_are(counts: list[int]) -> None:
    bounds = (0.1, 0.2, 0.5, 1.0)
    found = [quantile(counts, bounds, share) for share in (0.1, 0.5, 0.99)]
    assert found == sorted(found)
    assert all(0.0 <= one <= 1.0 for one in found)


class Rolling(RuleBasedStateMachine):
    """A clock that stands still unless it is told, and requests that come when they are told."""

    def __init__(self) -> None:
        super().__init__()
        self.step = 0
        self.seconds = 0.0
        self.seen = StepCounts(0, 0, 0.1)
        self.verdict = WAIT
        self.held: list[int] = []

    @precondition(lambda self: self.verdict not in (STOP, DONE))
    @rule(seconds=st.floats(0.1, 400.0))
    def wait(self, seconds: float) -> None:
        self.seconds += seconds
        self.look()

    @precondition(lambda self: self.verdict not in (STOP, DONE))
    @rule(requests=st.integers(1, 300), bad=st.floats(0, 0.02), p99=st.sampled_from([0.1, 0.79, 0.81]))
    def serve(self, requests: int, bad: float, p99: float) -> None:
        errors = int(requests * bad)
        self.seen = StepCounts(self.seen.requests + requests, self.seen.errors + errors, p99)
        self.look()

    @precondition(lambda self: self.verdict in (STOP, DONE))
    @rule()
    def begin_again(self) -> None:
        self.step, self.seconds, self.seen, self.verdict, self.held = 0, 0.0, StepCounts(0, 0, 0.1), WAIT, []

    def look(self) -> None:
        before = self.seen
        self.verdict = decide(TERMS, self.step, self.seconds, before).verdict
        is_bad = before.requests >= 100 and (before.errors > before.requests * 0.01 or before.p99 > 0.8)
        assert (self.verdict == STOP) == is_bad  # at once, however long the step has been
        if self.verdict in (ADVANCE, DONE):
            assert self.seconds >= TERMS.every and before.requests >= TERMS.min_requests
            self.held.append(self.step)
            self.step += self.verdict == ADVANCE
            self.seconds, self.seen = 0.0, StepCounts(0, 0, 0.1)

    @invariant()
    def no_step_is_left_out(self) -> None:
        assert self.held == list(range(len(self.held)))
        assert self.step < len(TERMS.steps)
        assert (self.verdict == DONE) == (len(self.held) == len(TERMS.steps))


TestRolling = Rolling.TestCase
