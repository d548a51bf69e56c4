"""Prompts that begin alike go to the same endpoints, to as many as they need."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.balancers import LeastRequest
from fastgw.policy.prefix_hash import COUNTED, FEW, NO_PREFIX, OWNER, SPILLED, Popularity, PrefixHash, popularity_of
from tests.support.chats import Member, Pick, best, chats, play

PROMPTS = [(number % 50, 1000 + number) for number in range(5000)]


def members(count: int) -> tuple[Member, ...]:
    return tuple(Member(f"10.0.0.{number}:8000") for number in range(count))


def balancer(bound: float = 0.0, popularity: Popularity | None = None) -> PrefixHash:
    return PrefixHash(LeastRequest(Random(1).random), bound, popularity)


def owners(found: PrefixHash, among: tuple[Member, ...]) -> list[str]:
    return [found.pick_by(among, numbers, is_new=False)[0].place for numbers in PROMPTS]


def test_a_prompt_has_the_same_endpoint_everywhere() -> None:
    """A golden value: another one moves all conversations at an upgrade."""
    among = members(6)
    found = balancer()
    assert "".join(one[7] for one in owners(found, among)[:12]) == "521005305453"
    assert owners(balancer(), among[::-1]) == owners(found, among)


def test_who_leaves_moves_his_own_prompts_alone_and_gets_them_back() -> None:
    among = members(20)
    found = balancer()
    before = owners(found, among)
    after = owners(found, among[:7] + among[8:])
    moved = {old for old, new in zip(before, after, strict=True) if old != new}
    assert moved == {among[7].place}
    assert owners(found, among) == before


def test_an_opening_has_as_many_endpoints_as_its_part_needs() -> None:
    among = members(8)
    found = balancer()
    for number in range(4000):
        found.pick_by(among, (1 if number % 2 else 2 + number % 100, 10_000 + number))
    often = {found.pick_by(among, (1, number), is_new=False)[0].place for number in range(500)}
    seldom = {found.pick_by(among, (4, number), is_new=False)[0].place for number in range(500)}
    assert (len(often), len(seldom)) == (7, 1)  # one, and 1.5 x 8 x 1/2


def test_conversations_of_one_opening_are_spread_evenly() -> None:
    among = members(5)
    found = balancer()
    for number in range(3000):
        found.pick_by(among, (1, number))
    counts = Counter(found.pick_by(among, (1, number), is_new=False)[0].place for number in range(5000))
    assert len(counts) == 5 and max(counts.values()) < 1.15 * 1000
    among[2].weight = 3
    weighted = Counter(found.pick_by((*among,), (1, number), is_new=False)[0].place for number in range(5000))
    assert pytest.approx(weighted[among[2].place] / 5000, rel=0.1) == 3 / 7


def test_more_than_its_share_goes_to_the_next_in_rank() -> None:
    among = members(4)
    found = balancer(2.0)
    first, how = found.pick_by(among, (1, 2))
    assert how == OWNER
    first.in_hand = 9
    second, how = found.pick_by(among, (1, 2))
    assert second is not first and how == SPILLED
    assert found.pick_by(among, (1, 2)) == (second, SPILLED)  # whoever comes next knows it too
    for one in among:
        one.in_hand = 9
    assert found.pick_by(among, (1, 2)) == (first, OWNER)  # they all have as much
    assert balancer().pick_by(among, (1, 2)) == (first, OWNER)


def test_those_that_were_tried_are_passed_over() -> None:
    among = members(3)
    found = balancer()
    order = []
    for _ in among:
        order.append(found.pick_by(among, (5, 6), order)[0])
    assert {id(one) for one in order} == {id(one) for one in among}
    assert found.pick_by(among, (5, 6), order)[0] is order[0]


def test_without_a_prefix_the_least_loaded_is_taken() -> None:
    among = members(2)
    among[0].in_hand = 1
    assert balancer(2.0).pick_by(among, ()) == (among[1], NO_PREFIX) and balancer().pick(among) is among[1]


def test_what_is_known_is_bounded() -> None:
    found = balancer()
    for number in range(20_000):
        found.pick_by(members(1 + number % 3), (number, number + 1_000_000, 7))
    assert len(found._popularity) <= 4 * COUNTED and len(found._orders) <= 256
    assert found._popularity.part(7) > 0.9 and len(found._known) <= 3


def test_what_is_known_outlives_a_reload() -> None:
    first = balancer(popularity=popularity_of("llm"))
    first.pick_by(members(2), (1,))
    second = balancer(popularity=popularity_of("llm"))
    assert second._popularity is first._popularity and len(second._popularity) == 1
    assert popularity_of("other") is not first._popularity
    del first, second
    assert len(popularity_of("llm")) == 0  # the service is gone


@given(
    st.lists(st.lists(st.integers(0, 2**32 - 1), max_size=3), min_size=1, max_size=30),
    st.lists(st.tuples(st.integers(1, 9), st.integers(0, 20)), min_size=1, max_size=6),
    st.sampled_from((0.0, 1.05, 2.0)),
)
def test_somebody_is_found_and_nobody_has_more_than_the_bound(
    prompts: list[list[int]], loads: list[tuple[int, int]], bound: float
) -> None:
    among = tuple(Member(f"m{place}", weight, load) for place, (weight, load) in enumerate(loads))
    found = balancer(bound)
    for numbers in prompts:
        one, how = found.pick_by(among, numbers)
        share = one.weight / sum(other.weight for other in among)
        total = sum(other.in_hand for other in among) + 1
        if how == SPILLED and one.in_hand >= FEW:
            assert one.in_hand + 1 <= bound * total * share + 1e-9
        one.in_hand += 1


def prefixes(random: Random, _: tuple[Member, ...]) -> Pick:
    found = PrefixHash(LeastRequest(random.random), 1.5)
    return lambda among, turn: found.pick_by(among, turn.numbers)[0]


def least(random: Random, _: tuple[Member, ...]) -> Pick:
    found = LeastRequest(random.random)
    return lambda among, turn: found.pick(among)


@pytest.mark.no_cover
def test_engines_need_not_compute_again_what_they_have() -> None:
    """Four workers that know nothing of each other, eight engines, applications with openings that are too long to be everywhere."""
    turns = chats(Random(7), 400, 100, (20, 80))
    there = {make.__name__: play(turns, make, engines=8, room=1000, workers=4) for make in (prefixes, least)}
    most = best(turns, 8 * 1000)
    assert there["prefixes"].hits > 0.8 * most > 1.4 * there["least"].hits
    assert there["prefixes"].busiest < 1.7
