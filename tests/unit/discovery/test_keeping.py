"""A source over time: when it is asked again, and whether what it lists is believed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.core.settings import Address
from fastgw.core.sources import BeliefSettings
from fastgw.discovery import keeping as module
from fastgw.discovery.keeping import DOUBTED, FAILING, LISTED, PENDING, RECALL_AFTER, Penalties, Recalled, SourceKeeper
from fastgw.discovery.listing import ListedMember, Listing, Skipped, SourceError, Tell


def members(*numbers: int) -> tuple[ListedMember, ...]:
    return tuple(ListedMember(Address("10.0.0.1", number)) for number in numbers)


class Handle:
    def __init__(self, loop: Clock, when: float, call: Callable[[], None]) -> None:
        self.when, self.call, self.loop = when, call, loop

    def cancel(self) -> None:
        if self in self.loop.timers:
            self.loop.timers.remove(self)


class Clock:
    """A loop that has nothing but a time, which the test has pass."""

    def __init__(self) -> None:
        self.now = 100.0
        self.timers: list[Handle] = []

    def call_later(self, seconds: float, call: Callable[[], None]) -> Handle:
        handle = Handle(self, self.now + seconds, call)
        self.timers.append(handle)
        return handle

    def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        while due := [one for one in self.timers if one.when <= until]:
            first = min(due, key=lambda one: one.when)
            self.timers.remove(first)
            self.now = first.when
            first.call()
        self.now = until


class Stage:
    """A keeper whose source is the test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **belief: Any) -> None:
        self.clock = Clock()
        monkeypatch.setattr(module.asyncio, "get_running_loop", lambda: self.clock)
        self.told: list[tuple[ListedMember, ...] | None] = []
        self.lines: list[tuple[str, str, dict[str, Any]]] = []
        self.keeper = SourceKeeper(
            "etcd",  # type: ignore[arg-type]
            BeliefSettings(**belief),
            lambda: self.told.append(self.keeper.members),
            lambda *line: self.lines.append(line),
            lambda: 0.0,
            lambda: self.clock.now,
            lambda: 1e9,
        )

    def lists(self, *numbers: int) -> None:
        self.keeper.take(Listing(members(*numbers), revision="7"))

    @property
    def events(self) -> list[str]:
        return [event for event, _, _ in self.lines]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def test_it_says_for_how_long_it_has_been_so_and_when_members_have_changed(stage: Stage) -> None:
    now = 1e9
    stage.keeper._wall = lambda: now
    assert (stage.keeper.since, stage.keeper.changed_at) == (1e9, 0.0)
    now += 1
    stage.lists(1, 2)
    assert (stage.keeper.since, stage.keeper.changed_at) == (now, now)
    now += 1
    stage.lists(1, 2)
    stage.lists()
    stage.lists()
    assert (stage.keeper.since, stage.keeper.changed_at) == (now, now - 1)
    now += 1
    stage.keeper._fail("refused", "nobody is there")
    now += 1
    stage.keeper._fail("timeout", "nobody is there")
    assert stage.keeper.since == now - 1


# --- what was listed before this process began


def recalling(stage: Stage, *numbers: int) -> SourceKeeper:
    """A keeper that begins with what was listed 50 s ago; its source is the test."""
    keeper = SourceKeeper(
        "etcd",  # type: ignore[arg-type]
        BeliefSettings(),
        lambda: stage.told.append(stage.keeper.members),
        lambda *line: stage.lines.append(line),
        lambda: 0.0,
        lambda: stage.clock.now,
        lambda: 1e9,
        Recalled(members(*numbers), 1e9 - 50.0, "6"),
    )
    stage.keeper = keeper
    return keeper


