"""Cells of times that are read and changed: whoever is faster, it is the last word that is changed."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from fastgw.core.live import words
from fastgw.core.live.board import KEYED_TIMES, Board, blank
from fastgw.core.live.holds import find
from fastgw.core.live.meters import NoRoomError
from fastgw.core.live.readings import change, peek, read

NOW = 5 * 10**9


@pytest.fixture
def board() -> Iterator[Board]:
    fd = os.memfd_create("board")
    os.ftruncate(fd, words.BOARD_BYTES)
    os.pwrite(fd, blank(bytes(16)), 0)
    found = Board(fd)
    yield found
    found.close()
    os.close(fd)


def test_a_key_gets_a_cell_and_keeps_it(board: Board) -> None:
    first = read(board, KEYED_TIMES, 7, lambda: NOW)
    assert (first.value, first.now) == (0, NOW)
    assert change(board, KEYED_TIMES, 7, lambda: NOW, lambda value, now: now + value + 9) == NOW + 9
    again = read(board, KEYED_TIMES, 7, lambda: NOW)
    assert (again.cell, again.value) == (first.cell, NOW + 9)


def test_what_changes_nothing_writes_nothing(board: Board) -> None:
    assert change(board, KEYED_TIMES, 7, lambda: NOW, lambda value, now: value) == 0


def test_who_was_slower_makes_it_of_what_is_there_now(board: Board) -> None:
    seen: list[int] = []

    def after(value: int, now: int) -> int:
        if not seen:
            cell = read(board, KEYED_TIMES, 7, lambda: NOW).cell
            assert board.compare_and_swap(cell, value, NOW + 100)
        seen.append(value)
        return value + 1

    assert change(board, KEYED_TIMES, 7, lambda: NOW, after) == NOW + 101
    assert seen == [0, NOW + 100]


def test_without_room_nothing_is_known(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastgw.core.live.readings.TRIES", 0)
    with pytest.raises(NoRoomError):
        read(board, KEYED_TIMES, 7, lambda: NOW)
    with pytest.raises(NoRoomError):
        change(board, KEYED_TIMES, 7, lambda: NOW, lambda value, now: now)
    with pytest.raises(NoRoomError):
        peek(board, KEYED_TIMES, 7)


def test_who_only_looks_makes_no_cell(board: Board) -> None:
    assert peek(board, KEYED_TIMES, 77) == 0
    assert find(board.cells, KEYED_TIMES, 77) < 0
    change(board, KEYED_TIMES, 77, lambda: 5, lambda value, now: now + 4)
    assert peek(board, KEYED_TIMES, 77) == 9
