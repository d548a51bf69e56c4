"""Holding places on the board: counts, refusals, deaths.  ``test_holds_stories.py`` lets processes die at every step."""

from __future__ import annotations

import multiprocessing
import os
import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from fastgw.core.live.board import CLOSING, NAMED, Board, Table, blank
from fastgw.core.live.holds import Seat, settle, sit_down
from fastgw.core.live.words import BOARD_BYTES, HELD_SHIFT, MAX_HELD, NO_ROOM, REFUSED, SEATS

SMALL = Table(0, 2)
KEY, OTHER, THIRD = 4, 5, 6


@pytest.fixture
def fd() -> Iterator[int]:
    found = os.memfd_create("board")
    os.ftruncate(found, BOARD_BYTES)
    os.pwrite(found, blank(bytes(16)), 0)
    yield found
    os.close(found)


@pytest.fixture
def arrive(fd: int) -> Iterator[Callable[[], Seat]]:
    """Every call is another process, with a seat."""
    made: list[Seat] = []

    def make() -> Seat:
        made.append(sit_down(Board(fd)))
        return made[-1]

    yield make
    for seat in made:
        seat.board.close()


@pytest.fixture
def supervisor(fd: int) -> Iterator[Board]:
    board = Board(fd)
    yield board
    board.close()


def count(board: Board, cell: int) -> int:
    return board.read(cell) >> HELD_SHIFT


def test_as_many_as_may_hold_a_key_do_and_no_more(arrive: Callable[[], Seat]) -> None:
    one, other = arrive(), arrive()
    assert one.number != other.number
    cell = one.take(NAMED, KEY, 2)
    assert other.take(NAMED, KEY, 2) == cell
    assert one.take(NAMED, KEY, 2) == other.take(NAMED, KEY, 2) == REFUSED
    assert one.held(cell) == other.held(cell) == 1
    one.give(cell)
    assert other.take(NAMED, KEY, 2) == cell
    assert (one.held(cell), other.held(cell)) == (0, 2)
    other.give(cell)
    other.give(cell)
    assert count(one.board, cell) == 0


def test_the_limit_is_the_caller_s_and_may_change(arrive: Callable[[], Seat]) -> None:
    one = arrive()
    cells = [one.take(NAMED, KEY, 4) for _ in range(4)]
    assert one.take(NAMED, KEY, 2) == REFUSED
    for cell in cells[:3]:
        one.give(cell)
    assert one.take(NAMED, KEY, 2) == cells[0]
    assert one.take(NAMED, KEY, 5) == cells[0]


def test_a_key_is_the_same_everywhere_and_another_on_another_board(arrive: Callable[[], Seat]) -> None:
    one, other = arrive(), arrive()
    assert one.key_of(b"limit", b"x") == other.key_of(b"limit", b"x")
    assert len({one.key_of(b"ab", b"c"), one.key_of(b"a", b"bc"), one.key_of(b"abc"), one.key_of(b"abc", b"")}) == 4
    assert 0 < one.key_of(b"limit", b"x") < CLOSING
    before = one.key_of(b"limit", b"x")
    one.board.seed = b"another seed...!"
    assert one.key_of(b"limit", b"x") != before


def test_keys_are_counted_each_by_itself(arrive: Callable[[], Seat]) -> None:
    one = arrive()
    assert one.take(NAMED, KEY, 1) >= 0
    assert one.take(NAMED, OTHER, 1) >= 0
    assert one.take(NAMED, KEY, 1) == one.take(NAMED, OTHER, 1) == REFUSED


def test_a_table_has_room_again_when_a_key_is_not_held(arrive: Callable[[], Seat]) -> None:
    one, other = arrive(), arrive()
    cell = one.take(SMALL, KEY, 9)
    other.take(SMALL, OTHER, 9)
    assert one.take(SMALL, THIRD, 9) == NO_ROOM
    one.give(cell)
    assert other.take(SMALL, THIRD, 9) == cell
    assert one.take(SMALL, KEY, 9) == NO_ROOM
    assert count(one.board, cell) == other.held(cell) == 1


def test_who_has_found_a_cell_that_changes_its_key_looks_again(arrive: Callable[[], Seat]) -> None:
    one, other = arrive(), arrive()
    cell = one.take(SMALL, KEY, 9)
    one.give(cell)
    other.take(SMALL, OTHER, 9)
    swap = one._swap
    seen: list[Any] = []

    def slowly(*arguments: Any) -> bool:
        """Between the look at the key and the swap the place becomes another key's, which nobody holds any more."""
        if not seen:
            seen.append(other.take(SMALL, THIRD, 9))
            other.give(seen[0])
        return swap(*arguments)

    class Slow(Seat):
        _swap = staticmethod(slowly)  # type: ignore[assignment]

    slow = Slow(one.board, one.number)
    found = slow.take(SMALL, KEY, 9)
    assert seen == [cell]
    assert one.board.has_key(found, KEY)
    assert count(one.board, found) == 1