def test_a_registry_that_fails_at_the_beginning_leaves_the_members_of_before(stage: Stage) -> None:
    keeper = recalling(stage, 1, 2)
    assert keeper.members is None
    keeper._fail("refused", "nobody is there")
    assert (keeper.members, keeper.is_recalled, keeper.listed_at, keeper.revision) == (
        members(1, 2),
        True,
        1e9 - 50,
        "6",
    )
    assert stage.told == [members(1, 2)]
    assert stage.lines[0] == (
        "members of before the start are used",
        "warning",
        {"source": "etcd", "members": 2, "age": 50.0},
    )
    assert stage.lines[1][2]["kept"] == 2
    keeper._fail("refused", "nobody is there")
    assert len(stage.lines) == 2
    stage.lists()  # back, and it has forgotten everybody
    assert (keeper.state, keeper.members, keeper.is_recalled) == (DOUBTED, members(1, 2), True)
    stage.lists(3)
    assert (keeper.state, keeper.members, keeper.is_recalled, keeper.revision) == (LISTED, members(3), False, "7")


def test_a_registry_that_says_the_same_as_before_is_told_of_too(stage: Stage) -> None:
    keeper = recalling(stage, 1)
    keeper._fail("refused", "nobody is there")
    stage.lists(1)
    assert (keeper.is_recalled, keeper.changes, stage.told) == (False, 0, [members(1), members(1)])


def test_a_registry_that_answers_is_believed_first(stage: Stage) -> None:
    keeper = recalling(stage, 1, 2)
    stage.lists()
    assert (keeper.state, keeper.members) == (LISTED, ())
    keeper._fail("refused", "nobody is there")
    assert (keeper.members, keeper.is_recalled) == ((), False)


def test_one_that_says_nothing_is_waited_for_a_moment_only(stage: Stage) -> None:
    keeper = recalling(stage, 1)
    keeper._recall_timer = stage.clock.call_later(RECALL_AFTER, keeper._recall)  # type: ignore[assignment]
    stage.clock.sleep(RECALL_AFTER - 0.1)
    assert keeper.members is None
    stage.clock.sleep(0.2)
    assert (keeper.state, keeper.members) == (PENDING, members(1))
    keeper.close()
    assert stage.clock.timers == []


# --- what is believed


def test_a_first_list_is_believed_whatever_it_says(stage: Stage) -> None:
    assert (stage.keeper.state, stage.keeper.members, stage.keeper.revision) == (PENDING, None, "")
    stage.lists()
    assert (stage.keeper.state, stage.told, stage.keeper.revision) == (LISTED, [()], "7")
    stage.lists(1)
    assert stage.told == [(), members(1)]


def test_an_equal_list_is_no_change(stage: Stage) -> None:
    stage.lists(1, 2)
    stage.lists(1, 2)
    assert (stage.told, stage.keeper.listings, stage.keeper.changes) == ([members(1, 2)], 2, 0)


def test_an_empty_list_after_a_full_one_changes_nothing(stage: Stage) -> None:
    stage.lists(1, 2)
    stage.lists()
    stage.clock.sleep(1e6)
    assert (stage.keeper.state, stage.keeper.cause, stage.keeper.members) == (DOUBTED, "empty", members(1, 2))
    stage.lists()
    assert stage.events == ["a list of members is not believed"]
    stage.lists(3)
    assert (stage.keeper.state, stage.keeper.cause, stage.keeper.members) == (LISTED, "", members(3))


def test_or_is_believed_where_that_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, empty="believe")
    stage.lists(1, 2)
    stage.lists()
    assert (stage.keeper.state, stage.keeper.members) == (LISTED, ())


def test_a_list_that_leaves_few_is_believed_when_it_still_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, min_share=0.5, patience=30.0)
    stage.lists(1, 2, 3, 4)
    stage.lists(1, 2)
    assert stage.keeper.members == members(1, 2)  # a half is enough
    stage.lists(1, 2, 3, 4)
    stage.lists(5)
    assert (stage.keeper.state, stage.keeper.cause) == (DOUBTED, "min_share")
    stage.clock.sleep(29.0)
    stage.lists(6)
    assert stage.keeper.members == members(1, 2, 3, 4)
    stage.clock.sleep(1.1)
    assert (stage.keeper.state, stage.keeper.members) == (LISTED, members(6))
    assert stage.clock.timers == []


