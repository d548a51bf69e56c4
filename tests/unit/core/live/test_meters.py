"""Rates on the board: one bucket for all, keys that come and go, and several limits at once."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.core.live import meters, words
from fastgw.core.live.board import KEYED_TIMES, NAMED_TIMES, Board, Table, blank
from fastgw.core.live.holds import find
from fastgw.core.live.meters import Meter, NoRoomError, admit
from fastgw.policy.gcra import Rate

SMALL = Table(KEYED_TIMES.start, 3)
START = 1_000_000


class Clock:
    """Goes on when a test says so."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> int:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def new_board() -> int:
    fd = os.memfd_create("board")
    os.ftruncate(fd, words.BOARD_BYTES)
    os.pwrite(fd, blank(bytes(16)), 0)
    return fd


@pytest.fixture
def fd() -> Iterator[int]:
    found = new_board()
    yield found
    os.close(found)


@pytest.fixture
def board(fd: int) -> Iterator[Board]:
    found = Board(fd)
    yield found
    found.close()


class Racing(Board):
    """Before each of its swaps, or readings, somebody else has a turn, as long as there is one."""

    def __init__(self, fd: int) -> None:
        super().__init__(fd)
        self.turns: list[Callable[[], object]] = []
        self.before_reading: list[Callable[[], object]] = []

    def read(self, cell: int) -> int:
        if self.before_reading:
            self.before_reading.pop(0)()
        return super().read(cell)

    def compare_and_swap(self, cell: int, old: int, new: int) -> bool:
        if self.turns:
            self.turns.pop(0)()
        return super().compare_and_swap(cell, old, new)


@pytest.fixture
def racing(fd: int) -> Iterator[Racing]:
    found = Racing(fd)
    yield found
    found.close()


def ask(board: Board, clock: Clock, rate: Rate, key: int = 7, table: Table = NAMED_TIMES) -> bool:
    return not admit([Meter(board, table, key, rate, clock)])


def asked(board: Board, clock: Clock, rate: Rate, times: int, **options: Any) -> int:
    """How many of so many are admitted."""
    return sum(ask(board, clock, rate, **options) for _ in range(times))


def test_a_bucket_is_full_and_fills_again(board: Board, clock: Clock) -> None:
    rate = Rate(1, 100, 3)
    assert asked(board, clock, rate, 5) == 3
    clock.now += 99
    assert asked(board, clock, rate, 2) == 0
    clock.now += 1
    assert asked(board, clock, rate, 2) == 1
    clock.now += 10_000
    assert asked(board, clock, rate, 9) == 3


def test_all_processes_have_one_bucket(fd: int, clock: Clock) -> None:
    boards = [Board(fd) for _ in range(3)]
    rate = Rate(1, 100, 5)
    assert [ask(one, clock, rate) for _ in range(3) for one in boards] == [True] * 5 + [False] * 4
    for one in boards:
        one.close()


def test_keys_have_buckets_of_their_own(board: Board, clock: Clock) -> None:
    rate = Rate(1, 100, 1)
    assert [ask(board, clock, rate, key) for key in (1, 2, 1, 3)] == [True, True, False, True]


def test_what_is_used_is_what_is_not_full(board: Board, clock: Clock) -> None:
    ask(board, clock, Rate(1, 100, 5), 1)
    ask(board, clock, Rate(1, 200, 5), 2)
    assert board.used(NAMED_TIMES, clock.now) == 2
    assert board.used(NAMED_TIMES, clock.now + 150) == 1
    assert board.used(NAMED_TIMES, clock.now + 200) == 0


# --- room


def test_a_full_bucket_leaves_its_place_to_another(board: Board, clock: Clock) -> None:
    rate = Rate(1, 100, 2)
    for key in (1, 2, 3):
        assert ask(board, clock, rate, key, SMALL)
    with pytest.raises(NoRoomError):
        ask(board, clock, rate, 4, SMALL)
    clock.now += 100  # it is full now, but not yet over: equal times are no new ones
    with pytest.raises(NoRoomError):
        ask(board, clock, rate, 4, SMALL)
    clock.now += 1
    assert asked(board, clock, rate, 3, key=4, table=SMALL) == 2
    assert sum(find(board.cells, SMALL, key) >= 0 for key in (1, 2, 3, 4)) == 3


