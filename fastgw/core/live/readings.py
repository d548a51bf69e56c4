"""Cells of times, read and changed by whoever makes another number of them: leases (``live.leases``, ``live.grants``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from fastgw.core.live.holds import find
from fastgw.core.live.meters import TRIES, Clock, NoRoomError

if TYPE_CHECKING:
    from fastgw.core.live.board import Board, Table


class Reading(NamedTuple):
    """A cell of times, and what was in it when."""

    cell: int
    value: int
    now: int  #: nanoseconds, read behind the value


def read(board: Board, table: Table, key: int, clock: Clock) -> Reading:
    """The cell of ``key``, which gets one if it has none.

    Raises:
        NoRoomError: there is no room for it.
    """
    for _ in range(TRIES):
        cell = find(board.cells, table, key)
        if cell < 0:
            cell = board.claim(table, key, lambda spent: _retire(board, spent, clock), clock())
            if cell < 0:
                break
        value = board.read(cell)
        if board.has_key(cell, key):  # after the value: the head of ``board`` says why
            return Reading(cell, value, clock())
    raise NoRoomError


def peek(board: Board, table: Table, key: int) -> int:
    """What is in the cell of ``key``; 0: it has none.

    Raises:
        NoRoomError: others are always faster.
    """
    for _ in range(TRIES):
        cell = find(board.cells, table, key)
        if cell < 0:
            return 0
        value = board.read(cell)
        if board.has_key(cell, key):
            return value
    raise NoRoomError


def change(board: Board, table: Table, key: int, clock: Clock, after: Callable[[int, int], int]) -> int:
    """Make ``after(value, now)`` of the cell of ``key``, whoever else changes it; what it is then.

    Raises:
        NoRoomError: there is no room for it.
    """
    for _ in range(TRIES):
        seen = read(board, table, key, clock)
        wanted = after(seen.value, seen.now)
        if wanted == seen.value or board.compare_and_swap(seen.cell, seen.value, wanted):
            return wanted
    raise NoRoomError


def _retire(board: Board, cell: int, clock: Clock) -> bool:
    time, now = board.read(cell), clock()
    return time < now and board.compare_and_swap(cell, time, now)
