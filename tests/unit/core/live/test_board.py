"""The board: its memory, keys and their tables, seats."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from fastgw.core.live.board import ATTEMPTS, CLOSING, KEYED, NAMED, Board, Table, blank
from fastgw.core.live.holds import find
from fastgw.core.live.words import BOARD_BYTES, CELLS, FORM, HELD_SHIFT, KEYS_AT, VALUES_AT

SMALL = Table(100, 4)


def memory() -> int:
    fd = os.memfd_create("board")
    os.ftruncate(fd, BOARD_BYTES)
    os.pwrite(fd, blank(b"0123456789abcdef"), 0)
    return fd


@pytest.fixture
def fd() -> Iterator[int]:
    found = memory()
    yield found
    os.close(found)


@pytest.fixture
def boards(fd: int) -> Iterator[Callable[[], Board]]:
    """Every call is another process at the same board."""
    made: list[Board] = []

    def make() -> Board:
        made.append(Board(fd))
        return made[-1]

    yield make
    for board in made:
        board.close()


def never(_: int) -> bool:
    raise AssertionError("nothing is to be given away")


def renew(board: Board) -> Callable[[int], bool]:
    return lambda cell: board.compare_and_swap(cell, board.read(cell), board.read(cell) + 1)


def test_a_cell_is_everybody_s(boards: Callable[[], Board]) -> None:
    one, other = boards(), boards()
    assert one.read(5) == 0
    assert one.compare_and_swap(5, 0, 7)
    assert other.read(5) == 7
    assert not other.compare_and_swap(5, 0, 8)
    assert one.read(5) == 7


def test_a_key_gets_one_cell_whoever_asks(boards: Callable[[], Board]) -> None:
    one, other = boards(), boards()
    key = 77
    assert find(one.cells, NAMED, key) == -1
    cell = one.claim(NAMED, key, never)
    assert NAMED.start <= cell < NAMED.start + NAMED.size
    assert find(other.cells, NAMED, key) == other.claim(NAMED, key, never) == cell
    assert other.has_key(cell, key) and not other.has_key(cell, key + 1)
    keyed = other.claim(KEYED, key, never)
    assert KEYED.start <= keyed < CELLS


def test_keys_in_each_other_s_way_have_cells_side_by_side(boards: Callable[[], Board]) -> None:
    board = boards()
    keys = [SMALL.size * number + 3 for number in range(4)]  # all at home at the last place
    cells = [board.claim(SMALL, key, never) for key in keys]
    assert cells == [103, 100, 101, 102]
    assert [find(board.cells, SMALL, key) for key in keys] == cells


def fill(board: Board) -> list[int]:
    """Four keys that are held."""
    keys = list(range(8, 12))
    for key in keys:
        board.compare_and_swap(board.claim(SMALL, key, never), 0, 1 << HELD_SHIFT)
    return keys


def test_a_full_table_has_no_room_and_loses_nobody(boards: Callable[[], Board]) -> None:
    board = boards()
    keys = fill(board)
    assert board.claim(SMALL, 13, never) == -1
    assert find(board.cells, SMALL, 13) == -1
    assert all(find(board.cells, SMALL, key) >= 0 for key in keys)


def test_only_a_spent_cell_is_given_to_another_key(boards: Callable[[], Board]) -> None:
    board = boards()
    keys = fill(board)
    spent = find(board.cells, SMALL, keys[2])
    board.compare_and_swap(spent, 1 << HELD_SHIFT, 77)
    assert board.claim(SMALL, 13, renew(board)) == spent
    assert find(board.cells, SMALL, 13) == spent and find(board.cells, SMALL, keys[2]) == -1
    assert board.read(spent) == 78
    assert [find(board.cells, SMALL, key) >= 0 for key in keys] == [True, True, False, True]


def test_a_cell_that_is_held_again_while_it_is_taken_away_keeps_its_key(boards: Callable[[], Board]) -> None:
    board, other = boards(), boards()
    keys = fill(board)
    spent = find(board.cells, SMALL, keys[2])
    board.compare_and_swap(spent, 1 << HELD_SHIFT, 0)
    seen = []

    def somebody_is_faster(cell: int) -> bool:
        seen.append((cell, find(other.cells, SMALL, keys[2])))  # nobody finds it meanwhile
        return False

    assert board.claim(SMALL, 13, somebody_is_faster) == -1
    assert seen == [(spent, -1)]
    assert find(other.cells, SMALL, keys[2]) == spent


def test_a_place_whose_change_was_not_ended_is_as_it_was(boards: Callable[[], Board]) -> None:
    board, other = boards(), boards()
    keys = fill(board)
    spent = find(board.cells, SMALL, keys[2])
    board.compare_and_swap(spent, 1 << HELD_SHIFT, 0)

    def die(_: int) -> bool:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        board.claim(SMALL, 13, die)
    assert board.cells.load(KEYS_AT + spent) == keys[2] | CLOSING
    assert other.claim(SMALL, keys[2], never) == spent
    assert find(other.cells, SMALL, keys[2]) == spent


def test_a_table_that_others_keep_locked_has_no_room(
    boards: Callable[[], Board], monkeypatch: pytest.MonkeyPatch
) -> None:
    board, other = boards(), boards()
    waits: list[None] = []
    monkeypatch.setattr(os, "sched_yield", lambda: waits.append(None))
    found: list[int] = []

    def meanwhile(_: int) -> bool:
        found.append(other.claim(SMALL, 99, never))
        found.append(other.claim(NAMED, 99, never))  # which has a lock of its own
        return False

    for key in range(4):
        board.claim(SMALL, key + 8, never)
    board.claim(SMALL, 13, meanwhile)
    assert found[0] == -1 and found[1] >= 0
    assert len(waits) == ATTEMPTS * 4  # it was asked about each of the four places


def test_a_seat_is_one_s_until_he_leaves(fd: int, boards: Callable[[], Board]) -> None:
    one, other = Board(fd), boards()
    assert one.lock_seat(3)
    assert not other.lock_seat(3)
    assert other.lock_seat(4)
    other.unlock_seat(4)
    assert one.lock_seat(4)
    one.close()
    assert other.lock_seat(3) and other.lock_seat(4)


def test_looking_at_the_board_does_not_use_memory(fd: int, boards: Callable[[], Board]) -> None:
    board = boards()
    assert board.used(NAMED) == 0
    before = os.fstat(fd).st_blocks
    board.compare_and_swap(2000, 0, 1 << HELD_SHIFT)
    board.compare_and_swap(2001, 0, 99)  # nobody holds it
    board.compare_and_swap(CELLS - 1, 0, 5 << HELD_SHIFT)
    board.compare_and_swap(CELLS - 2, 0, 5 << HELD_SHIFT)
    assert board.used(NAMED) == 1
    assert board.used(KEYED) == 2
    assert list(board.written(VALUES_AT, 2001)) == [(2000, 1 << HELD_SHIFT)]
    assert os.fstat(fd).st_blocks - before < 100


@pytest.mark.parametrize(
    ("header", "size", "problem"),
    [
        (b"", BOARD_BYTES, "another version"),
        (bytes(64), BOARD_BYTES, "another version"),
        (blank(bytes(16)), BOARD_BYTES // 2, "another version"),
        (blank(bytes(16))[:8] + b"\7" + bytes(23), BOARD_BYTES, "the other form"),
    ],
)
def test_what_is_no_board_of_ours_is_not_used(header: bytes, size: int, problem: str) -> None:
    fd = os.memfd_create("board")
    os.ftruncate(fd, size)
    os.pwrite(fd, header, 0)
    with pytest.raises(OSError, match=problem):
        Board(fd)
    os.close(fd)


def test_a_board_that_cannot_be_mapped_leaves_nothing_open(fd: int) -> None:
    def make(own: int, _: int) -> Any:
        made.append(own)
        raise OSError("no memory")

    made: list[int] = []
    with pytest.raises(OSError, match="no memory"):
        Board(fd, make)
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(made[0])


def test_the_header_tells_the_form() -> None:
    fd = memory()
    board = Board(fd)
    assert board.cells.load(FORM) == type(board.cells).form
    assert blank(bytes(16))[8:16] == type(board.cells).form.to_bytes(8, sys.byteorder)
    board.close()
    os.close(fd)
