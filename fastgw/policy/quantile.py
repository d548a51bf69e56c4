"""How long is long?  A quantile of durations that come one after the other, in bounded room, the old ones forgotten.

A histogram whose buckets grow by ``STEP``: what it says is at most that much too long, and never too short.  Every ``HALF_LIFE`` all of it
counts half, so what was so long ago that nobody remembers it says nothing, and a service that becomes slower for good is believed.
"""

from __future__ import annotations

import math

LEAST = 1e-4  #: seconds; what is shorter is as good as this
MOST = 1000.0  #: seconds; what is longer is as bad
STEP = 1.05
HALF_LIFE = 10.0  #: seconds
SAMPLES_MIN = 100  #: before which nothing is said

_PER_LOG = 1.0 / math.log(STEP)
_BUCKETS = int(math.log(MOST / LEAST) * _PER_LOG) + 2


class Quantile:
    """One quantile of a stream of durations; times are seconds of any clock that does not go back."""

    __slots__ = ("_counts", "_enough", "_halved", "_part", "_total")

    def __init__(self, quantile: float, now: float) -> None:
        """``quantile``: more than 0, less than 1."""
        self._part = 1.0 - quantile  # of the durations that are longer
        self._enough = max(float(SAMPLES_MIN), 1.0 / self._part)
        self._counts = [0.0] * _BUCKETS
        self._total = 0.0
        self._halved = now

    def add(self, seconds: float, now: float) -> None:
        """One took so long, at least."""
        if now - self._halved >= HALF_LIFE:
            self._fade(now)
        place = 0 if seconds <= LEAST else min(_BUCKETS - 1, int(math.log(seconds / LEAST) * _PER_LOG) + 1)
        self._counts[place] += 1.0
        self._total += 1.0

    def value(self) -> float | None:
        """Seconds that all but the part beyond the quantile take at most; None: too few are known."""
        if self._total < self._enough:
            return None
        left = self._part * self._total
        for place in range(_BUCKETS - 1, -1, -1):
            left -= self._counts[place]
            if left < 0.0:
                return LEAST * STEP**place
        return LEAST

    def _fade(self, now: float) -> None:
        factor = 0.5 ** ((now - self._halved) / HALF_LIFE)
        self._counts = [count * factor for count in self._counts]
        self._total = sum(self._counts)
        self._halved = now
