"""What a node holds of a bucket that all nodes share elsewhere, or owes it, as one number.

A *lease* is a part of a bucket that is this node's to spend.  Its balance is how much of it is left; a balance below 0 is owed.  It ends:
what is not spent by then is nobody's, so that nothing is hoarded and spent as a burst hours later.

    when it ends (nanoseconds, in ticks of 4.3 s) | balance + 2**31 (32 bits)

As a number it is greater than the time now while it has not ended, as the times of other limits are (``core.live.board``), so that both
live in the same tables.  The same number means the same thing, whenever it is read.

Times are whole nanoseconds of a clock that does not go back.
"""

from __future__ import annotations

from typing import Final, NamedTuple

TICK_BITS: Final = 32
TICK: Final = 1 << TICK_BITS  #: nanoseconds
MOST: Final = (1 << 31) - 1  #: of a balance, and of what is owed; what is beyond is not written down
_BIAS: Final = 1 << 31


def balance(number: int, now: int) -> int:
    """What is left at ``now``; below 0: what is owed."""
    if ends(number) <= now:
        return 0
    return (number & TICK - 1) - _BIAS


def ends(number: int) -> int:
    """When it ends."""
    return number >> TICK_BITS << TICK_BITS


class LeaseTerms(NamedTuple):
    """What a node may hold of one bucket."""

    block: int  #: so much at most, and so much may it owe for requests that it admitted before it had asked
    age: int  #: nanoseconds until a lease ends
    depth: int  #: nanoseconds in which the bucket fills, after which nothing is owed any more

    def changed(self, number: int, now: int, change: int, owing: int = 0) -> int:
        """``number`` with so much more, or less.

        ``owing``: nanoseconds in which what is owed then comes back.  A lease ends when it would have ended, also if something of it is
        given back; what was owed, and is not any more, begins one.
        """
        before = balance(number, now)
        after = min(MOST, max(-MOST, before + change))
        if after > 0:
            end = ends(number) if before > 0 else now + self.age
        else:
            end = now + self.depth + owing + TICK if after else now
        return end >> TICK_BITS << TICK_BITS | after + _BIAS

    def renewed(self, number: int, now: int, granted: int) -> int:
        """``number`` when so much was granted: a lease of that and of what was left."""
        after = min(MOST, balance(number, now) + granted)
        end = now + (self.age if after > 0 else self.depth + TICK if after else 0)
        return end >> TICK_BITS << TICK_BITS | after + _BIAS

    def asks(self, number: int, now: int) -> tuple[int, int]:
        """What is owed, and how much of a block is missing."""
        left = balance(number, now)
        return max(0, -left), self.block - max(0, left)

    def is_low(self, number: int, now: int) -> bool:
        """Is it time to ask for more?"""
        return balance(number, now) <= self.block // 2
