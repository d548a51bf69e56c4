"""Tabs of amounts on the board: taken, given back, and whoever else is faster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from fastgw.core.live import meters, readings, tabs, words
from fastgw.core.live.board import KEYED_TIMES, Board, Table, blank
from fastgw.core.live.meters import NoRoomError, admit
from fastgw.core.live.tabs import Tab
from fastgw.policy.amounts import Amounts

SECOND = 10**9
RATE = Amounts(100, SECOND, 50)


class Clock:
    """Goes on when a test says so."""

    def __init__(self) -> None:
        self.now = 5 * SECOND

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Racing(Board):
    """Somebody else is faster, as often as a test says."""

    faster: list[Callable[[], None]]

    def compare_and_swap(self, cell: int, old: int, new: int) -> bool:
        if self.faster:
            self.faster.pop()()
        return super().compare_and_swap(cell, old, new)


@pytest.fixture
def board() -> Iterator[Racing]:
    fd = os.memfd_create("board")
    os.ftruncate(fd, words.BOARD_BYTES)
    os.pwrite(fd, blank(bytes(16)), 0)
    found = Racing(fd)
    found.faster = []
    yield found
    found.close()
    os.close(fd)


def tab(board: Board, clock: Clock, takes: int, needs: int = 1, key: int = 7, table: Table = KEYED_TIMES) -> Tab:
    return Tab(board, table, key, RATE, clock, needs, takes)


def left(board: Board, clock: Clock, key: int = 7) -> int:
    found = tab(board, clock, 0, key=key)
    found.look()
    return RATE.left(found.time, found.now)


def test_an_exchange_takes_what_it_is_assumed_to_use_and_settles(board: Racing, clock: Clock) -> None:
    one = tab(board, clock, 20, 20)
    assert admit([one]) == []
    assert left(board, clock) == 30
    one.settle(5)
    assert left(board, clock) == 45
    two = tab(board, clock, 0)
    assert admit([two]) == []
    two.settle(195)
    assert left(board, clock) == 0
    three = tab(board, clock, 0)
    assert admit([three]) == [three]
    assert three.wait == 1_510_000_000  # until it owes nothing, and has one more
    clock.now += 1_510_000_000
    assert admit([three]) == []


def test_what_is_needed_is_there(board: Racing, clock: Clock) -> None:
    assert admit([tab(board, clock, 40, 40)]) == []
    refused = tab(board, clock, 11, 11)
    assert admit([refused]) == [refused]
    assert left(board, clock) == 10
    assert admit([tab(board, clock, 500, 1)]) == []  # more than there is may be taken where it is known to be used
    assert left(board, clock) == 0


def test_one_that_refuses_leaves_the_others_alone(board: Racing, clock: Clock) -> None:
    """Also where it refuses only after the first has been charged."""
    first, second = tab(board, clock, 10, key=7), tab(board, clock, 10, 10, key=8)

    def drain() -> None:
        other = tab(board, clock, 50, key=8)
        assert other.look()
        assert other.charge()

    board.faster = [drain]
    assert admit([first, second]) == [second]
    assert left(board, clock, 7) == 50
    assert left(board, clock, 8) == 0


def test_nothing_is_lost_when_others_are_faster(board: Racing, clock: Clock) -> None:
    one = tab(board, clock, 20, 20)

    def other() -> None:
        more = tab(board, clock, 7)
        assert more.look()
        assert more.charge()

    board.faster = [other]
    assert admit([one]) == []
    board.faster = [other]
    one.settle(2)
    assert left(board, clock) == 50 - 2 - 14


def test_a_bucket_that_was_full_meanwhile_has_lost_its_place(board: Racing, clock: Clock) -> None:
    table = Table(KEYED_TIMES.start, 1)
    one = tab(board, clock, 20, 20, table=table)
    assert admit([one]) == []
    clock.now += SECOND
    assert admit([tab(board, clock, 50, key=9, table=table)]) == []
    one.settle(3)  # nothing to give back: it is full
    with pytest.raises(NoRoomError):
        one.settle(400)
    assert admit([tab(board, clock, 0, key=9, table=table)])
    one = tab(board, clock, 1, table=table)
    with pytest.raises(NoRoomError):
        admit([one])


def test_nobody_tries_for_ever(board: Racing, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tabs.TRIES == meters.TRIES
    monkeypatch.setattr(tabs, "TRIES", 3)

    def other() -> None:
        cell = readings.read(board, KEYED_TIMES, 7, clock)
        Board.compare_and_swap(board, cell.cell, cell.value, max(cell.value, clock.now) + 1)

    one = tab(board, clock, 5)
    assert one.look()
    board.faster = [other] * 3
    with pytest.raises(NoRoomError):
        one.charge()
    assert one.look()
    assert one.charge()
    board.faster = [other] * 9
    with pytest.raises(NoRoomError):
        one.settle(9)
    board.faster = [other] * 9
    one.undo()  # gives up
    assert not board.faster[6:]


def test_no_more_is_given_back_than_was_taken(board: Racing, clock: Clock) -> None:
    """A length that a client only claims can be larger than anything that is owed."""
    spent, downloading, claiming = tab(board, clock, 49), tab(board, clock, 0), tab(board, clock, 10**12)
    assert [admit([one]) for one in (spent, downloading, claiming)] == [[], [], []]
    assert not tab(board, clock, 1).look()
    downloading.settle(1000)
    claiming.settle(0)
    found = tab(board, clock, 1)
    assert not found.look()
    assert found.time - clock.now == RATE.span(49 + 1000)
