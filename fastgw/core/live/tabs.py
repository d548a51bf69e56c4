"""Rates of amounts over all workers: buckets of ``policy.amounts`` on the board, one time each, as those of requests (``meters``).

An exchange has a **tab** at such a bucket: something is taken when it is admitted, as much as is known or assumed by then, and at its end
the rest is taken, whether it is there or not, or what was too much is given back.  Between the two the tab is the exchange's alone, so if
its worker dies what was taken stays taken.

What is given back counts as new at that time: in a bucket that was full meanwhile nothing of it would have been lost if it had not been
taken.  So the bound in any time ``t`` is ``burst`` and ``rate`` times ``t`` and what was given back in it.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol

from fastgw.core.live import holds
from fastgw.core.live.meters import TRIES, Clock, NoRoomError

if TYPE_CHECKING:
    from fastgw.core.live.board import Board, Table
    from fastgw.policy.amounts import Amounts


class Bucket(Protocol):
    """What a limit has of one key, for one request: what ``meters.admit`` asks of it."""

    time: int
    now: int

    def look(self) -> bool:
        """Would it be admitted?  Raises NoRoomError: it cannot be known."""

    def charge(self) -> bool:
        """Admit it, if that can still be done after ``look``.  Raises NoRoomError."""

    def undo(self) -> None:
        """Take the charge back."""


class Tab:
    """The bucket of one key, for one exchange."""

    __slots__ = ("_before", "_board", "_cell", "_clock", "_key", "_table", "needs", "now", "rate", "taken", "time")

    def __init__(
        self, board: Board, table: Table, key: int, rate: Amounts, clock: Clock, needs: int, takes: int
    ) -> None:
        """``needs``: how much must be there to be admitted, at most the burst; ``takes``: how much is taken then, maybe more, as far as
        it can be given back."""
        self._board = board
        self._table = table
        self._key = key
        self._clock = clock
        self.needs = needs
        self._cell = -1
        self._before = 0
        self.rate = rate
        self.taken = min(takes, max(needs, self.rate.ahead))  #: so far
        self.time = self.now = 0  #: what was seen last, and when

    @property
    def wait(self) -> int:
        """Nanoseconds from ``now`` until it would be admitted."""
        return self.rate.wait(self.time, self.now, self.needs)

    def look(self) -> bool:
        """See ``Bucket``."""
        self._see()
        return self.rate.wait(self.time, self.now, self.needs) == 0

    def charge(self) -> bool:
        """See ``Bucket``."""
        for _ in range(TRIES):
            after = self.rate.taken(self.time, self.now, self.taken)
            if self._board.compare_and_swap(self._cell, self._before, after):
                self.time = after
                return True
            if not self.look():
                return False
        raise NoRoomError

    def undo(self) -> None:
        """See ``Bucket``: what was taken is given back, as at the end of an exchange."""
        with suppress(NoRoomError):
            self.settle(0)

    def settle(self, used: int) -> None:
        """The exchange is over, and so much was used.

        Raises:
            NoRoomError: it owes something that cannot be written down, since its bucket was full and has lost its place.
        """
        taken, self.taken = self.taken, used
        if used == taken:
            return
        board = self._board
        if used < taken and holds.find(board.cells, self._table, self._key) < 0:
            return  # it is full, whatever we give
        for _ in range(TRIES):
            self._see()
            if used > taken:
                self.time = self.rate.taken(self.time, self.now, used - taken)
            else:
                self.time = self.rate.given(self.time, self.now, taken - used)
            if self.time == self._before or board.compare_and_swap(self._cell, self._before, self.time):
                return
        raise NoRoomError

    def _see(self) -> None:
        """Read the cell, which is made if there is none; raises NoRoomError."""
        board = self._board
        for _ in range(TRIES):
            cell = holds.find(board.cells, self._table, self._key)
            if cell < 0:
                cell = board.claim(self._table, self._key, self._retire, self._clock())
                if cell < 0:
                    break
            value = board.read(cell)
            if board.has_key(cell, self._key):  # after the value: the head of ``board`` says why
                now = self._clock()
                self._cell, self._before, self.now = cell, value, now
                self.time = self.rate.sound(value, now)
                return
        raise NoRoomError

    def _retire(self, cell: int) -> bool:
        time, now = self._board.read(cell), self._clock()
        return time < now and self._board.compare_and_swap(cell, time, now)
