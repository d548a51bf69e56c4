"""What is kept, within bounds."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fastgw.policy.shelf import OVERHEAD, Marks, Selected, Shelf
from tests.support.examples import examples

BYTES, ITEMS, VARIANTS = 8 * OVERHEAD, 5, 2


@dataclass(eq=False)
class Thing:
    place: bytes
    key: Hashable
    selected: Selected = ()
    size: int = 0


def nothing(_: bytes) -> None:
    return None


def test_the_variant_is_the_newest_whose_fields_are_those_of_the_request() -> None:
    shelf: Shelf[Thing] = Shelf(BYTES, ITEMS, VARIANTS)
    plain, coded = Thing(b"p", 1, ((b"a", None),)), Thing(b"p", 1, ((b"a", b"gzip"),))
    shelf.put(plain)
    shelf.put(coded)
    assert shelf.find(b"p", 1, nothing) is plain
    assert shelf.find(b"p", 1, lambda _: b"gzip") is coded
    assert shelf.find(b"p", 1, lambda _: b"br") is None
    assert shelf.find(b"p", 2, nothing) is shelf.find(b"q", 1, nothing) is None
    every = Thing(b"p", 1)
    assert shelf.put(every) == 1  # there are two variants already
    assert shelf.find(b"p", 1, lambda _: b"gzip") is every


def test_what_was_used_last_stays() -> None:
    shelf: Shelf[Thing] = Shelf(BYTES, 2, VARIANTS)
    first, second, third = (Thing(b"p", number) for number in range(3))
    shelf.put(first)
    shelf.put(second)
    shelf.find(b"p", 0, nothing)
    assert shelf.put(third) == 1
    assert [shelf.find(b"p", number, nothing) for number in range(3)] == [first, None, third]


def test_what_is_too_large_drives_nothing_out() -> None:
    shelf: Shelf[Thing] = Shelf(BYTES, ITEMS, VARIANTS)
    small = Thing(b"p", 1)
    shelf.put(small)
    shelf.put(Thing(b"p", 1, (), BYTES))
    assert shelf.find(b"p", 1, nothing) is small


def test_a_place_is_forgotten_whoever_asked() -> None:
    shelf: Shelf[Thing] = Shelf(BYTES, ITEMS, VARIANTS)
    for thing in (Thing(b"p", 1), Thing(b"p", 2, ((b"a", None),)), Thing(b"q", 1)):
        shelf.put(thing)
    assert (shelf.forget(b"p"), shelf.forget(b"p"), len(shelf)) == (2, 0, 1)


def test_marks_are_bounded_and_end() -> None:
    marks = Marks(2)
    for key in "abc":
        marks.add(key, 10.0)
    assert [marks.has(key, 9.9) for key in "abc"] == [False, True, True]
    assert not marks.has("b", 10.0)


class Bounds(RuleBasedStateMachine):
    """Whatever is put, found and dropped: the bounds hold, and what is found is what was put last."""

    def __init__(self) -> None:
        super().__init__()
        self.shelf: Shelf[Thing] = Shelf(BYTES, ITEMS, VARIANTS)
        self.last: dict[tuple[bytes, int, Selected], Thing] = {}

    places = st.sampled_from([b"p", b"q"])
    keys = st.integers(0, 2)
    values = st.sampled_from([None, b"x", b"y"])

    @rule(place=places, key=keys, value=values, size=st.integers(0, 3 * OVERHEAD))
    def put(self, place: bytes, key: int, value: bytes | None, size: int) -> None:
        thing = Thing(place, key, ((b"a", value),), size)
        before = len(self.shelf)
        had = any(one.selected == thing.selected for one in self.shelf.variants(place, key))
        evicted = self.shelf.put(thing)
        assert len(self.shelf) == before + 1 - had - evicted
        self.last[place, key, thing.selected] = thing
        assert self.shelf.find(place, key, lambda _: value) is thing

    @rule(place=places, key=keys, value=values)
    def find(self, place: bytes, key: int, value: bytes | None) -> None:
        found = self.shelf.find(place, key, lambda _: value)
        assert found is None or found is self.last[place, key, ((b"a", value),)]

    @rule(place=places, key=keys)
    def drop(self, place: bytes, key: int) -> None:
        for thing in list(self.shelf.variants(place, key)):
            self.shelf.drop(thing)
            self.shelf.drop(thing)
        assert not self.shelf.variants(place, key)

    @rule(place=places)
    def forget(self, place: bytes) -> None:
        self.shelf.forget(place)
        assert not any(self.shelf.variants(place, key) for key in range(3))

    @invariant()
    def is_within_bounds(self) -> None:
        there = [one for place in (b"p", b"q") for key in range(3) for one in self.shelf.variants(place, key)]
        assert len(there) == len(self.shelf) <= ITEMS
        assert sum(one.size + OVERHEAD for one in there) == self.shelf.size <= BYTES
        assert all(len(self.shelf.variants(place, key)) <= VARIANTS for place in (b"p", b"q") for key in range(3))


Bounds.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=30, deadline=None)
TestBounds = Bounds.TestCase
