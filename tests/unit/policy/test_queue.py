"""Who is next, who is turned away, and that nobody is lost, whatever comes in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from fastgw.policy.queue import ADAPTIVE_LIFO, DISCIPLINES, FAIR, FIFO, MOST_KEYS, Queue, shares, yields
from tests.support.examples import examples

RANKS = 3
TIMEOUT = 10.0


class Entry:
    def __init__(self, name: Any, rank: int = 0, key: bytes = b"", since: float = 0.0) -> None:
        self.name, self.rank, self.key, self.since = name, rank, key, since

    def __repr__(self) -> str:
        return f"{self.name}"


def queue(discipline: str = FIFO, size: int = 3) -> Queue:
    return Queue(size, TIMEOUT, discipline, RANKS)


def fill(found: Queue, *entries: Entry) -> list[Any]:
    return [found.join(one, one.since) for one in entries]


def taken(take: Callable[[], Any]) -> list[Any]:
    """All that ``take`` gives, one after the other."""
    return list(iter(take, None))


def emptied(found: Queue, now: float = 0.0) -> list[Any]:
    names = []
    while len(found):
        first = next(one for one in (found.first(rank, now) for rank in range(RANKS)) if one is not None)
        found.admit(first)
        names.append(first.name)
    return names


def test_who_came_first_is_next() -> None:
    found = queue()
    fill(found, Entry(1), Entry(2), Entry(3))
    assert emptied(found) == [1, 2, 3]


def test_a_higher_rank_is_next_whenever_it_came() -> None:
    found = queue()
    fill(found, Entry("low", 2), Entry("mid", 1), Entry("high", 0))
    assert found.is_behind(0) and not queue().is_behind(2)
    assert emptied(found) == ["high", "mid", "low"]


def test_nobody_of_a_lower_rank_is_in_front() -> None:
    found = queue()
    fill(found, Entry("low", 2))
    assert (found.is_behind(1), found.is_behind(2)) == (False, True)


@pytest.mark.parametrize(("now", "order"), [(4.9, [1, 2, 3]), (5.0, [3, 2, 1])])
def test_adaptive_lifo_turns_round_when_the_oldest_has_waited_for_half_its_time(now: float, order: list[int]) -> None:
    found = queue(ADAPTIVE_LIFO)
    fill(found, Entry(1), Entry(2, since=2.0), Entry(3, since=3.0))
    assert found.first(0, now).name == order[0]


def test_keys_take_turns() -> None:
    found = queue(FAIR, size=6)
    fill(found, *(Entry(f"a{one}", key=b"a") for one in range(3)), Entry("b0", key=b"b"), Entry("c0", key=b"c"))
    found.join(Entry("b1", key=b"b"), 0.0)
    assert emptied(found) == ["a0", "b0", "c0", "a1", "b1", "a2"]


def test_more_keys_than_have_turns_share_one() -> None:
    found = queue(FAIR, size=2 * MOST_KEYS)
    fill(found, *(Entry(one, key=b"%d" % one) for one in range(MOST_KEYS + 3)))
    assert emptied(found) == [*range(MOST_KEYS + 1), MOST_KEYS + 1, MOST_KEYS + 2]


# --- no room


def test_who_comes_to_a_full_queue_is_turned_away() -> None:
    found = queue(size=1)
    late = Entry("late")
    assert fill(found, Entry("there"), late) == [None, late]
    assert not found.has_room(Entry("later"), 0.0)
    assert emptied(found) == ["there"]


def test_a_queue_of_no_size_has_no_room() -> None:
    found, entry = queue(size=0), Entry(1)
    assert found.join(entry, 0.0) is entry
    assert not found.has_room(entry, 0.0)


def test_a_higher_rank_takes_the_room_of_who_came_last_of_the_lowest() -> None:
    found = queue()
    out = Entry("out", 2)
    fill(found, Entry("mid", 1), Entry("low", 2), out)
    assert found.has_room(Entry("high"), 0.0)
    assert found.join(Entry("high"), 0.0) is out
    assert emptied(found) == ["high", "mid", "low"]


def test_a_lower_rank_takes_nobodys_room() -> None:
    found, low = queue(size=1), Entry("low", 2)
    fill(found, Entry("mid", 1))
    assert found.join(low, 0.0) is low


@pytest.mark.parametrize(("now", "out"), [(1.0, "new"), (6.0, "old")])
def test_an_overloaded_adaptive_lifo_turns_the_oldest_away(now: float, out: str) -> None:
    found = queue(ADAPTIVE_LIFO, size=2)
    fill(found, Entry("old"), Entry("other", since=0.5))
    assert found.join(Entry("new", since=now), now).name == out


def test_a_key_takes_the_room_of_one_with_more() -> None:
    found = queue(FAIR, size=3)
    fill(found, *(Entry(f"a{one}", key=b"a") for one in range(3)))
    assert found.join(Entry("b0", key=b"b"), 0.0).name == "a2"
    assert found.join(Entry("b1", key=b"b"), 0.0).name == "b1"  # both would have two then
    assert found.join(Entry("a9", key=b"a"), 0.0).name == "a9"


def test_a_key_that_shares_a_turn_has_what_waits_there_counted() -> None:
    found = queue(FAIR, size=MOST_KEYS + 2)
    fill(found, *(Entry(f"k{one}", key=b"k%d" % one) for one in range(MOST_KEYS)))
    fill(found, Entry("x", key=b"x"), Entry("y", key=b"y"))  # two of the shared turn
    assert found.join(Entry("z", key=b"z"), 0.0).name == "z"


def test_those_without_a_key_have_one_turn_and_no_more_room_than_others() -> None:
    found = queue(FAIR, size=4)
    fill(found, *(Entry(f"a{one}", key=b"a") for one in range(3)), Entry("none0"))
    assert found.join(Entry("none1"), 0.0).name == "a2"
    assert found.join(Entry("none2"), 0.0).name == "none2"
    assert emptied(found) == ["a0", "none0", "a1", "none1"]


# --- time, changes


def test_who_waits_too_long_is_out() -> None:
    found = queue()
    fill(found, Entry(1), Entry(2, since=1.0), Entry(3, 1, since=2.0))
    assert [one.name for one in taken(lambda: found.next_overdue(11.0))] == [1, 2]
    assert emptied(found) == [3]


def test_other_settings_hold_for_those_who_wait() -> None:
    found = queue()
    fill(found, Entry(1, 0), Entry(2, 1, since=1.0), Entry(3, 2, since=2.0))
    found.change(2, 5.0, FIFO, (1, 0, 0, 2))
    assert [(one.name, one.rank) for one in taken(found.next_left_over)] == [(3, 0)]
    assert [found.first(rank, 0.0).name for rank in range(2)] == [2, 1]
    assert [one.name for one in taken(lambda: found.next_overdue(5.5))] == [1]


def test_those_who_are_out_are_taken_one_at_a_time_as_the_end_of_one_may_be_that_of_another() -> None:
    found = queue()
    first, second, third = Entry(1), Entry(2), Entry(3)
    fill(found, first, second, third)
    assert found.next_overdue(11.0) is first
    found.remove(second)
    assert found.next_overdue(11.0) is third
    assert found.next_overdue(11.0) is None

    fill(found, first, second, third)
    found.change(1, 10.0, FIFO, (0, 1, 2, 3))
    assert found.next_left_over() is third
    found.remove(second)
    assert found.next_left_over() is None
    assert emptied(found) == [1]


# --- shares


@pytest.mark.parametrize(
    ("limit", "reserved", "own", "common"),
    [(64, (0.0,), (0,), 64), (10, (0.29, 0.5), (2, 5), 3), (100, (0.29, 0.0), (29, 0), 71), (1, (0.5, 0.0), (0, 0), 1)],
)
def test_shares(limit: int, reserved: tuple[float, ...], own: tuple[int, ...], common: int) -> None:
    assert shares(limit, reserved) == (own, common)


@pytest.mark.parametrize(
    ("held", "same", "higher", "outcome"),
    [(9, 0, 0, False), (0, 0, 1, True), (4, 1, 0, False), (5, 1, 0, True), (3, 2, 0, False), (4, 2, 0, True)],
)
def test_a_worker_leaves_places_to_others_beyond_its_part(held: int, same: int, higher: int, outcome: bool) -> None:
    assert yields(held, 10, same=same, higher=higher) is outcome


# --- any story


class Story(RuleBasedStateMachine):
    """A service of ``LIMIT`` places with a part reserved for each rank, a queue before it, and a clock that only goes on."""

    LIMIT = 4
    discipline = FIFO

    def __init__(self) -> None:
        super().__init__()
        self.queue = Queue(5, TIMEOUT, self.discipline, RANKS)
        self.own, self.common = shares(self.LIMIT, (0.25, 0.0, 0.25))
        self.now = 0.0
        self.inside: list[tuple[Entry, bool]] = []  # and whether in a common place
        self.waiting: list[Entry] = []
        self.known = self.over = 0

    def room(self, rank: int) -> tuple[bool, bool]:
        mine = sum(one.rank == rank and not common for one, common in self.inside)
        return mine < self.own[rank], sum(common for _, common in self.inside) < self.common

    def admit(self) -> None:
        for rank in range(RANKS):
            while (first := self.queue.first(rank, self.now)) is not None and any(self.room(rank)):
                assert first.since + TIMEOUT > self.now
                self.queue.admit(first)
                self.waiting.remove(first)
                self.inside.append((first, not self.room(rank)[0]))

    @rule(rank=st.integers(0, RANKS - 1), key=st.sampled_from([b"a", b"b", b"c"]))
    def arrives(self, rank: int, key: bytes) -> None:
        self.known += 1
        entry = Entry(self.known, rank, key, self.now)
        own, common = self.room(rank)
        if not self.queue.count(rank) and (own or (common and not self.queue.is_behind(rank))):
            self.inside.append((entry, not own))
            return
        expected = self.queue.has_room(entry, self.now)
        out = self.queue.join(entry, self.now)
        assert (out is not entry) is expected
        if out is not entry:
            self.waiting.append(entry)
        if out is not None:
            assert out.rank >= max(
                (one.rank for one in self.waiting), default=0
            )  # nobody goes before one of a lower rank
            self.over += 1
            if out is not entry:
                self.waiting.remove(out)

    @rule(place=st.integers(0, 20))
    def ends(self, place: int) -> None:
        if self.inside:
            self.inside.pop(place % len(self.inside))
            self.over += 1
            self.admit()

    @rule(place=st.integers(0, 20))
    def leaves(self, place: int) -> None:
        if self.waiting:
            self.queue.remove(self.waiting.pop(place % len(self.waiting)))
            self.over += 1

    @rule(seconds=st.floats(0.0, 8.0))
    def waits(self, seconds: float) -> None:
        self.now += seconds
        for one in taken(lambda: self.queue.next_overdue(self.now)):
            assert one.since + TIMEOUT <= self.now
            self.waiting.remove(one)
            self.over += 1
        assert all(one.since + TIMEOUT > self.now for one in self.waiting)

    @rule(size=st.integers(0, 6))
    def changes(self, size: int) -> None:
        self.queue.change(size, TIMEOUT, self.discipline, (*range(RANKS), RANKS))
        for one in taken(self.queue.next_left_over):
            self.waiting.remove(one)
            self.over += 1

    @invariant()
    def nobody_is_lost_and_no_more_are_inside(self) -> None:
        assert len(self.queue) == len(self.waiting) <= max(5, self.queue.size)
        assert self.known == len(self.inside) + len(self.waiting) + self.over
        assert len(self.inside) <= self.LIMIT
        assert [self.queue.count(rank) for rank in range(RANKS)] == [
            sum(one.rank == rank for one in self.waiting) for rank in range(RANKS)
        ]
        for rank in range(RANKS):  # whoever waits has no room: neither what is reserved for it, nor a common place
            assert not (self.queue.count(rank) and any(self.room(rank)))


@pytest.mark.parametrize("discipline", DISCIPLINES)
def test_stories(discipline: str) -> None:
    story = type("Story", (Story,), {"discipline": discipline})
    story.TestCase.settings = settings(max_examples=examples(60), stateful_step_count=40, deadline=None)
    story.TestCase("runTest").runTest()
