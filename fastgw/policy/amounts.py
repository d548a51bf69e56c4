"""Is there enough left of something that comes in amounts, such as bytes?  The bucket of ``gcra``, for what costs more than one each time.

It is one number too, the time at which the bucket is full again if nothing more is taken.  Two things differ from requests, which are one
each: an amount may become known only when it is used up, so it can be taken although the bucket has less (it *owes* then, and nobody is
admitted before it owes nothing more), and what was taken in advance can be given back.

Nanoseconds, as in ``gcra``; an amount is rounded as a whole, so that any rate up to 10**12 a second is kept to a nanosecond for each
exchange.
"""

from __future__ import annotations

from typing import Final

from fastgw.policy import spans
from fastgw.policy.gcra import LONGEST

REQUESTS: Final = "requests"  #: what can be counted: each is one
BYTES: Final = "bytes"  #: of bodies
COST: Final = "cost"  #: what an answer says of itself

MOST: Final = 10**12  #: of an amount, a rate and a burst


class Amounts:
    """How much in what time, and how much at once."""

    __slots__ = ("_count", "_period", "ahead", "burst", "depth")

    def __init__(self, count: int, period: int, burst: int) -> None:
        """``count`` in ``period`` nanoseconds, and ``burst`` at once; each at least 1, the first and the last at most ``MOST``.

        Raises:
            ValueError: one of them is not, or a bucket takes longer than a year to fill.
        """
        if min(count, period, burst) < 1 or max(count, burst) > MOST:
            raise ValueError(f"a rate has a count, a period and a burst from 1 to {MOST}")
        self._count = count
        self._period = period
        self.burst = burst
        self.depth = self.span(burst)  #: nanoseconds until an empty bucket is full
        if self.depth > LONGEST:
            raise ValueError("an empty bucket takes more than a year to fill")
        #: How much may be taken in advance of what is there: so little that all of it is written down, and what others use meanwhile too.
        #: Otherwise more would be given back than was taken.
        self.ahead = spans.down((LONGEST - self.depth) // 2, count, period)

    # Written so that nothing is ever below 0, as in ``gcra``.

    def span(self, amount: int) -> int:
        """Nanoseconds in which so much comes back."""
        return spans.up(amount, self._period, self._count)

    def taken(self, time: int, now: int, amount: int) -> int:
        """The time when ``amount`` is taken at ``now``, whether it is there or not; nobody owes more than a year."""
        after, latest = (time if time > now else now) + self.span(amount), now + LONGEST
        return after if after < latest else latest

    def given(self, time: int, now: int, amount: int) -> int:
        """The time when ``amount`` is given back at ``now``; what a full bucket gets is lost."""
        least = time if time < now else now
        back = spans.down(amount, self._period, self._count)
        return time - back if time > least + back else least

    def sound(self, time: int, now: int) -> int:
        """``time``, or that of a bucket that owes a year if it is later than any that this clock can have led to."""
        latest = now + LONGEST
        return time if time < latest else latest

    def wait(self, time: int, now: int, amount: int) -> int:
        """Nanoseconds from ``now`` until there is so much (at most ``burst``); 0: there is."""
        needed, there = time + self.span(amount), now + self.depth
        return needed - there if needed > there else 0

    def left(self, time: int, now: int) -> int:
        """How much there is; 0 too if it owes."""
        lacking = self.whole(time, now)
        if lacking >= self.depth:
            return 0
        found = spans.down(self.depth - lacking, self._count, self._period)
        return found if found < self.burst else self.burst

    def whole(self, time: int, now: int) -> int:
        """Nanoseconds from ``now`` until it is full."""
        return time - now if time > now else 0

    def lacks(self, time: int, now: int) -> int:
        """How far it is from full, as those are told who share it: nanoseconds."""
        return self.whole(self.sound(time, now), now)

    def lacking(self, lack: int, at: int) -> int:
        """The time of one that lacked so much at ``at``."""
        return at + lack
