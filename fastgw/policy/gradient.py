"""How many requests a service can take at one time, learned from how fast it answers (the idea of Netflix's concurrency limits).

Answers are looked at in windows.  While they take about as long as at its best, the *baseline*, the limit grows by its square root; where
they take ``TOLERANCE`` times as long it stands, and beyond that it shrinks with the ratio.  What fails, timeouts above all, says nothing of
how fast the service is: such tries are *drops*, each share of which takes half as much off the limit.  While the limit is not used nothing
is learned from that, so it stands.

The baseline must be of a service without a queue, but under a load that never ceases the fastest answer is one of a queue too.  So, where
no window was near the baseline for ``PROBE_AFTER`` seconds, the limit is halved for a moment to measure anew: what is no queue stays as
slow, and a queue gets shorter.

Seconds of any clock, and the limit that holds now, are arguments; who asks may share the limit with others that learn too.
"""

from __future__ import annotations

import math
from typing import Final

WINDOW: Final = 0.1  #: seconds of a window, at least
ENOUGH: Final = 10  #: tries in it, at least,
WINDOW_MOST: Final = 1.0  #: unless it is as long
TOLERANCE: Final = 1.5  #: times the baseline
NEAR: Final = 1.1  #: times the baseline: as good as that
STEP: Final = 0.2  #: of the way to where the limit should be
PROBE_AFTER: Final = 30.0  #: seconds
PROBE_AGAIN: Final = 3.0  #: the same, behind a probe that found answers ``SHORTER`` times as long
SHORTER: Final = 0.7
PROBE_LEAST: Final = 0.2  #: seconds until what was in hand before a probe is out, at least
PROBE_MOST: Final = 10.0


class Gradient:
    """What one observer has learned."""

    __slots__ = (
        "_began",
        "_count",
        "_drops",
        "_probe_until",
        "_queued",
        "_seconds",
        "baseline",
        "measured_at",
        "resumes",
    )

    def __init__(self, now: float) -> None:
        self.baseline = 0.0  #: seconds; 0: nothing is known
        self.measured_at = now  #: when it was seen last
        self.resumes = 0.0  #: the limit that holds again after the probe under way; 0: there is none
        self._probe_until = 0.0
        self._queued = 0.0  # seconds that answers took before it
        self._begin(now)

    def _begin(self, now: float) -> None:
        self._began = now
        self._seconds = 0.0
        self._count = 0
        self._drops = 0

    def sample(self, seconds: float) -> None:
        """A try was answered after ``seconds``."""
        self._seconds += seconds
        self._count += 1

    def drop(self) -> None:
        """A try failed."""
        self._drops += 1

    def is_due(self, now: float) -> bool:
        """Whether the window is over: ask for the next limit."""
        age = now - self._began
        return age >= WINDOW and (age >= WINDOW_MOST or self._count + self._drops >= ENOUGH)

    def next(self, limit: float, now: float, *, is_used: bool, least: float, most: float) -> float:
        """End the window, and say what the limit is from now on.

        Args:
            limit: that holds now.
            now: when the window ends.
            is_used: whether at least half of it was in use.
            least: of the limit.
            most: of the limit.
        """
        count, drops = self._count, self._drops
        seconds = self._seconds / count if count else 0.0
        self._begin(now)
        if self.resumes:
            return self._probed(limit, seconds, now, least, most)
        wanted = limit
        if count:
            if not self.baseline or seconds <= self.baseline * NEAR:
                self.baseline = min(self.baseline, seconds) if self.baseline else seconds
                self.measured_at = now
            if is_used:
                if not drops and now - self.measured_at >= PROBE_AFTER:
                    self.resumes, self._queued = limit, seconds
                    self._probe_until = now + min(max(2 * seconds, PROBE_LEAST), PROBE_MOST)
                    return max(least, limit / 2)
                gradient = min(1.0, max(0.5, TOLERANCE * self.baseline / seconds)) if seconds else 1.0
                wanted = limit + STEP * (limit * gradient + math.sqrt(limit) - limit)
        if drops:
            wanted *= 1 - drops / (count + drops) / 2
        return min(most, max(least, wanted))

    def _probed(self, limit: float, seconds: float, now: float, least: float, most: float) -> float:
        """The window was one of a probe: it counts once what was in hand before is out."""
        if now < self._probe_until or not seconds:
            if now < self._probe_until + PROBE_MOST:
                self._began = now
                return limit
        else:
            self.baseline = seconds
        is_queue = seconds <= self._queued * SHORTER  # and so there may be more of it: look again soon
        self.measured_at = now - PROBE_AFTER + PROBE_AGAIN if is_queue else now
        limit, self.resumes = self.resumes, 0.0
        return min(most, max(least, limit))
