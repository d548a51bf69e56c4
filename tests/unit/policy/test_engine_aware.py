"""Balancing by what engines say: queues of others are seen, and what is old is not believed."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.engine_aware import LEAST_FREE, EngineAware, EngineReading, Readings, reading_of
from fastgw.policy.engines import Load


@dataclass(eq=False)
class Endpoint:
    place: str
    weight: int = 1
    in_hand: int = 0
    is_retired: bool = False


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


def known(members: tuple[Endpoint, ...], readings: Readings, clock: Clock, seed: int = 3) -> EngineAware:
    """A balancer for which all members have answered equally fast."""
    balancer = EngineAware(Random(seed).random, clock, readings.of("s"))
    for one in members:
        balancer.settle(one, 200, 0.1)
    return balancer


def pair() -> tuple[Endpoint, Endpoint]:
    return Endpoint("a:1"), Endpoint("b:1")


@pytest.mark.parametrize("busy", [Load("vllm", 9, 0, 0.0), Load("vllm", 0, 3, 0.0), Load("vllm", 0, 0, 0.9)])
def test_who_is_busy_for_others_is_left(busy: Load) -> None:
    clock, readings, members = Clock(), Readings(), pair()
    balancer = known(members, readings, clock)
    readings.learn("s", {"a:1": (busy, 103.0), "b:1": (Load("vllm"), 103.0)})
    assert {balancer.pick(members).place for _ in range(50)} == {"b:1"}


def test_what_was_sent_since_counts_and_what_came_back_does_not() -> None:
    clock, readings, members = Clock(), Readings(), pair()
    members[0].in_hand = 4  # all that it has, as it says
    balancer = known(members, readings, clock)
    readings.learn("s", {"a:1": (Load("vllm", 4), 103.0), "b:1": (Load("vllm", 6), 103.0)})
    assert balancer.pick(members).place == "a:1"
    members[0].in_hand += 3
    assert balancer.pick(members).place == "b:1"
    members[0].in_hand -= 6
    assert balancer.pick(members).place == "a:1"


def test_an_old_reading_and_one_that_never_came_leave_what_is_in_hand() -> None:
    clock, readings, members = Clock(), Readings(), pair()
    balancer = known(members, readings, clock)
    readings.learn("s", {"a:1": (Load("vllm", 50), 103.0)})
    members[1].in_hand = 2
    assert balancer.pick(members).place == "b:1"
    clock.now = 103.1
    assert balancer.pick(members).place == "a:1"
    readings.learn("s", {})
    assert readings.of("s") == {}


def test_a_reading_that_is_told_again_keeps_what_was_in_hand_then() -> None:
    readings = Readings()
    readings.learn("s", {"a:1": (Load("vllm", 4), 103.0)})
    first = readings.of("s")["a:1"]
    readings.learn("s", {"a:1": (Load("vllm", 4), 103.0)})
    assert readings.of("s")["a:1"] is first
    readings.learn("s", {"a:1": (Load("vllm", 4), 104.0)})
    assert readings.of("s")["a:1"] is not first
    readings.retain(["other"])
    assert readings.of("s") == {}


@given(
    st.lists(
        st.tuples(st.integers(0, 50), st.floats(0, 500), st.floats(0, 500), st.floats(0, 1), st.floats(90, 110)),
        min_size=2,
        max_size=2,
    ),
    st.floats(0, 1, exclude_max=True),
)
def test_the_cheaper_of_two_is_taken(said: list[tuple[int, float, float, float, float]], point: float) -> None:
    """Whatever they say, of two that are as fast the one is taken that has less, for the room it has."""
    clock, members, readings = Clock(), pair(), Readings()
    balancer = EngineAware(lambda: point, clock, readings.of("s"))
    costs = []
    for one, (in_hand, running, waiting, usage, until) in zip(members, said, strict=True):
        balancer.settle(one, 200, 0.1)
        one.in_hand = in_hand
        load = Load("x", running, waiting, usage)
        readings.of("s")[one.place] = EngineReading(load, until)
        queue = max(in_hand, running + 3 * waiting) if until >= clock.now else in_hand
        room = max(LEAST_FREE, 1 - usage) if until >= clock.now else 1.0
        costs.append((queue + 1) / room)
    chosen = members.index(balancer.pick(members))
    assert costs[chosen] == pytest.approx(min(costs))


@pytest.mark.parametrize("is_told", [True, False])
def test_of_three_members_the_slow_one_gets_next_to_nothing(is_told: bool) -> None:
    """Played: 500 arrivals a second, 10 ms an answer, of one member 20 times as long; read every second, or not at all."""
    chance, clock, readings = Random(7), Clock(), Readings()
    members = tuple(Endpoint(name) for name in "abc")
    balancer = EngineAware(chance.random, clock, readings.of("s"))
    under_way: list[tuple[float, Endpoint, float]] = []
    taken: Counter[str] = Counter()
    for turn in range(10_000):
        clock.now += 0.002
        for ends, member, seconds in [one for one in under_way if one[0] <= clock.now]:
            under_way.remove((ends, member, seconds))
            member.in_hand -= 1
            balancer.settle(member, 200, seconds)
        if is_told and turn % 500 == 0:
            readings.learn("s", {one.place: (Load("vllm", one.in_hand), clock.now + 3) for one in members})
        member = balancer.pick(members)
        seconds = chance.uniform(0.005, 0.015) * (20 if member.place == "c" else 1)
        member.in_hand += 1
        under_way.append((clock.now + seconds, member, seconds))
        if turn >= 1000:
            taken[member.place] += 1
    assert taken["c"] / taken.total() < 0.003  # below what a p99 sees
    assert abs(taken["a"] - taken["b"]) / taken.total() < 0.1


KV, WAITING, RUNNING = (
    f"named_metrics.{one}" for one in ("kv_cache_usage_perc", "num_requests_waiting", "num_requests_running")
)


def test_a_report_says_what_it_says_and_the_rest_is_as_it_was_known() -> None:
    first = reading_of({KV: 0.5, WAITING: 2.0}, None, 3, 100.0, 103.0)
    assert (first.load.running, first.load.waiting, first.load.usage, first.base) == (3.0, 2.0, 0.5, 3)
    page = EngineReading(Load("vllm", 7, 1, 0.2), 101.0)
    page.base = 4
    second = reading_of({WAITING: 0.0}, page, 6, 100.0, 103.0)  # two more were sent since
    assert (second.load.running, second.load.waiting, second.load.usage) == (9.0, 0.0, 0.2)
    late = reading_of({WAITING: 0.0}, page, 6, 102.0, 105.0)
    assert (late.load.running, late.load.usage) == (6.0, 0.0)
    assert reading_of({RUNNING: 1.0}, page, 6, 100.0, 103.0).load.running == 1.0
    fewer = reading_of({WAITING: 0.0}, EngineReading(Load("vllm", 1), 101.0), 0, 100.0, 103.0)
    assert fewer.load.running == 1.0  # which this worker has not used yet


def test_who_reports_to_be_busy_is_left_and_pages_do_not_forget_it() -> None:
    clock, readings, members = Clock(), Readings(), pair()
    balancer = known(members, readings, clock)
    readings.of("s")["a:1"] = reading_of({WAITING: 5.0}, None, 0, clock.now, clock.now + 3)
    assert {balancer.pick(members).place for _ in range(50)} == {"b:1"}
    readings.learn("s", {"b:1": (Load("vllm", 1), 103.0)})
    assert set(readings.of("s")) == {"a:1", "b:1"}
    readings.learn("s", {})
    assert set(readings.of("s")) == {"a:1"}
