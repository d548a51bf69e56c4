"""Newcomers get their share bit by bit, by turns and whatever a balancer prefers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.balancers import LeastRequest, RoundRobin
from fastgw.policy.newcomers import Arrivals
from fastgw.policy.slow_start import LEAST, SlowStart


@dataclass(eq=False)
class Endpoint:
    name: str
    weight: int = 1
    in_hand: int = 0


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def anybody(_: Endpoint) -> bool:
    return True


def share(start: SlowStart, ready: tuple[Endpoint, ...], name: str, count: int = 6000) -> float:
    """Of so many picks by turns."""
    turns, others = RoundRobin(), RoundRobin()
    found = Counter(start.pick(ready, ready, turns.pick, others.pick).name for _ in range(count))
    return found[name] / count


def test_who_comes_back_gets_a_little_then_more_then_all() -> None:
    clock = Clock()
    a, b, c = (Endpoint(name) for name in "abc")
    start = SlowStart(30.0, Arrivals((a, b, c), anybody), clock)
    assert share(start, (a, b, c), "c") == pytest.approx(1 / 3, abs=0.01)
    assert share(start, (a, b), "c") == 0
    back = (a, b, c)
    assert start.part(c) == 1.0
    assert share(start, back, "c") == pytest.approx(LEAST / (2 + LEAST), abs=0.01)
    assert start.part(c) == LEAST
    clock.now += 15
    assert share(start, back, "c") == pytest.approx(0.5 / 2.5, abs=0.02)
    clock.now += 15
    assert share(start, back, "c") == pytest.approx(1 / 3, abs=0.01)
    assert start.part(c) == 1.0 and not start._arrivals.new


def test_at_the_beginning_nobody_is_new() -> None:
    start = SlowStart(30.0, Arrivals((), anybody), Clock())
    assert share(start, tuple(Endpoint(name) for name in "ab"), "a") == 0.5
    assert not start._arrivals.new


def test_where_all_are_new_nobody_is_spared() -> None:
    start = SlowStart(30.0, Arrivals((Endpoint("gone"),), anybody), Clock())
    assert share(start, tuple(Endpoint(name) for name in "ab"), "a") == 0.5


def test_one_that_has_settled_does_not_carry_nine_newcomers_alone() -> None:
    old = Endpoint("old")
    start = SlowStart(30.0, Arrivals((old,), anybody), Clock())
    ready = (old, *(Endpoint(str(number)) for number in range(9)))
    assert share(start, ready, "old") == pytest.approx(1 / (1 + 9 * LEAST), abs=0.03)


def test_a_balancer_that_prefers_the_idle_makes_no_burst() -> None:
    """An idle newcomer beside two that are busy is picked every time, and taken now and then."""
    a, b, c = Endpoint("a", 1, 50), Endpoint("b", 1, 50), Endpoint("c")
    start = SlowStart(30.0, Arrivals((a, b), anybody), Clock())
    least, others = LeastRequest(Random(2).random), LeastRequest(Random(3).random)
    ready = (a, b, c)
    found = Counter(start.pick(ready, ready, least.pick, others.pick).name for _ in range(4000))
    assert found["c"] / 4000 == pytest.approx(LEAST / (2 + LEAST), abs=0.001)


@pytest.mark.parametrize("part", [0.1, 0.5, 0.9])
def test_one_that_is_always_preferred_gets_its_share_in_every_stretch(part: float) -> None:
    clock = Clock()
    a, b, c = (Endpoint(name) for name in "abc")
    start = SlowStart(30.0, Arrivals((a, b), anybody), clock)
    ready, turns = (a, b, c), RoundRobin()
    start.pick(ready, ready, lambda _: c, turns.pick)
    clock.now += 30 * part
    share = part / (2 + part)
    for _ in range(20):
        found = Counter(start.pick(ready, ready, lambda _: c, turns.pick).name for _ in range(60))
        assert abs(found["c"] - 60 * share) <= 1


@given(
    st.lists(st.integers(0, 7), min_size=1, max_size=30),
    st.lists(st.floats(0, 5), min_size=30, max_size=30),
    st.integers(0, 2**30),
)
def test_whoever_comes_and_goes_somebody_who_is_ready_is_taken(
    masks: list[int], pauses: list[float], seed: int
) -> None:
    clock, everyone, chance = Clock(), [Endpoint(name) for name in "abc"], Random(seed)
    start = SlowStart(10.0, Arrivals((), anybody), clock)

    def pick(among: Sequence[Endpoint]) -> Endpoint:
        assert among
        return among[int(chance.random() * len(among))]

    for mask, pause in zip(masks, pauses, strict=False):
        ready = tuple(one for place, one in enumerate(everyone) if mask >> place & 1) or (everyone[0],)
        for _ in range(3):
            assert start.pick(ready, ready, pick, pick) in ready
        assert all(LEAST <= start.part(one) <= 1.0 for one in everyone)
        clock.now += pause


def test_who_was_ready_all_the_time_and_is_asked_only_now_is_no_newcomer() -> None:
    """Where the members of the own zone are too few those of others are asked."""
    near, far = Endpoint("near"), Endpoint("far")
    start = SlowStart(30.0, Arrivals((), anybody), Clock())
    ready, turns = (near, far), RoundRobin()
    for candidates in ((near,), ready):
        found = Counter(start.pick(ready, candidates, turns.pick, turns.pick).name for _ in range(100))
    assert found["far"] == 50


def test_who_stands_for_all_makes_nobody_new() -> None:
    """As that of a breaker does while trials are let through: it leaves the others what they are, and who is back a newcomer."""
    a, b, c, guard = (Endpoint(name) for name in ("a", "b", "c", "guard"))
    start = SlowStart(30.0, Arrivals((a, b, c), lambda one: one is not guard), Clock())
    turns = RoundRobin()
    for ready in ((a, b), (guard,), (a, b)):
        for _ in range(3):
            start.pick(ready, ready, turns.pick, turns.pick)
        assert not start._arrivals.new
    assert share(start, (a, b, c), "c") == pytest.approx(LEAST / (2 + LEAST), abs=0.01)
