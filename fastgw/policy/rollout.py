"""A version that gets more requests step by step, as long as it does well: what follows from what was seen of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

WAIT: Final = "wait"
ADVANCE: Final = "advance"  #: to the next step
DONE: Final = "done"  #: the last step has held
STOP: Final = "stop"  #: and back to the shares before the first


class RolloutTerms(NamedTuple):
    """What a version must do, and for how long."""

    steps: tuple[int, ...]  #: shares of ``policy.shares.WHOLE``, each more than the one before
    every: float  #: seconds that a step takes, at least
    max_error_rate: float  #: of its requests, 0 to 1
    max_p99: float  #: seconds to the head of its answers; 0: any
    min_requests: int  #: fewer than these in a step say nothing


class StepCounts(NamedTuple):
    """What came of the requests of one step so far."""

    requests: int
    errors: int
    p99: float  #: seconds


class Decision(NamedTuple):
    """What is to be done now, and why."""

    verdict: str
    reason: str


def decide(terms: RolloutTerms, step: int, seconds: float, seen: StepCounts) -> Decision:
    """What follows ``seconds`` after ``step`` (counted from 0) began."""
    if seen.requests >= terms.min_requests:
        rate = seen.errors / seen.requests
        if rate > terms.max_error_rate:
            limit = f"{terms.max_error_rate * 100:g} %"
            return Decision(STOP, f"{seen.errors} of {seen.requests} requests failed, {rate:.2%}; {limit} may")
        if terms.max_p99 and seen.p99 > terms.max_p99:
            return Decision(
                STOP, f"the p99 of {seen.requests} requests is {seen.p99:.3g} s; {terms.max_p99:g} s may be"
            )
    if seconds < terms.every:
        return Decision(WAIT, f"{terms.every - seconds:.0f} s of this step are left")
    if seen.requests < terms.min_requests:
        return Decision(WAIT, f"{seen.requests} of {terms.min_requests} requests were seen")
    good = f"{seen.errors} of {seen.requests} requests failed, p99 {seen.p99:.3g} s"
    return Decision(DONE if step + 1 >= len(terms.steps) else ADVANCE, good)


def quantile(counts: Sequence[int], bounds: Sequence[float], share: float) -> float:
    """The value below which ``share`` of what was counted is, by the upper ends of the buckets; 0: nothing was counted.

    ``counts``: of each bucket, one more than there are ``bounds``; within a bucket it is taken to lie evenly, in the last at its lower end.
    """
    wanted = share * sum(counts)
    below, left = 0.0, 0.0
    for count, bound in zip(counts, bounds, strict=False):
        if count and below + count >= wanted:
            return left + (bound - left) * (wanted - below) / count
        below += count
        left = bound
    return left if wanted else 0.0