def test_who_was_put_out_begins_with_a_full_bucket(board: Board, clock: Clock) -> None:
    rate = Rate(1, 100, 2)
    for key in (1, 2, 3):
        assert asked(board, clock, rate, 3, key=key, table=SMALL) == 2
    clock.now += 201
    for key in (4, 5, 6, 1):
        assert asked(board, clock, rate, 3, key=key, table=SMALL) == 2
        clock.now += 201


def test_a_place_that_gets_another_key_is_not_charged_by_who_saw_the_old_one(board: Board, clock: Clock) -> None:
    rate = Rate(1, 100, 2)
    for key in (1, 2, 3):
        ask(board, clock, rate, key, SMALL)
    clock.now += 101
    late = Meter(board, SMALL, 1, rate, clock)
    assert late.look()
    clock.now += 1
    assert Meter(board, SMALL, 4, rate, clock).look()  # which gets its place, and has not been charged
    assert find(board.cells, SMALL, 1) == -1
    assert late.charge()
    assert asked(board, clock, rate, 3, key=4, table=SMALL) == 2
    assert asked(board, clock, rate, 3, key=1, table=SMALL) == 1


def test_a_place_that_gets_another_key_before_it_is_read_is_looked_for_again(
    racing: Racing, board: Board, clock: Clock
) -> None:
    rate = Rate(1, 100, 2)
    for key in (1, 2, 3):
        ask(board, clock, rate, key, SMALL)
    clock.now += 101
    racing.before_reading = [lambda: asked(board, clock, rate, 2, key=4, table=SMALL)]
    assert asked(racing, clock, rate, 2, key=1, table=SMALL) == 2


# --- races


def test_who_is_too_slow_looks_again(racing: Racing, board: Board, clock: Clock) -> None:
    rate = Rate(1, 100, 3)
    racing.turns = [lambda: ask(board, clock, rate)] * 2
    assert ask(racing, clock, rate)
    assert not ask(board, clock, rate)


def test_who_is_too_slow_for_the_last_is_refused(racing: Racing, board: Board, clock: Clock) -> None:
    rate = Rate(1, 100, 1)
    racing.turns = [lambda: ask(board, clock, rate)]
    assert not ask(racing, clock, rate)


