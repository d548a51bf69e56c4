"""Peak EWMA: what is slow, fails or turns slow is left, and comes back."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest

from fastgw.errors import DownstreamError, UpstreamError
from fastgw.policy.ewma import HALF_LIFE, PeakEwma

REFUSED = UpstreamError(502, "refused", "no")
LEFT = DownstreamError(499, "client_gone", "it left")


@dataclass(eq=False)
class Endpoint:
    name: str
    weight: int = 1
    in_hand: int = 0
    is_retired: bool = False


class Clock:
    """Time that the test moves."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def picks(ewma: PeakEwma, candidates: tuple[Endpoint, ...], count: int = 1000) -> Counter[str]:
    return Counter(ewma.pick(candidates).name for _ in range(count))


def test_one_candidate_needs_no_choice(clock: Clock) -> None:
    only = Endpoint("a")
    assert PeakEwma(lambda: 1 / 0, clock).pick((only,)) is only


def test_the_faster_of_two_is_taken(clock: Clock) -> None:
    one, two = Endpoint("a"), Endpoint("b")
    ewma = PeakEwma(Random(1).random, clock)
    ewma.settle(one, 200, 0.200)
    ewma.settle(two, 200, 0.010)
    assert picks(ewma, (one, two)) == {"b": 1000}
    two.in_hand = 30  # 31 times 10 ms
    assert picks(ewma, (one, two)) == {"a": 1000}
    one.weight, two.weight = 1, 100
    assert picks(ewma, (one, two)) == {"b": 1000}


def test_a_slow_answer_counts_at_once_and_fades(clock: Clock) -> None:
    one, two = Endpoint("a"), Endpoint("b")
    ewma = PeakEwma(Random(1).random, clock)
    for endpoint in (one, two):
        ewma.settle(endpoint, 200, 0.010)
    ewma.settle(one, 200, 1.0)
    assert picks(ewma, (one, two)) == {"b": 1000}
    clock.now += HALF_LIFE
    ewma.settle(two, 200, 0.010)
    assert ewma._costs[two].seconds == pytest.approx(0.010)
    clock.now += 7 * HALF_LIFE  # 1 s has faded to 8 ms, and 10 ms are what they were
    ewma.settle(two, 200, 0.010)
    assert picks(ewma, (one, two)) == {"a": 1000}  # it may try again


def test_an_average_goes_down_slowly(clock: Clock) -> None:
    one = Endpoint("a")
    ewma = PeakEwma(Random(1).random, clock)
    ewma.settle(one, 200, 1.0)
    clock.now += HALF_LIFE
    ewma.settle(one, 200, 0.1)
    assert ewma._costs[one].seconds == pytest.approx(0.55)


def test_failing_fast_is_not_fast(clock: Clock) -> None:
    one, two = Endpoint("a"), Endpoint("b")
    ewma = PeakEwma(Random(1).random, clock)
    ewma.settle(one, REFUSED, 0.0)
    ewma.settle(two, 200, 0.300)
    assert picks(ewma, (one, two)) == {"b": 1000}
    ewma.settle(two, 500, 0.001)  # nor is an error that is answered
    assert ewma._costs[two].seconds == 0.300
    ewma.settle(two, LEFT, 0.001)  # nor a client that has not waited
    assert ewma._costs[two].seconds == 0.300
    ewma.settle(two, LEFT, 0.900)  # but so slow it was at least
    assert ewma._costs[two].seconds == 0.900


def test_one_that_nobody_knows_gets_one_exchange(clock: Clock) -> None:
    known, new = Endpoint("known"), Endpoint("new")
    ewma = PeakEwma(Random(1).random, clock)
    ewma.settle(known, 200, 0.010)
    assert picks(ewma, (known, new)) == {"new": 1000}
    new.in_hand = 1
    assert picks(ewma, (known, new)) == {"known": 1000}


def test_the_gone_are_not_held(clock: Clock) -> None:
    ewma = PeakEwma(Random(1).random, clock)
    gone, other = Endpoint("gone"), Endpoint("other")
    ewma.settle(gone, 200, 0.1)
    gone.is_retired = True
    ewma.settle(other, 200, 0.1)
    assert set(ewma._costs) == {other}


@pytest.mark.parametrize(("slow_factor", "most"), [(20, 0.01), (5, 0.03)])
def test_of_three_members_the_slow_one_gets_next_to_nothing(clock: Clock, slow_factor: int, most: float) -> None:
    """Played: 500 arrivals a second, 10 ms an answer, of one member ``slow_factor`` as long."""
    chance = Random(7)
    members = tuple(Endpoint(name) for name in "abc")
    ewma = PeakEwma(chance.random, clock)
    under_way: list[tuple[float, Endpoint, float]] = []
    taken: Counter[str] = Counter()
    for turn in range(10_000):
        clock.now += 0.002
        for ends, member, seconds in [one for one in under_way if one[0] <= clock.now]:
            under_way.remove((ends, member, seconds))
            member.in_hand -= 1
            ewma.settle(member, 200, seconds)
        member = ewma.pick(members)
        seconds = chance.uniform(0.005, 0.015) * (slow_factor if member.name == "c" else 1)
        member.in_hand += 1
        under_way.append((clock.now + seconds, member, seconds))
        if turn >= 1000:
            taken[member.name] += 1
    assert taken["c"] / taken.total() < most
    assert abs(taken["a"] - taken["b"]) / taken.total() < 0.1
