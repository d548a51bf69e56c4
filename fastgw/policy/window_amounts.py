"""Is there enough left for this window of the calendar, a day or a month: amounts that come back all at once, when the next one begins.

The bucket of ``amounts`` with another reading of its number, so that it stands in the same tables and is changed in the same way:

    when it may be forgotten (nanoseconds, in ticks of 18 min, beyond the end of the window) | what is used of it (40 bits)

As a number it is greater than the time now while its window lasts, as those of other limits are.  Which window it is about stands in its
key, so nobody has to agree on the moment at which one begins, and a request that began in one is settled in that one.
"""

from __future__ import annotations

from typing import Final

from fastgw.policy.amounts import MOST, Amounts

TICK_BITS: Final = 40
MOST_USED: Final = (1 << TICK_BITS) - 1  #: of what is used as much as is written down, which is more than ``MOST``


class WindowAmounts(Amounts):
    """How much there is in one window."""

    __slots__ = ("_empty", "end")

    def __init__(self, count: int, length: int, end: int) -> None:
        """``count`` in a window of ``length`` nanoseconds, which ends at ``end`` by the clock of the board.

        Raises:
            ValueError: as ``Amounts``.
        """
        Amounts.__init__(self, count, length, count)
        self.depth = length
        self.ahead = MOST  # whatever is taken in advance is written down
        self.end = end  #: by the clock of the board
        self._empty = ((end >> TICK_BITS) + 2) << TICK_BITS

    def span(self, amount: int) -> int:
        """What it counts in."""
        return amount

    def taken(self, time: int, now: int, amount: int) -> int:
        """See ``Amounts``."""
        before = time if self._is_live(time, now) else self._empty
        return before - (before & MOST_USED) + min(MOST_USED, (before & MOST_USED) + amount)

    def given(self, time: int, now: int, amount: int) -> int:
        """See ``Amounts``."""
        return time - min(amount, time & MOST_USED) if self._is_live(time, now) else time

    def wait(self, time: int, now: int, amount: int) -> int:
        """See ``Amounts``: until the window is over, or not at all."""
        return 0 if self._used(time, now) + amount <= self.burst else max(1, self.end - now)

    def left(self, time: int, now: int) -> int:
        """See ``Amounts``."""
        return max(0, self.burst - self._used(time, now))

    def whole(self, time: int, now: int) -> int:
        """See ``Amounts``."""
        return max(0, self.end - now) if self._used(time, now) else 0

    def lacks(self, time: int, now: int) -> int:
        """See ``Amounts``: what is used."""
        return self._used(time, now)

    def lacking(self, lack: int, at: int) -> int:
        """See ``Amounts``."""
        return self._empty + min(MOST_USED, lack)

    def _used(self, time: int, now: int) -> int:
        return time & MOST_USED if self._is_live(time, now) else 0

    def _is_live(self, time: int, now: int) -> bool:
        """Is it a number of a window?  Else it is an old time, of a cell that had another key before."""
        return time >> TICK_BITS << TICK_BITS > now
