"""Is a request too early?  The generic cell rate algorithm: a token bucket that is one number.

This is the *virtual scheduling algorithm* of ITU-T Recommendation I.371 (03/2004), annex A, with requests for cells.  What is remembered
is the **theoretical arrival time** of the next request: when it would come if all came evenly.  One that comes at ``now`` conforms if it
is not earlier than that by more than the tolerance, and moves the time on by one interval:

    time - now <= (burst - 1) * interval        time = max(time, now) + interval

It admits what a bucket of ``burst`` tokens does that gets one every ``interval`` and is full in the beginning: the bucket lacks
``(time - now) / interval`` tokens.  As one number it is changed by one compare-and-swap, and whoever is refused changes nothing.

Times are whole nanoseconds, from 0, of any clock; 0 is that of a bucket nobody has used.  An interval that is no whole number of
nanoseconds is rounded up, so there are never more than the rate says, and at most ``rate / 10**9`` of it fewer (at 10,000 a second
0.001 %).  A bucket never takes longer than ``LONGEST`` to fill, so a time fits into 63 bits for as long as the clock is below 260 years.
A **clock that goes back** would leave a bucket that lacks more than it holds; ``sound`` takes such a one for empty.
"""

from __future__ import annotations

LONGEST = 366 * 24 * 3600 * 10**9  #: nanoseconds until an empty bucket is full


class Rate:
    """How fast, and how many at once.  What is known of a bucket is its theoretical arrival time."""

    __slots__ = ("burst", "depth", "interval", "tolerance")

    def __init__(self, count: int, period: int, burst: int) -> None:
        """``count`` requests in ``period`` nanoseconds, and ``burst`` at once; each at least 1.

        Raises:
            ValueError: one of them is less, or a bucket takes longer than ``LONGEST`` to fill.
        """
        if min(count, period, burst) < 1:
            raise ValueError("a rate has a count, a period and a burst of at least 1")
        interval = -(-period // count)
        if burst * interval > LONGEST:
            raise ValueError("an empty bucket takes more than a year to fill")
        self.burst = burst
        self.interval = interval  #: nanoseconds
        self.depth = burst * interval  #: nanoseconds until an empty bucket is full
        self.tolerance = self.depth - interval  #: how early a request may come, nanoseconds

    # Written so that nothing is ever below 0: compiled, these are numbers without a sign.

    def charged(self, time: int, now: int) -> int:
        """The time when one more has come at ``now``; 0: it is too early, and nothing changes."""
        if time > now + self.tolerance:
            return 0
        return (time if time > now else now) + self.interval

    def sound(self, time: int, now: int) -> int:
        """``time``, or the one of an empty bucket if it is later than any that this clock can have led to."""
        latest = now + self.depth
        return time if time <= latest else latest

    def wait(self, time: int, now: int) -> int:
        """Nanoseconds from ``now`` until one would be admitted; 0: at once."""
        soonest = now + self.tolerance
        return time - soonest if time > soonest else 0

    def left(self, time: int, now: int) -> int:
        """How many would be admitted at once."""
        lacking = self.whole(time, now)
        return (self.depth - lacking) // self.interval if lacking < self.depth else 0

    def whole(self, time: int, now: int) -> int:
        """Nanoseconds from ``now`` until ``burst`` would be admitted at once."""
        return time - now if time > now else 0