def test_nobody_tries_for_ever(racing: Racing, board: Board, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(meters, "TRIES", 5)
    rate = Rate(1, 100, 50)
    racing.turns = [lambda: ask(board, clock, rate)] * 5
    with pytest.raises(NoRoomError):
        ask(racing, clock, rate)
    assert asked(board, clock, rate, 50) == 45


def test_a_clock_that_went_back_costs_one_bucket(board: Board, clock: Clock) -> None:
    rate = Rate(1, 100, 3)
    clock.now = 10**15
    assert asked(board, clock, rate, 4) == 3
    clock.now = START
    assert not ask(board, clock, rate)
    clock.now += 300
    assert asked(board, clock, rate, 4) == 3


# --- several limits


def both(board: Board, clock: Clock, *rates: Rate) -> list[int]:
    """Ask for one; which of the limits refuse."""
    all_of = [Meter(board, NAMED_TIMES, key, rate, clock) for key, rate in enumerate(rates, 1)]
    return [all_of.index(one) for one in admit(all_of)]


def test_who_is_refused_by_one_is_charged_by_none(board: Board, clock: Clock) -> None:
    wide, narrow = Rate(1, 1000, 5), Rate(1, 10, 1)
    assert both(board, clock, wide, narrow) == []
    for _ in range(10):
        assert both(board, clock, wide, narrow) == [1]
    for _ in range(4):
        clock.now += 10
        assert both(board, clock, wide, narrow) == []
    assert both(board, clock, wide, narrow) == [0, 1]


def test_who_loses_a_race_gets_back_what_was_charged(racing: Racing, board: Board, clock: Clock) -> None:
    wide, narrow = Rate(1, 1000, 5), Rate(1, 10, 1)
    racing.turns = [lambda: None, lambda: ask(board, clock, narrow, 2)]
    assert both(racing, clock, wide, narrow) == [1]
    assert asked(board, clock, wide, 6, key=1) == 5


def test_a_charge_that_others_have_built_on_stays(racing: Racing, board: Board, clock: Clock) -> None:
    wide, narrow = Rate(1, 1000, 5), Rate(1, 10, 1)

    def turn() -> None:
        assert ask(board, clock, narrow, 2)
        assert ask(board, clock, wide, 1)

    racing.turns = [lambda: None, turn]
    assert both(racing, clock, wide, narrow) == [1]
    assert asked(board, clock, wide, 6, key=1) == 3


def test_without_room_for_one_none_is_charged(board: Board, clock: Clock) -> None:
    wide = Rate(1, 1000, 5)
    for key in (1, 2, 3):
        ask(board, clock, wide, key, SMALL)
    with pytest.raises(NoRoomError):
        admit([Meter(board, NAMED_TIMES, 1, wide, clock), Meter(board, SMALL, 4, wide, clock)])
    assert asked(board, clock, wide, 6, key=1) == 5


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 6)), min_size=1, max_size=3),
    st.lists(st.integers(0, 60), max_size=40),
)
def test_several_limits_admit_what_each_of_them_would(limits: list[tuple[int, int]], gaps: list[int]) -> None:
    """Beside a model that asks all buckets and takes from all of them or none."""
    fd = new_board()
    board, clock = Board(fd), Clock()
    try:
        rates = [Rate(1, interval, burst) for interval, burst in limits]
        full = [rate.depth for rate in rates]  # what is in a bucket, in nanoseconds
        for gap in gaps:
            clock.now += gap
            full = [min(rate.depth, has + gap) for rate, has in zip(rates, full, strict=True)]
            expected = [place for place, rate in enumerate(rates) if full[place] < rate.interval]
            assert both(board, clock, *rates) == expected
            if not expected:
                full = [has - rate.interval for rate, has in zip(rates, full, strict=True)]
    finally:
        board.close()
        os.close(fd)


# --- processes


def test_processes_that_race_admit_the_rate_and_not_one_more(fd: int) -> None:
    """All ask as fast as they can, for a while; the cells are those of the form under test.  The bucket is so large that a machine that
    stands still for a moment lets none of it run over; what counts is the time from the first question to the last: to its answer for
    what may be admitted, to its beginning for what must."""
    rate, processes, seconds = Rate(2000, 10**9, 1200), 4, 0.6
    pipes = []
    began = time.monotonic_ns()
    for _ in range(processes):
        reading, writing = os.pipe()
        child = os.fork()
        if not child:
            status = 1
            try:
                board, admitted = Board(fd), 0
                first = asked = last = time.monotonic_ns()
                while last < began + int(seconds * 1e9):
                    asked = last
                    admitted += not admit([Meter(board, NAMED_TIMES, 7, rate, time.monotonic_ns)])
                    last = time.monotonic_ns()
                os.write(writing, b"%d %d %d %d" % (admitted, first, asked, last))
                status = 0
            finally:
                os._exit(status)
        os.close(writing)
        pipes.append((child, reading))
    counts = []
    for child, reading in pipes:
        with os.fdopen(reading, "rb") as pipe:
            counts.append([int(one) for one in pipe.read().split()])
        assert os.waitpid(child, 0)[1] == 0
    admitted, firsts, asked, lasts = zip(*counts, strict=True)
    least = rate.burst + (max(asked) - min(firsts)) // rate.interval
    most = rate.burst + (max(lasts) - min(firsts)) // rate.interval + 1
    assert 0.95 * least < sum(admitted) <= most, counts
