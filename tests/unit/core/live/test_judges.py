"""Several policies that ask how tries end, as one."""

from __future__ import annotations

from typing import Any

from fastgw.core.live.judges import Judges, joined, judge_of


class Clerk:
    """Writes down what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[object, ...]] = []

    def settle(self, endpoint: Any, outcome: Any, seconds: float) -> None:
        self.told.append((endpoint, outcome, seconds))


class Other(Clerk):
    """Of another kind."""


def test_everybody_is_told() -> None:
    one, other = Clerk(), Other()
    judge = joined([one, other])
    assert judge is not None
    judge.settle("endpoint", 200, 0.1)
    assert one.told == other.told == [("endpoint", 200, 0.1)]


def test_one_stands_for_itself_and_nobody_for_none() -> None:
    one = Clerk()
    assert joined([one]) is one
    assert joined([]) is None


def test_one_of_a_kind_is_found_alone_and_among_others() -> None:
    one, other = Clerk(), Other()
    assert judge_of(other, Other) is other
    assert judge_of(Judges([one, other]), Other) is other
    assert judge_of(one, Other) is None and judge_of(None, Other) is None