def test_one_that_has_more_again_in_time_is_believed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, min_share=0.5)
    stage.lists(1, 2, 3, 4)
    stage.lists(1)
    stage.lists(1, 5)
    assert (stage.keeper.state, stage.keeper.members) == (LISTED, members(1, 5))
    stage.clock.sleep(10.0)
    stage.lists()
    assert stage.keeper.cause == "empty"


def test_an_empty_one_with_believe_and_a_share_is_doubted_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(monkeypatch, empty="believe", min_share=0.1)
    stage.lists(1)
    stage.lists()
    assert stage.keeper.members == members(1)
    stage.clock.sleep(31.0)
    assert stage.keeper.members == ()


def test_entries_that_are_no_members_are_told_once(stage: Stage) -> None:
    bad = tuple(Skipped(f"/services/{number}", "has no port") for number in range(1000))
    stage.keeper.take(Listing(members(1), bad))
    stage.keeper.take(Listing(members(1, 2), bad))
    assert len(stage.lines) == 1 and len(stage.keeper.skipped) == 1000
    _, level, fields = stage.lines[0]
    assert (level, len(fields["entries"]), fields["more"]) == ("warning", 5, 995)
    stage.keeper.take(Listing(members(1), (*bad, Skipped("/services/x" * 1000, "is no address"))))
    assert len(stage.lines) == 2 and len(stage.lines[1][2]["entries"][0]) < 200


# --- those that come and go


def test_a_member_that_comes_and_goes_is_left_out_for_a_while(stage: Stage) -> None:
    for _ in range(4):
        stage.lists(1, 2)
        stage.lists(1)
        stage.clock.sleep(0.5)
    stage.lists(1, 2)
    assert stage.keeper.members == members(1) and stage.keeper.damped == (Address("10.0.0.1", 2),)
    assert stage.events == ["members that come and go are left out for a while"]
    stage.clock.sleep(61.0)
    assert stage.keeper.members == members(1, 2) and stage.keeper.damped == ()
    assert stage.clock.timers == []


def test_who_is_left_out_is_told_once_and_of_many_a_few(stage: Stage) -> None:
    many = range(2, 1002)
    for _ in range(8):
        stage.lists(1, *many)
        stage.lists(1)
    stage.lists(1, *many)
    [(_, level, fields)] = stage.lines
    assert (level, len(fields["members"]), fields["more"]) == ("warning", 5, 995)
    stage.clock.sleep(200.0)
    assert stage.keeper.damped == ()
    for _ in range(4):
        stage.lists(1)
        stage.lists(1, *many)
    assert len(stage.lines) == 2


def test_one_that_restarts_now_and_then_is_not(stage: Stage) -> None:
    for _ in range(20):
        stage.lists(1, 2)
        stage.lists(1)
        stage.clock.sleep(20.0)
        stage.lists(1, 2)
        assert stage.keeper.members == members(1, 2)
        stage.clock.sleep(20.0)


def test_where_all_come_and_go_none_is_left_out(stage: Stage) -> None:
    for _ in range(9):
        stage.lists(1)
        stage.lists(2)
    stage.lists(1)
    assert stage.keeper.members == members(1)


def test_the_memory_of_who_has_left_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PENALTIES_MOST", 10)
    penalties = Penalties()
    for number in range(100):
        penalties.leave(Address("10.0.0.1", number), float(number) / 100)
    assert len(penalties._known) == 10
    for number in range(100, 200):
        penalties.leave(Address("10.0.0.1", number), 1000.0 + number)
    assert len(penalties._known) <= 10 and not penalties.is_damped(Address("10.0.0.1", 1), 1000.0)


numbers = st.sets(st.integers(1, 6))


