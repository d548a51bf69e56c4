"""Who comes to others that are at work gets its share, and no burst, whatever they have in hand."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.balancers import LeastRequest
from fastgw.policy.newcomers import Arrivals, Newcomers


@dataclass(eq=False)
class Endpoint:
    name: str
    weight: int = 1
    in_hand: int = 0


def anybody(_: Endpoint) -> bool:
    return True


class Worker:
    """One that asks members of its own view by least request."""

    def __init__(self, members: Sequence[Endpoint], seed: int) -> None:
        self.ready = tuple(members)
        chance = Random(seed).random
        self.arrivals = Arrivals(self.ready, anybody)
        newcomers = Newcomers(self.arrivals, lambda: self.ready, LeastRequest(chance).pick)
        self.balancer = LeastRequest(chance, lambda candidates: newcomers if newcomers.come(candidates) else None)

    def pick(self) -> Endpoint:
        return self.balancer.pick(self.ready)


def shares(rate: float, takes: float, weights: Sequence[int], seed: int) -> list[float]:
    """Of the last member, which comes when the others are at work, in each tenth of a second behind that: what it gets for each that
    the others get on average, by weight.  Two workers, to each of which a request comes by chance."""
    chance, number = Random(seed), count()
    views = [[Endpoint(str(place), weight) for place, weight in enumerate(weights)] for _ in range(2)]
    workers = [Worker(view[:-1], seed) for view in views]
    comes = max(1.0, 3 * takes)
    got = [Counter[int]() for _ in range(20)]
    under_way: list[tuple[float, int, Endpoint]] = []
    for step in range(int((comes + 2.0) * rate)):
        now = step / rate
        while under_way and under_way[0][0] <= now:
            heapq.heappop(under_way)[2].in_hand -= 1
        side = int(chance.random() * 2)
        if now >= comes:
            workers[side].ready = tuple(views[side]) if len(workers[side].ready) < len(weights) else workers[side].ready
        found = workers[side].pick()
        found.in_hand += 1
        heapq.heappush(under_way, (now + takes * (0.8 + 0.4 * chance.random()), next(number), found))
        if now >= comes:
            got[min(19, int((now - comes) * 10))][int(found.name)] += 1
    last = len(weights) - 1
    rest = sum(weights[:-1])
    return [one[last] / weights[-1] * rest / (one.total() - one[last]) for one in got]


@pytest.mark.parametrize(
    ("rate", "takes", "weights"),
    [
        (500, 0.005, (1, 1, 1)),  # hardly anybody has anything in hand: chance would make a burst
        (2000, 0.005, (1, 1, 1)),
        (2000, 1.0, (1, 1, 1)),  # everybody has hundreds
        (2000, 0.2, (2, 2, 1)),
        (2000, 1.0, (1,) * 8),  # two are drawn
    ],
)
@pytest.mark.parametrize("seed", range(3))
def test_no_tenth_of_a_second_has_a_burst(rate: float, takes: float, weights: Sequence[int], seed: int) -> None:
    found = shares(rate, takes, weights, seed)
    assert max(found[:10]) <= 1.35 and min(found[:10]) >= 0.65, found
    assert sum(found) / len(found) == pytest.approx(1.0, abs=0.1)


def test_who_has_caught_up_is_none_any_more() -> None:
    a, b, c = (Endpoint(name, 1, 4) for name in "abc")
    worker = Worker((a, b), 1)
    worker.pick()
    c.in_hand = 0
    worker.ready = (a, b, c)
    picked = [worker.pick().name for _ in range(9)]
    assert picked.count("c") == 3  # and not nine times, as who has the least
    c.in_hand = 4
    for _ in range(4):
        worker.pick()
    assert not worker.arrivals.new
    c.in_hand = 3
    assert worker.pick() is c


def test_who_is_left_out_for_one_request_is_not_new_behind_it() -> None:
    a, b, c = (Endpoint(name, 1, 4) for name in "abc")
    worker = Worker((a, b, c), 1)
    worker.pick()
    worker.balancer.pick((a, b))  # another try of a request that c has failed
    c.in_hand = 0
    assert [worker.pick() for _ in range(3)] == [c, c, c]


def test_where_all_are_new_nobody_is_spared() -> None:
    worker = Worker((Endpoint("gone"),), 1)
    worker.pick()
    a, b = Endpoint("a"), Endpoint("b", 1, 3)
    worker.ready = (a, b)
    assert [worker.pick() for _ in range(3)] == [a, a, a]


def test_a_newcomer_among_others_only_counts_where_it_may_be_picked() -> None:
    """As behind what leaves only some of the ready to the balancer."""
    a, b, c = (Endpoint(name, 1, 4) for name in "abc")
    worker = Worker((a, b), 1)
    worker.ready = (a, b, c)
    b.in_hand = 3
    assert [worker.balancer.pick((a, b)) for _ in range(3)] == [b, b, b]
    near = (b, c)
    c.in_hand = 0
    assert [worker.balancer.pick(near).name for _ in range(4)].count("c") == 2


def test_who_stands_for_all_makes_nobody_new() -> None:
    a, b, guard = Endpoint("a"), Endpoint("b"), Endpoint("guard")
    arrivals = Arrivals((a, b), lambda one: one is not guard)
    assert not arrivals.look((guard,), 0.0)
    assert arrivals.look((a, b), 0.0) and not arrivals.new
    assert arrivals.look((a,), 0.0) and arrivals.look((a, b), 7.0)
    assert arrivals.new == {b: 7.0}
    assert arrivals.look((a,), 8.0) and not arrivals.new


@given(st.lists(st.integers(0, 31), min_size=1, max_size=20), st.lists(st.integers(0, 5), min_size=5, max_size=5))
def test_whoever_comes_and_goes_somebody_who_is_ready_is_taken(masks: list[int], in_hand: list[int]) -> None:
    everyone = [Endpoint(str(place), place % 3 + 1, number) for place, number in enumerate(in_hand)]
    worker = Worker((), 1)
    for mask in masks:
        worker.ready = tuple(one for place, one in enumerate(everyone) if mask >> place & 1) or (everyone[0],)
        for _ in range(4):
            found = worker.pick()
            assert found in worker.ready
            found.in_hand += 1
