"""Requests go to members that are as they ask, and ejection leaves nobody without one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.policy.balancers import RoundRobin
from fastgw.policy.subsets import Subsets


@dataclass(eq=False)
class Endpoint:
    name: str
    metadata: dict[str, bytes] = field(default_factory=dict)
    weight: int = 1
    in_hand: int = 0

    @property
    def settings(self) -> Any:
        return SimpleNamespace(metadata=self.metadata)


class Closed:
    """A breaker; those that it has open are left out."""

    def __init__(self, *is_open: Endpoint) -> None:
        self.is_open = is_open

    def untried(self, reachable: Sequence[Any], others: Sequence[Any], tried: Sequence[Any]) -> tuple[Any, ...]:
        return tuple(one for one in others if one not in self.is_open)


A = Endpoint("a", {"gpu": b"big", "region": b"eu"})
B = Endpoint("b", {"gpu": b"big", "region": b"us"})
C = Endpoint("c", {"gpu": b"small", "region": b"eu"})
D = Endpoint("d")


def members(*ready: Endpoint, everyone: Sequence[Endpoint] = (A, B, C, D), breaking: Any = None) -> Any:
    return SimpleNamespace(ready=tuple(ready or everyone), all=tuple(everyone), breaking=breaking, judge=None)


def subsets(there: Any, *, is_any: bool = False) -> Subsets:
    def make(_: Any) -> Any:
        turns = RoundRobin()
        return lambda candidates, exchange: turns.pick(candidates)

    return Subsets(("gpu", "region"), lambda asked: asked, there, make, is_any=is_any)


def taken(found: Subsets, there: Any, *asked: bytes, count: int = 6) -> str:
    picked = [found.pick(there.ready, asked) for _ in range(count)]
    return "".join("-" if one is None else one.name for one in picked)


def test_only_who_is_as_asked_is_taken_and_what_is_not_asked_for_is_nothing() -> None:
    there = members()
    found = subsets(there)
    assert taken(found, there, b"big", b"eu") == "aaaaaa"
    assert taken(found, there, b"big", b"") == "ababab"
    assert taken(found, there, b"", b"eu") == "acacac"
    assert taken(found, there, b"", b"") == "abcdab"
    assert taken(found, there, b"small", b"us") == taken(found, there, b"huge", b"") == "------"
    either = subsets(there, is_any=True)
    assert taken(either, there, b"small", b"us") == "abcdab"
    assert taken(either, there, b"small", b"") == "cccccc"


def test_turns_of_one_subset_are_none_of_another_and_its_tuple_stays() -> None:
    there = members()
    found = subsets(there)
    picked = [found.pick(there.ready, asked).name for asked in [(b"big", b""), (b"", b"eu")] * 3]
    assert "".join(picked) == "aabcaa"
    ready = found._table[b"big", b""].ready
    there.ready = (A, B, C)
    found.pick(there.ready, (b"", b""))
    assert found._table[b"big", b""].ready is ready


def test_ejection_does_not_empty_a_subset() -> None:
    there = members(A, C)
    found = subsets(there)
    assert taken(found, there, b"big", b"") == "aaaaaa"
    assert taken(found, there, b"big", b"us") == "bbbbbb"  # not ready, and all there is
    there.ready = (A, B, C, D)
    assert taken(found, there, b"big", b"") == "ababab"


@pytest.mark.parametrize("is_any", [False, True])
def test_a_breaker_does(is_any: bool) -> None:
    there = members(A, C, D, breaking=Closed(B))
    found = subsets(there, is_any=is_any)
    assert taken(found, there, b"big", b"us") == ("acdacd" if is_any else "------")
    assert taken(found, there, b"big", b"") == "aaaaaa"
    there.breaking, there.ready = Closed(), (A, B, C, D)
    assert taken(found, there, b"big", b"us") == "bbbbbb"


def test_who_stands_for_all_is_taken_for_what_somebody_is() -> None:
    guard = Endpoint("g", A.metadata)
    there = members(guard, breaking=Closed(B))
    found = subsets(there)
    assert taken(found, there, b"small", b"") == "gggggg"
    assert taken(found, there, b"huge", b"") == "------"


def test_another_try_stays_within_the_subset() -> None:
    there = members()
    found, either = subsets(there), subsets(there, is_any=True)
    assert found.left((B, C, D), (b"big", b"")) == (B,)
    assert found.pick((B, C, D), (b"big", b"")) is B
    assert found.left((C, D), (b"big", b"")) == () and found.pick((C, D), (b"big", b"")) is None
    assert either.left((C, D), (b"big", b"")) == (C, D) and either.pick((C, D), (b"big", b"")) in (C, D)


def test_names_that_are_looked_up_yet_are_as_their_endpoints() -> None:
    there = members(A, C, everyone=())
    found = subsets(there)
    assert taken(found, there, b"small", b"") == "cccccc"


def test_who_is_gone_for_good_is_not_held() -> None:
    there = members()
    found = subsets(there)
    found.pick(there.ready, (b"", b""))
    there.all = there.ready = (A,)
    found.pick(there.ready, (b"", b""))
    assert set(found._table) == {(b"big", b"eu"), (b"big", b""), (b"", b"eu"), (b"", b"")}
    for asked in (b"x%d" % number for number in range(100)):
        assert found.pick(there.ready, (asked, b"")) is None
    assert len(found._table) == 4  # whatever clients send


VALUES = st.sampled_from([b"", b"p", b"q"])


@given(st.lists(st.tuples(VALUES, VALUES, st.booleans()), min_size=1, max_size=8), st.tuples(VALUES, VALUES))
def test_who_is_taken_is_as_asked_and_ready_if_anybody_is(
    described: list[tuple[bytes, bytes, bool]], asked: tuple[bytes, bytes]
) -> None:
    everyone, ready = [], []
    for gpu, region, is_ready in described:
        one = Endpoint("", {key: value for key, value in (("gpu", gpu), ("region", region)) if value})
        everyone.append(one)
        if is_ready:
            ready.append(one)
    there = members(*ready, everyone=everyone)
    fitting = [
        one
        for one in everyone
        if all(not value or one.metadata.get(key) == value for key, value in zip(("gpu", "region"), asked, strict=True))
    ]
    best = [one for one in fitting if one in ready] or fitting
    found = subsets(there).pick(there.ready, asked)
    assert found in best if best else found is None