@settings(max_examples=200)
@given(st.lists(st.tuples(numbers, st.floats(0.0, 50.0)), min_size=1, max_size=30), st.sampled_from([0.0, 0.5, 1.0]))
def test_whatever_is_listed(steps: list[tuple[set[int], float]], share: float) -> None:
    """Nobody is a member who was never listed, nobody left means nobody was ever listed, and a quiet time heals everything."""
    with pytest.MonkeyPatch.context() as monkeypatch:
        stage = Stage(monkeypatch, min_share=share)
        ever: set[int] = set()
        for listed, pause in steps:
            stage.lists(*sorted(listed))
            ever |= listed
            stage.clock.sleep(pause)
            found = {one.address.port for one in stage.keeper.members or ()}
            assert found <= ever and bool(found) == bool(ever)
        stage.clock.sleep(1000.0)
        last = steps[-1][0]
        if last:
            assert stage.keeper.members == members(*sorted(last)) and stage.keeper.state == LISTED
        assert stage.clock.timers == []


# --- when it is asked again


class Failing:
    """A source that fails, unless it has something to say."""

    def __init__(self, *listings: Listing, error: Exception | None = None) -> None:
        self.listings = list(listings)
        self.error = error or SourceError("refused", "nobody is there")
        self.asked = 0

    async def watch(self, tell: Tell) -> None:
        self.asked += 1
        if self.listings:
            tell(self.listings.pop(0))
        raise self.error

    def __str__(self) -> str:
        return "failing"


def pauses_of(source: Failing, monkeypatch: pytest.MonkeyPatch, count: int, lasts: float = 0.0) -> tuple[Any, ...]:
    """The pauses that a keeper makes, itself, and the lines it has written; each watch lasts so long."""
    pauses: list[float] = []
    lines: list[Any] = []
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += lasts
        return now

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)
        if len(pauses) == count:
            raise asyncio.CancelledError

    async def story() -> SourceKeeper:
        keeper = SourceKeeper(
            source, BeliefSettings(), lambda: None, lambda *line: lines.append(line), lambda: 1.0, clock, lambda: 5.0
        )
        keeper.begin()
        task: Coroutine[Any, Any, Any] = keeper._task  # type: ignore[assignment]
        with pytest.raises(asyncio.CancelledError):
            await task
        keeper.close()
        return keeper

    monkeypatch.setattr(module.asyncio, "sleep", sleep)
    keeper = asyncio.run(story())
    return pauses, keeper, [line[0] for line in lines]


def test_a_source_that_fails_is_asked_again_after_pauses_that_grow(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses, keeper, events = pauses_of(Failing(), monkeypatch, 9)
    assert [round(one / 0.9, 3) for one in pauses] == [0.5, 1, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5, 1.5]
    assert (keeper.state, keeper.cause, keeper.failures, keeper.members) == (FAILING, "refused", 9, None)
    assert events == ["members cannot be listed"] and keeper.was_asked.is_set()


def test_one_that_says_how_soon_is_asked_then(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses, *_ = pauses_of(Failing(error=SourceError("invalid", "no list", 2.0)), monkeypatch, 5)
    assert [round(one / 0.9, 3) for one in pauses] == [2.0] * 5


def test_one_that_went_well_for_long_after_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses, *_ = pauses_of(Failing(), monkeypatch, 4, lasts=11.0)
    assert [round(one / 0.9, 3) for one in pauses] == [0.5] * 4


def test_what_it_has_listed_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Failing(Listing(members(1)), Listing(members(1, 2)))
    _, keeper, events = pauses_of(source, monkeypatch, 5)
    assert keeper.members == members(1, 2) and keeper.state == FAILING
    assert events == ["members cannot be listed", "members are listed again", "members cannot be listed"]


@pytest.mark.parametrize("error", [ValueError("a bug"), KeyError(1)])
def test_a_bug_of_it_ends_nothing(error: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    _, keeper, _ = pauses_of(Failing(error=error), monkeypatch, 3)
    assert keeper.cause == "failed" and repr(error) in keeper.detail


def test_so_does_a_source_that_just_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    class Ending(Failing):
        async def watch(self, tell: Tell) -> None:
            """At once."""

    _, keeper, _ = pauses_of(Ending(), monkeypatch, 2)
    assert keeper.cause == "ended"