def test_what_a_dead_process_held_is_given_back(arrive: Callable[[], Seat], supervisor: Board) -> None:
    dead, alive = arrive(), arrive()
    cells = [dead.take(NAMED, KEY, 5), dead.take(NAMED, KEY, 5), dead.take(NAMED, OTHER, 5)]
    alive.take(NAMED, KEY, 5)
    assert settle(supervisor) == 0  # they live
    dead.board.close()
    assert settle(supervisor) == 3
    assert count(supervisor, cells[0]) == alive.held(cells[0]) == 1
    assert count(supervisor, cells[2]) == 0
    assert settle(supervisor) == 0


def test_a_seat_is_settled_by_the_next_who_sits_there(arrive: Callable[[], Seat]) -> None:
    dead = arrive()
    cell = dead.take(NAMED, KEY, 1)
    dead.board.close()
    following = arrive()
    assert following.number == dead.number
    assert following.take(NAMED, KEY, 1) == cell
    assert following.held(cell) == 1


def test_a_seat_left_in_order_is_clean(arrive: Callable[[], Seat], supervisor: Board) -> None:
    one = arrive()
    assert one.is_clean
    one.give(one.take(NAMED, KEY, 1))
    assert not one.is_clean  # who knows
    one.board.close()
    assert settle(supervisor) == 0
    assert arrive().is_clean


def test_what_nobody_holds_cannot_be_given_back(arrive: Callable[[], Seat]) -> None:
    one = arrive()
    cell = one.take(NAMED, KEY, 1)
    one.give(cell)
    with pytest.raises(RuntimeError, match="nobody holds it"):
        one.give(cell)
    assert one.take(NAMED, KEY, 1) == cell


def test_all_seats_taken(arrive: Callable[[], Seat], supervisor: Board) -> None:
    for number in range(SEATS):
        supervisor.lock_seat(number)
    with pytest.raises(OSError, match="all 512 seats"):
        arrive()
    supervisor.unlock_seat(SEATS - 1)
    assert arrive().number == SEATS - 1


def test_a_cell_can_be_held_very_often(arrive: Callable[[], Seat]) -> None:
    one, other = arrive(), arrive()
    cell = one.take(NAMED, KEY, MAX_HELD)
    full = one.board.read(cell) | MAX_HELD << HELD_SHIFT
    one.board.compare_and_swap(cell, one.board.read(cell), full)
    assert one.take(NAMED, KEY, MAX_HELD) == other.take(NAMED, KEY, MAX_HELD) == REFUSED


# --- real processes

PROCESSES, ROUNDS, LIMIT, KEYS = 4, 1_500, 3, 7


def _worker(path: str, number: int, is_begun: Any, inside: Any, worst: Any) -> None:
    """Take and give places of a few keys, and count who is inside by other means."""
    seat = sit_down(Board(os.open(path, os.O_RDWR)))
    chance = random.Random(number)
    table = Table(50, 5)  # fewer places than keys: they are given away all the time
    is_begun.wait()
    for _ in range(ROUNDS):
        key = chance.randrange(1, KEYS)
        cell = seat.take(table, key, LIMIT)
        if cell < 0:
            continue
        with inside.get_lock():
            inside[key] += 1
            worst[key] = max(worst[key], inside[key])
        if chance.random() < 0.2:
            os.sched_yield()
        with inside.get_lock():
            inside[key] -= 1
        seat.give(cell)


def _victim(path: str, is_ready: Any) -> None:
    """Take and give for ever, to be killed somewhere."""
    seat = sit_down(Board(os.open(path, os.O_RDWR)))
    is_ready.set()
    while True:
        cells = [seat.take(NAMED, KEY, LIMIT * PROCESSES) for _ in range(LIMIT)]
        for cell in cells:
            if cell >= 0:
                seat.give(cell)


def path_of(fd: int) -> str:
    return f"/proc/{os.getpid()}/fd/{fd}"


def test_processes_never_hold_more_than_the_limit(fd: int, supervisor: Board) -> None:
    context = multiprocessing.get_context("spawn")
    is_begun = context.Barrier(PROCESSES)
    inside, worst = context.Array("i", KEYS), context.Array("i", KEYS, lock=False)
    processes = [
        context.Process(target=_worker, args=(path_of(fd), number, is_begun, inside, worst))
        for number in range(PROCESSES)
    ]
    for one in processes:
        one.start()
    for one in processes:
        one.join(50)
    assert [one.exitcode for one in processes] == [0] * PROCESSES
    assert max(worst) <= LIMIT
    assert max(worst) >= 2  # they did meet
    assert supervisor.used(NAMED) == 0


def test_processes_that_are_killed_anywhere_leave_nothing_held(
    fd: int, arrive: Callable[[], Seat], supervisor: Board
) -> None:
    context = multiprocessing.get_context("spawn")
    with ExitStack() as stack:  # they never end by themselves
        victims = []
        for _ in range(PROCESSES):
            is_ready = context.Event()
            victims.append(context.Process(target=_victim, args=(path_of(fd), is_ready)))
            victims[-1].start()
            stack.callback(victims[-1].kill)
            assert is_ready.wait(30)
        ours = arrive()
        for victim in victims:
            for _ in range(50):
                cell = ours.take(NAMED, KEY, LIMIT * PROCESSES * 2)
                ours.give(cell)
            victim.kill()
            victim.join(20)
            settle(supervisor)
    assert supervisor.used(NAMED) == 0
    assert count(supervisor, cell) == 0
