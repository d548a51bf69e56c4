"""Counting on the board, exactly: who takes a place gives it back, and if a process dies the next to look does it for it.

The value of a cell says how many hold it, and who changed it last:     count (20 bits) | seat (10) | serial of that seat (34)
A ledger, one word for each seat and cell, says how many of these are that seat's:              count (30) | serial (34)
The intent of a seat says what it is about to do:                                     kind (2) | cell (20) | serial (34)

**What must hold**: the count of a cell is the sum of what all ledgers have for it.  Always, also after ``kill -9`` between any two
instructions.  Two words cannot be changed at once, so a change is written three times, in this order:

    1. intent     "my change number 7 is to take a place of cell 3"
    2. value      by compare-and-swap: the change happens here, and nowhere else.  The new value is signed: seat, 7
    3. ledger     what the seat has of the cell now, signed 7

Who settles the seat of a dead process reads its intent.  If the ledger of that cell has the same serial, all three were written.  If it
has not, the change happened if and only if the value was ever signed so, and then the ledger is completed.  The value may have been
changed since by somebody else, who would have wiped the signature out.  Therefore nobody swaps a value before he is sure that its last
change is in its owner's ledger, and if it is not, he first writes the serial into the **acknowledgement** of the owner's seat.
So: the value is signed, or the acknowledgement says so, or it never happened.  (This is the recoverable compare-and-swap of Attiya,
Ben-Baruch and Hendler, "Nesting-Safe Recoverable Linearizability", PODC 2018.)

Then the seat gives back all its ledger has, as its owner would have: by the same three steps, with the next serials.  If the settler
dies too the next one goes on where it stopped; the kernel's lock on the seat lets only one do it at a time.  Serials
go on from owner to owner, and come round after 2**34 changes of one seat: a process would have to sleep for that long in
front of a compare-and-swap to take one value for another.

A process that is alive and stands still keeps what it holds, as it keeps its connections; one that stands still for too long is
killed by its supervisor (``worker_timeout``).
"""

from __future__ import annotations

from _blake2 import blake2b  # of hashlib, which would bring those of OpenSSL: 0.7 MiB of each worker
from typing import TYPE_CHECKING

from fastgw.core.live import words
from fastgw.core.live.board import CLOSING, Board, Table

if TYPE_CHECKING:
    from fastgw.core.live.cells import Cells


def find(cells: Cells, table: Table, key: int) -> int:
    """The cell of ``key``; -1 if it has none."""
    start, size = table.start, table.size
    place = key % size
    for _ in range(min(words.PROBES, size)):
        found = cells.load(words.KEYS_AT + start + place)
        if found == key:
            return start + place
        if not found:
            break
        place = place + 1 if place + 1 < size else 0
    return -1


def key_in(seed: bytes, parts: tuple[bytes, ...]) -> int:
    """The key of what ``parts`` name on the board with this ``seed``: 63 bits, never 0."""
    hashed = blake2b(digest_size=8, key=seed)
    for part in parts:
        hashed.update(len(part).to_bytes(4, "little"))
        hashed.update(part)
    return int.from_bytes(hashed.digest(), "little") & ~CLOSING or 1


