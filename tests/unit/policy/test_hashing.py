"""Consistent hashing: who keeps his endpoint when others come and go, and how even it is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.policy.hashing import ConsistentHash

KEYS = [b"user-%d" % number for number in range(20_000)]


@dataclass(eq=False)
class Endpoint:
    place: str
    weight: int = 1
    in_hand: int = 0


def endpoints(count: int) -> tuple[Endpoint, ...]:
    return tuple(Endpoint(f"10.0.0.{number}:9000") for number in range(count))


def ring_of(members: Sequence[Endpoint], bound: float = 0.0, seed: int = 1) -> ConsistentHash:
    return ConsistentHash(Random(seed).random, lambda: members, bound)


def owners(ring: ConsistentHash, candidates: tuple[Endpoint, ...]) -> list[str]:
    return [ring.pick_by(candidates, key).place for key in KEYS]


def test_a_key_has_the_same_endpoint_everywhere() -> None:
    """A golden value: another one moves every client of every gateway at an upgrade."""
    members = endpoints(5)
    ring = ring_of(members)
    assert "".join(ring.pick_by(members, key).place[7:8] for key in KEYS[:10]) == "1300130422"
    others = members[::-1]
    assert owners(ring, members) == owners(ring_of(others, seed=2), others)


def test_one_of_fifty_leaves_and_nobody_else_moves() -> None:
    all_of_them = endpoints(50)
    ring = ring_of(all_of_them)
    before = owners(ring, all_of_them)
    left = all_of_them[:17] + all_of_them[18:]
    after = owners(ring, left)
    moved = [old for old, new in zip(before, after, strict=True) if old != new]
    assert set(moved) == {"10.0.0.17:9000"}  # those that were its own
    assert len(moved) / len(KEYS) <= 0.025
    assert owners(ring, all_of_them) == before  # and it gets them back
    assert len({new for old, new in zip(before, after, strict=True) if old != new}) > 20  # they go to many


def test_the_heaviest_leaves_and_nobody_else_moves() -> None:
    heavy, *others = endpoints(8)
    heavy.weight = 7
    ring = ring_of([heavy, *others])
    before = owners(ring, (heavy, *others))
    points = ring._points
    after = owners(ring, tuple(others))
    assert {old for old, new in zip(before, after, strict=True) if old != new} == {heavy.place}
    assert ring._points is points  # a retry leaves somebody out: no circle is drawn for that


def test_parts_are_about_even_and_by_weight() -> None:
    candidates = endpoints(10)
    counts = Counter(owners(ring_of(candidates), candidates))
    assert max(counts.values()) / (len(KEYS) / 10) < 1.25
    candidates[3].weight = 3
    share = Counter(owners(ring_of(candidates), candidates))[candidates[3].place] / len(KEYS)
    assert 0.2 < share < 0.3  # 3 of 12


def test_weights_that_change_and_members_that_are_new_are_seen() -> None:
    candidates = [*endpoints(4)]
    ring = ring_of(candidates)
    before = owners(ring, tuple(candidates))
    candidates[0].weight = 4
    more = Counter(owners(ring, tuple(candidates)))[candidates[0].place]
    assert more > 1.5 * Counter(before)[candidates[0].place]
    candidates.append(Endpoint("10.0.1.1:9000"))
    assert "10.0.1.1:9000" in owners(ring, tuple(candidates))


def test_the_gone_are_not_held() -> None:
    members = [*endpoints(40)]
    ring = ring_of(members)
    ring.pick_by(tuple(members), b"x")
    del members[3:]
    ring.pick_by(tuple(members), b"x")
    assert ring._members == members


def test_no_circle_is_drawn_for_who_is_ready_or_stands_for_whom() -> None:
    members = endpoints(9)
    ring = ring_of(members)
    before, points = owners(ring, members), ring._points
    guard = Endpoint(members[4].place)  # on trial: every turn another tuple, and perhaps another guard
    for ready in (
        (*members[:4], guard, *members[5:]),
        members[:2],
        (guard,),
        (*members[5:], Endpoint(members[4].place)),
    ):
        ring.pick_by(ready, b"x")
        assert ring._points is points
    assert owners(ring, (*members[:4], guard, *members[5:])) == before  # a trial has the keys of its member
    assert ring.pick_by((guard,), b"x") is guard


def test_candidates_that_are_no_members_are_taken_all_the_same() -> None:
    """Where a name waits for its addresses they are the waiting rooms."""
    rooms = (Endpoint("a.test:80"), Endpoint("b.test:80"))
    assert ring_of(()).pick_by(rooms, b"x") in rooms


@pytest.mark.parametrize("count", [2, 10, 50])
def test_no_load_is_much_more_than_the_average(count: int) -> None:
    """Without the bound one popular key is all the load of one endpoint."""
    popular = Random(3)
    for bound in (0.0, 1.25):
        candidates = endpoints(count)
        ring = ring_of(candidates, bound)
        under_way: list[Endpoint] = []
        worst = 0.0
        for turn in range(4000):
            key = b"popular" if popular.random() < 0.6 else KEYS[popular.randrange(1000)]
            chosen = ring.pick_by(candidates, key)
            chosen.in_hand += 1
            under_way.append(chosen)
            if len(under_way) > 20 * count:
                under_way.pop(popular.randrange(len(under_way))).in_hand -= 1
                if turn > 3000:
                    worst = max(worst, max(one.in_hand for one in candidates) / (len(under_way) / count))
        assert (worst <= 1.25) if bound else (worst > 1.25)


def test_what_has_no_key_goes_anywhere() -> None:
    candidates = endpoints(4)
    ring = ring_of(candidates)
    counts = Counter(ring.pick_by(candidates, b"").place for _ in range(4000))
    assert len(counts) == 4 and max(counts.values()) < 1500
    assert ring.pick(candidates) in candidates


def test_where_all_have_too_much_one_is_taken() -> None:
    candidates = endpoints(3)
    ring = ring_of(candidates, 1.25)
    wanted = ring.pick_by(candidates, b"x")
    for one in candidates:
        one.in_hand = 10**6  # all at once, behind the last look
    assert ring.pick_by([*candidates], b"x") in candidates
    ring._left = 1
    assert ring.pick_by(candidates, b"x") in candidates
    assert wanted in candidates


@pytest.mark.parametrize("bound", [0.0, 1.25])
def test_who_is_passed_over_leaves_a_key_to_the_next_one(bound: float) -> None:
    members = endpoints(20)
    ring = ring_of(members, bound)
    for key in KEYS[:200]:
        own = ring.pick_by(members, key)
        left = tuple(one for one in members if one is not own)
        second = ring.pick_by(members, key, (own,))
        assert second is ring_of(members, bound).pick_by(left, key) and second is not own
    assert ring.pick_by(members[:1], b"x", members[:1]) is members[0]  # there is nobody else


@given(st.lists(st.dictionaries(st.integers(0, 30), st.integers(1, 4), min_size=1), min_size=2, max_size=12))
@settings(max_examples=25)
def test_a_circle_that_has_changed_is_the_one_that_would_be_drawn(stages: list[dict[int, int]]) -> None:
    members: list[Endpoint] = []
    ring = ConsistentHash(Random(1).random, lambda: members)
    for weights in stages:
        members = [Endpoint(f"10.0.0.{number}:9000", weight) for number, weight in weights.items()]
        now = tuple(members)
        fresh = ring_of(now)
        assert all(ring.pick_by(now, key) is fresh.pick_by(now, key) for key in KEYS[:50])
        assert len(ring._places) <= 2 * len(weights) + 8
        assert [*ring._points] == sorted(ring._points)


def test_a_member_that_comes_or_goes_costs_its_own_points() -> None:
    members = endpoints(200)
    now: tuple[Endpoint, ...] = members
    ring = ConsistentHash(Random(1).random, lambda: now)
    ring.pick_by(members, b"x")
    points, drawn = ring._points, []
    own = ring._points_of

    def spied(_: ConsistentHash, place: str, weight: int, number: int) -> list[int]:
        drawn.append(place)
        return own(place, weight, number)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ConsistentHash, "_points_of", spied)
        now = members[1:]
        ring.pick_by(now, b"x")
        assert ring._points == points and not drawn
        now = members
        ring.pick_by(now, b"x")
        assert drawn == [members[0].place] and len(ring._points) == len(points) + 160
