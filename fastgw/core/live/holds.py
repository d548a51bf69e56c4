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

from hashlib import blake2b

from fastgw.core.live.board import (
    CELLS,
    CLOSING,
    HELD_SHIFT,
    KEYS_AT,
    LEDGERS_AT,
    SEAT_WORDS,
    SEATS,
    SEATS_AT,
    VALUES_AT,
    Board,
    Table,
)

TAKE, GIVE, GIVE_ALL, RENEW = 0, 1, 2, 3  # kinds of intents
MAX_HELD = (1 << 20) - 1  #: holders of one cell

#: Instead of a cell, from ``take``.
REFUSED = -1  #: as many as may hold it do
NO_ROOM = -2  #: the table is full for this key

_SERIAL = (1 << 34) - 1
_SEAT_SHIFT = 34
_CELL_SHIFT = 34
_KIND_SHIFT = 54
_NO_CELL = (1 << 20) - 1  # of the intent of a seat that holds nothing
_GONE = -3  # the cell has another key by now


class Seat:
    """One process's seat, or that of a dead one in the hands of who settles it."""

    __slots__ = ("_cells", "_intent", "_ledger", "_serial", "_tag", "board", "number")

    def __init__(self, board: Board, number: int) -> None:
        """``number``: of a seat whose lock we have.  What was left half done there is done."""
        self.board = board
        self.number = number
        self._cells = board.cells
        self._intent = SEATS_AT + number * SEAT_WORDS
        self._ledger = LEDGERS_AT + number * CELLS
        self._tag = number << _SEAT_SHIFT
        self._serial = self._cells.load(self._intent) & _SERIAL
        self._complete()

    # --- for filters

    def key_of(self, *parts: bytes) -> int:
        """The key of what ``parts`` name, the same in every process: 63 bits, never 0."""
        hashed = blake2b(digest_size=8, key=self.board.seed)
        for part in parts:
            hashed.update(len(part).to_bytes(4, "little"))
            hashed.update(part)
        return int.from_bytes(hashed.digest(), "little") & ~CLOSING or 1

    def take(self, table: Table, key: int, limit: int) -> int:
        """Hold ``key`` once more, if fewer than ``limit`` do: its cell, to be given back, or ``REFUSED`` or ``NO_ROOM``."""
        board = self.board
        while True:
            cell = board.find(table, key)
            if cell < 0:
                cell = board.claim(table, key, self._renew)
                if cell < 0:
                    return NO_ROOM
            outcome = self._take(cell, key, limit)
            if outcome != _GONE:
                return outcome

    def _take(self, cell: int, key: int, limit: int) -> int:
        cells = self._cells
        while True:
            value = cells.load(VALUES_AT + cell)
            if cells.load(KEYS_AT + cell) != key:  # after the value: the head of ``board`` says why
                return _GONE
            count = value >> HELD_SHIFT
            if count >= limit:
                return REFUSED
            if self._swap(TAKE, cell, value, count + 1):
                return cell

    def give(self, cell: int) -> None:
        """Hold ``cell``, which came from ``take``, once less."""
        while True:
            value = self._cells.load(VALUES_AT + cell)
            if self._swap(GIVE, cell, value, (value >> HELD_SHIFT) - 1):
                return

    def held(self, cell: int) -> int:
        """How often this seat holds ``cell``."""
        return self._cells.load(self._ledger + cell) >> _SEAT_SHIFT

    # --- the three steps

    def _renew(self, cell: int) -> bool:
        value = self._cells.load(VALUES_AT + cell)
        return not value >> HELD_SHIFT and self._swap(RENEW, cell, value, 0)

    def _swap(self, kind: int, cell: int, value: int, count: int) -> bool:
        """Try to change ``cell`` from ``value`` to ``count`` holders."""
        cells = self._cells
        serial = self._serial = (self._serial + 1) & _SERIAL or 1
        cells.store(self._intent, kind << _KIND_SHIFT | cell << _CELL_SHIFT | serial)
        self._acknowledge(cell, value)
        if not cells.compare_and_swap(VALUES_AT + cell, value, count << HELD_SHIFT | self._tag | serial):
            return False
        self._note(kind, cell, serial)
        return True

    def _note(self, kind: int, cell: int, serial: int) -> None:
        held = self.held(cell)
        if kind == TAKE:
            held += 1
        elif kind == GIVE:
            held -= 1
        elif kind == GIVE_ALL:
            held = 0
        self._cells.store(self._ledger + cell, held << _SEAT_SHIFT | serial)

    def _acknowledge(self, cell: int, value: int) -> None:
        """Make sure that whoever settles the seat that signed ``value`` will know that it did."""
        owner, serial = value >> _SEAT_SHIFT & SEATS - 1, value & _SERIAL
        cells = self._cells
        if owner == self.number or cells.load(LEDGERS_AT + owner * CELLS + cell) & _SERIAL == serial:
            return
        intent = SEATS_AT + owner * SEAT_WORDS
        while True:
            known = cells.load(intent + 1)
            if cells.load(intent) & _SERIAL != serial:  # it has gone on, with its ledger written
                return
            if cells.compare_and_swap(intent + 1, known, serial):
                return

    # --- after a death

    def _complete(self) -> None:
        """Write the ledger of a change that happened and is not in it."""
        intent = self._cells.load(self._intent)
        kind, cell, serial = intent >> _KIND_SHIFT, intent >> _CELL_SHIFT & _NO_CELL, intent & _SERIAL
        if cell == _NO_CELL or self._cells.load(self._ledger + cell) & _SERIAL == serial:
            return
        value = self._cells.load(VALUES_AT + cell)
        is_signed = value & (1 << HELD_SHIFT) - 1 == self._tag | serial
        # In this order: who overwrote the signature has acknowledged it before.
        if is_signed or self._cells.load(self._intent + 1) == serial:
            self._note(kind, cell, serial)

    def give_all(self) -> int:
        """Give back whatever the ledger has, and leave the seat clean; how many places that were."""
        given = 0
        for cell, entry in self.board.written(self._ledger, CELLS):
            held = entry >> _SEAT_SHIFT
            while held:
                value = self._cells.load(VALUES_AT + cell)
                if self._swap(GIVE_ALL, cell, value, (value >> HELD_SHIFT) - held):
                    given += held
                    held = 0
        self._cells.store(self._intent, _NO_CELL << _CELL_SHIFT | self._serial)
        return given

    @property
    def is_clean(self) -> bool:
        """Nothing was done here since ``give_all``, or ever."""
        return is_clean(self._cells.load(self._intent))


def is_clean(intent: int) -> bool:
    """Does a seat with this intent hold nothing for certain?"""
    return not intent or intent >> _CELL_SHIFT & _NO_CELL == _NO_CELL


def sit_down(board: Board) -> Seat:
    """Take a seat that nobody has, for as long as ``board`` is open; what its last owner held is given back.

    Raises:
        OSError: all are taken.
    """
    for number in range(SEATS):
        if board.lock_seat(number):
            seat = Seat(board, number)
            if not seat.is_clean:
                seat.give_all()
            return seat
    raise OSError(f"all {SEATS} seats of the board are taken: so many workers share it")


def settle(board: Board) -> int:
    """Give back what the dead hold, for a process that has no seat itself; how many places that were."""
    given = 0
    for at, word in board.written(SEATS_AT, SEATS * SEAT_WORDS):
        number, place = divmod(at, SEAT_WORDS)
        if place or is_clean(word) or not board.lock_seat(number):
            continue
        try:
            given += Seat(board, number).give_all()
        finally:
            board.unlock_seat(number)
    return given