class Seat:
    """One process's seat, or that of a dead one in the hands of who settles it."""

    __slots__ = ("_cells", "_intent", "_ledger", "_serial", "_tag", "board", "number")

    def __init__(self, board: Board, number: int) -> None:
        """``number``: of a seat whose lock we have.  What was left half done there is done."""
        self.board = board
        self.number = number
        self._cells = board.cells
        self._intent = words.SEATS_AT + number * words.SEAT_WORDS
        self._ledger = words.LEDGERS_AT + number * words.CELLS
        self._tag = number << words.SEAT_SHIFT
        self._serial = self._cells.load(self._intent) & words.SERIAL
        self._complete()

    # --- for filters

    def key_of(self, *parts: bytes) -> int:
        """The key of what ``parts`` name, the same in every process: 63 bits, never 0."""
        return key_in(self.board.seed, parts)

    def take(self, table: Table, key: int, limit: int) -> int:
        """Hold ``key`` once more, if fewer than ``limit`` do: its cell, to be given back, or ``REFUSED`` or ``NO_ROOM``."""
        while True:
            cell = find(self._cells, table, key)
            if cell < 0:
                cell = self.board.claim(table, key, self._renew)
                if cell < 0:
                    return words.NO_ROOM
            outcome = self._take(cell, key, limit)
            if outcome != words.GONE:
                return outcome

    def _take(self, cell: int, key: int, limit: int) -> int:
        cells = self._cells
        while True:
            value = cells.load(words.VALUES_AT + cell)
            if cells.load(words.KEYS_AT + cell) != key:  # after the value: the head of ``board`` says why
                return words.GONE
            count = value >> words.HELD_SHIFT
            if count >= limit:
                return words.REFUSED
            if self._swap(words.TAKE, cell, value, count + 1):
                return cell

    def give(self, cell: int) -> None:
        """Hold ``cell``, which came from ``take``, once less."""
        while True:
            value = self._cells.load(words.VALUES_AT + cell)
            if not value >> words.HELD_SHIFT:
                raise RuntimeError(f"cell {cell} of the board is given back, and nobody holds it")
            if self._swap(words.GIVE, cell, value, (value >> words.HELD_SHIFT) - 1):
                return

    def count(self, table: Table, key: int) -> int:
        """How many hold ``key`` now, in all processes."""
        cell = find(self._cells, table, key)
        if cell < 0:
            return 0
        value = self._cells.load(words.VALUES_AT + cell)
        if self._cells.load(words.KEYS_AT + cell) != key:  # its place has been given to another, as nobody holds it
            return 0
        return value >> words.HELD_SHIFT

    def held(self, cell: int) -> int:
        """How often this seat holds ``cell``."""
        return self._cells.load(self._ledger + cell) >> words.LEDGER_SHIFT

    # --- the three steps

    def _renew(self, cell: int) -> bool:
        value = self._cells.load(words.VALUES_AT + cell)
        return not value >> words.HELD_SHIFT and self._swap(words.RENEW, cell, value, 0)

    def _swap(self, kind: int, cell: int, value: int, count: int) -> bool:
        """Try to change ``cell`` from ``value`` to ``count`` holders."""
        cells = self._cells
        serial = self._serial = (self._serial + 1) & words.SERIAL or 1
        cells.store(self._intent, kind << words.KIND_SHIFT | cell << words.CELL_SHIFT | serial)
        self._acknowledge(cell, value)
        if not cells.compare_and_swap(words.VALUES_AT + cell, value, count << words.HELD_SHIFT | self._tag | serial):
            return False
        self._note(kind, cell, serial)
        return True

    def _note(self, kind: int, cell: int, serial: int) -> None:
        held = self.held(cell)
        if kind == words.TAKE:
            held += 1
        elif kind == words.GIVE:
            held -= 1
        elif kind == words.GIVE_ALL:
            held = 0
        self._cells.store(self._ledger + cell, held << words.LEDGER_SHIFT | serial)

    def _acknowledge(self, cell: int, value: int) -> None:
        """Make sure that whoever settles the seat that signed ``value`` will know that it did."""
        owner, serial = value >> words.SEAT_SHIFT & words.SEATS - 1, value & words.SERIAL
        cells = self._cells
        if owner == self.number or cells.load(words.LEDGERS_AT + owner * words.CELLS + cell) & words.SERIAL == serial:
            return
        intent = words.SEATS_AT + owner * words.SEAT_WORDS
        while True:
            known = cells.load(intent + 1)
            if cells.load(intent) & words.SERIAL != serial:  # it has gone on, with its ledger written
                return
            if cells.compare_and_swap(intent + 1, known, serial):
                return

    # --- after a death

    def _complete(self) -> None:
        """Write the ledger of a change that happened and is not in it."""
        intent = self._cells.load(self._intent)
        kind, cell, serial = (
            intent >> words.KIND_SHIFT,
            intent >> words.CELL_SHIFT & words.NO_CELL,
            intent & words.SERIAL,
        )
        if cell == words.NO_CELL or self._cells.load(self._ledger + cell) & words.SERIAL == serial:
            return
        value = self._cells.load(words.VALUES_AT + cell)
        is_signed = value & words.CHANGE == self._tag | serial
        # In this order: who overwrote the signature has acknowledged it before.
        if is_signed or self._cells.load(self._intent + 1) == serial:
            self._note(kind, cell, serial)

    def give_all(self) -> int:
        """Give back whatever the ledger has, and leave the seat clean; how many places that were."""
        given = 0
        for cell, entry in self.board.written(self._ledger, words.CELLS):
            held = entry >> words.LEDGER_SHIFT
            while held:
                value = self._cells.load(words.VALUES_AT + cell)
                if self._swap(words.GIVE_ALL, cell, value, (value >> words.HELD_SHIFT) - held):
                    given += held
                    held = 0
        self._cells.store(self._intent, words.CLEAN | self._serial)
        return given

    @property
    def is_clean(self) -> bool:
        """Nothing was done here since ``give_all``, or ever."""
        return is_clean(self._cells.load(self._intent))


def is_clean(intent: int) -> bool:
    """Does a seat with this intent hold nothing for certain?"""
    return not intent or intent >> words.CELL_SHIFT & words.NO_CELL == words.NO_CELL


def sit_down(board: Board) -> Seat:
    """Take a seat that nobody has, for as long as ``board`` is open; what its last owner held is given back.

    Raises:
        OSError: all are taken.
    """
    for number in range(words.SEATS):
        if board.lock_seat(number):
            seat = Seat(board, number)
            if not seat.is_clean:
                seat.give_all()
            return seat
    raise OSError(f"all {words.SEATS} seats of the board are taken: so many workers share it")


def settle(board: Board) -> int:
    """Give back what the dead hold, for a process that has no seat itself; how many places that were."""
    given = 0
    for at, word in board.written(words.SEATS_AT, words.SEATS * words.SEAT_WORDS):
        number, place = divmod(at, words.SEAT_WORDS)
        if place or is_clean(word) or not board.lock_seat(number):
            continue
        try:
            given += Seat(board, number).give_all()
        finally:
            board.unlock_seat(number)
    return given
