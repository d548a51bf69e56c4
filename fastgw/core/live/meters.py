"""Rates over all workers, exactly: the bucket of each key is a time on the board (``policy.gcra``), changed by compare-and-swap.

A time needs no ledger: who has been admitted gives nothing back, and one who dies has been admitted or has not.  Its cell is spent when
the time is over, because its bucket is full then, as that of a key that has no cell is.  So nothing is lost when a place gets another key.

**The clock** is read after the cell, always.  It is the same for all processes of a machine and does not go back, so none finds a time
that is later than its own reading of the clock can explain, and what is written is later than what was there: a place that gets another
key gets a later time too (``_retire``), and who has read the old one fails to swap it.  (But for a charge that was undone: who stands still
with that in hand, until the place has another key with a time that is the same to the nanosecond, would charge that one instead.)

**Several limits** of one request are all looked at before any is charged, so who is refused by one is charged by none.  Between the two
somebody may have been faster: then that limit is looked at once more, and if it refuses now, those that are charged already get their
old time back, each if nobody has changed it since.  If somebody has, the charge stays, since taking it out of a time that others built
on would admit one too many: such a race can cost a limit one request, and never gives it one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from fastgw.core.live import holds

if TYPE_CHECKING:
    from fastgw.core.live.board import Board, Table
    from fastgw.policy.gcra import Rate

#: How often a cell is tried.  A failure means that another process has got on, so as many in a row as there may be seats are no accident.
TRIES = 1000

Clock = Callable[[], int]  #: nanoseconds; the same of all processes, and it does not go back


class NoRoomError(Exception):
    """The table of the board is full for a key; or so many were faster that nobody knows how much is left."""


class Meter:
    """The bucket of one key, for one request."""

    __slots__ = ("_before", "_board", "_cell", "_clock", "_key", "_table", "now", "rate", "time")

    def __init__(self, board: Board, table: Table, key: int, rate: Rate, clock: Clock) -> None:
        """``table``: one of times."""
        self._board = board
        self._table = table
        self._key = key
        self._clock = clock
        self._cell = -1
        self._before = 0  # the time that our charge has replaced
        self.rate = rate
        self.time = self.now = 0  #: what was seen last, and when

    def look(self) -> bool:
        """Would one more be admitted?

        Raises:
            NoRoomError: it cannot be known.
        """
        board = self._board
        for _ in range(TRIES):
            cell = holds.find(board.cells, self._table, self._key)
            if cell < 0:
                cell = board.claim(self._table, self._key, self._retire, self._clock())
                if cell < 0:
                    break
            time = board.read(cell)
            if not board.has_key(cell, self._key):  # after the time: the head of ``board`` says why
                continue
            now = self._clock()
            sound = self.rate.sound(time, now)
            if sound == time:
                self._cell, self.time, self.now = cell, time, now
                return self.rate.wait(time, now) == 0
            board.compare_and_swap(cell, time, sound)
        raise NoRoomError

    def charge(self) -> bool:
        """Admit one more, if it still can be after ``look``.

        Raises:
            NoRoomError: it cannot be known.
        """
        for _ in range(TRIES):
            after = self.rate.charged(self.time, self.now)
            if not after:
                return False
            if self._board.compare_and_swap(self._cell, self.time, after):
                self._before, self.time = self.time, after
                return True
            if not self.look():
                return False
        raise NoRoomError

    def admit(self) -> bool:
        """Charge it, if it admits one more.

        Raises:
            NoRoomError: it cannot be known.
        """
        return self.look() and self.charge()

    def undo(self) -> None:
        """Take our charge back, unless others have charged since."""
        if self._board.compare_and_swap(self._cell, self.time, self._before):
            self.time = self._before

    def _retire(self, cell: int) -> bool:
        time, now = self._board.read(cell), self._clock()
        return time < now and self._board.compare_and_swap(cell, time, now)


def admit(meters: Sequence[Meter]) -> list[Meter]:
    """Charge all of them, or none: those that refuse, if any does.  The head of this file tells of races.

    Raises:
        NoRoomError: of one of them nobody knows; none is charged.
    """
    refusing = [one for one in meters if not one.look()]
    if refusing:
        return refusing
    charged: list[Meter] = []
    try:
        for one in meters:
            if not one.charge():
                refusing.append(one)
                break
            charged.append(one)
    finally:
        if len(charged) < len(meters):
            for one in reversed(charged):
                one.undo()
    return refusing
