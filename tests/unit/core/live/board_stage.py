"""Processes at one board, each a thread that does one access to shared memory when the test says so.

    stage = Stage()
    a, b = stage.process(), stage.process()
    a.begin("take", 7)
    a.run(3)            # three accesses, then it stands still
    b.do("take", 7)     # meanwhile this one does all of it
    a.kill()            # like kill -9: nothing after it happens, but the kernel takes its locks away

``Stage.look`` asserts what must hold, between any two accesses.
"""

from __future__ import annotations

import os
import threading
from typing import Any

from fastgw.core.live.board import CLOSING, NAMED, Board, Table, blank
from fastgw.core.live.cells import Cells
from fastgw.core.live.holds import Seat, settle, sit_down
from fastgw.core.live.words import (
    BOARD_BYTES,
    CELLS,
    GIVE,
    GIVE_ALL,
    HELD_SHIFT,
    KEYS_AT,
    LEDGERS_AT,
    SEAT_WORDS,
    SEATS_AT,
    TAKE,
    VALUES_AT,
)

TABLE = Table(10, 2)
PLACES = range(TABLE.start, TABLE.start + TABLE.size)
LIMIT = 2
SEATS_USED = 8
_SERIALS = (1 << 34) - 1
_CHANGE = (1 << HELD_SHIFT) - 1


class Died(BaseException):
    """Raised in a process that is killed."""


class _Cells(Cells):  # type: ignore[misc, unused-ignore]
    """Shared memory that waits for its turn before each access."""

    turn: Any = None

    def load(self, index: int) -> int:
        self.wait()
        return int(super().load(index))

    def store(self, index: int, value: int) -> Any:
        self.wait()
        return super().store(index, value)

    def compare_and_swap(self, index: int, old: int, new: int) -> bool:
        self.wait()
        return bool(super().compare_and_swap(index, old, new))

    def wait(self) -> None:
        if self.turn is not None:
            self.turn()


class Process:
    """One of them; it sits down when it first does something."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.seat: Seat | None = None
        self.has: list[tuple[int, int]] = []  #: (cell, key) it holds
        self.is_busy = False
        self.is_dead = False
        self.outcome: Any = None
        self._board = Board(stage.fd, _Cells)
        self._cells: Any = self._board.cells
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)

    def begin(self, act: str, key: int = 0) -> None:
        """Begin to ``take`` a key, to ``give`` back the last that was taken, or to ``settle``; stand in front of the first access."""
        assert not self.is_busy and not self.is_dead
        self.is_busy = True
        self._cells.turn = self._turn
        threading.Thread(target=self._run, args=(act, key), daemon=True).start()
        self._back.acquire()

    def run(self, steps: int) -> bool:
        """Do up to ``steps`` accesses; is it at the end?"""
        for _ in range(steps):
            if not self.is_busy:
                break
            self.stage.look()
            self._go.release()
            self._back.acquire()
        return not self.is_busy

    def do(self, act: str, key: int = 0) -> Any:
        """All of it at once; what it found."""
        self.begin(act, key)
        assert self.run(5000)
        return self.outcome

    def kill(self) -> None:
        """It ends where it is."""
        self.is_dead = True
        if self.is_busy:
            self._go.release()
            self._back.acquire()
        self._board.close()
        self.has.clear()
        self.stage.processes.remove(self)

    def _turn(self) -> None:
        self._back.release()
        self._go.acquire()
        if self.is_dead:
            self._cells.turn = None
            raise Died

    def _run(self, act: str, key: int) -> None:
        try:
            if act == "settle":
                self.outcome = settle(self._board)
            else:
                self._count(act, key)
        except Died:
            pass
        finally:
            self._cells.turn = None
            self.is_busy = False
            self._back.release()

    def _count(self, act: str, key: int) -> None:
        if self.seat is None:
            self.seat = sit_down(self._board)
        if act == "take":
            cell = self.outcome = self.seat.take(TABLE, key, LIMIT)
            if cell >= 0:
                self.has.append((cell, key))
        elif self.has:
            self.seat.give(self.has[-1][0])
            self.has.pop()


class Stage:
    """The board."""

    def __init__(self) -> None:
        self.fd = os.memfd_create("board")
        os.ftruncate(self.fd, BOARD_BYTES)
        os.pwrite(self.fd, blank(bytes(16)), 0)
        self.witness = Board(self.fd)
        self.processes: list[Process] = []

    def process(self) -> Process:
        """One more."""
        self.processes.append(Process(self))
        return self.processes[-1]

    def count(self, cell: int) -> int:
        """How many hold it."""
        return self.witness.read(cell) >> HELD_SHIFT

    def look(self) -> None:
        """Assert that cells are the sum of the ledgers, within the limit, and each key's own."""
        load = self.witness.cells.load
        for cell in PLACES:
            ledgers = sum(self._in_ledger(seat, cell) for seat in range(SEATS_USED))
            assert self.count(cell) == ledgers <= LIMIT
        keys = [load(KEYS_AT + cell) & ~CLOSING for cell in PLACES]
        assert len(set(keys)) == len(keys) or not any(keys)
        for one in self.processes:
            if not one.is_busy:
                assert all(load(KEYS_AT + cell) & ~CLOSING == key for cell, key in one.has)
                assert one.seat is None or all(
                    load(LEDGERS_AT + one.seat.number * CELLS + cell) >> 34 == [has for has, _ in one.has].count(cell)
                    for cell in PLACES
                )

    def _in_ledger(self, seat: int, cell: int) -> int:
        """What a seat has of a cell, by its ledger and, if that is not written yet, what it was about to do and did."""
        load = self.witness.cells.load
        entry, intent = load(LEDGERS_AT + seat * CELLS + cell), load(SEATS_AT + seat * SEAT_WORDS)
        held, serial = entry >> 34, intent & _SERIALS
        if not intent or intent >> 34 & (1 << 20) - 1 != cell or entry & _SERIALS == serial:
            return held
        is_signed = load(VALUES_AT + cell) & _CHANGE == seat << 34 | serial
        if not is_signed and load(SEATS_AT + seat * SEAT_WORDS + 1) != serial:
            return held
        return {TAKE: held + 1, GIVE: held - 1, GIVE_ALL: 0}.get(intent >> 54, held)

    def settle(self) -> int:
        """What a supervisor does when somebody has died, in one go."""
        board = Board(self.fd)
        given = settle(board)
        board.close()
        return given

    def settled(self) -> None:
        """Settle while everybody is at rest: only the living hold anything."""
        self.settle()
        for cell in PLACES:
            assert self.count(cell) == sum(has == cell for one in self.processes for has, _ in one.has)
        assert self.settle() == 0

    def end(self) -> None:
        """Everybody dies; nothing is held."""
        for one in list(self.processes):
            one.kill()
        self.look()
        self.settled()
        assert self.witness.used(NAMED) == 0
        self.witness.close()
        os.close(self.fd)
