"""How memory moves over a run, and whether that is more than noise.

What leaks grows in every part of a run; what is bounded (free lists, tables, a cache, the arenas of the allocator) grows by steps, when
the traffic is more than it ever was.  A straight line through both has a slope.  So the growth of a *typical* part is what is judged, by
medians, which steps do not move; and that all steps together stay within ``STEPS_MOST``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

LEAST = 240.0
"""Seconds behind the warm-up that a slope is told of: below it, what fills once looks like growth."""
BLOCKS = 12
"""Parts whose medians are looked at: samples next to each other are alike, so they are no noise of their own."""
STEPS_MOST = 4 * 1024 * 1024
"""Bytes by which the last part may be above the first, however that came."""


@dataclass(frozen=True, slots=True)
class Slope:
    """How memory has moved from part to part of a run."""

    per_hour: float
    """Bytes an hour, of the typical part: the median of the differences between parts that follow each other."""
    error: float
    """Its standard error, bytes an hour, from the median deviation of those differences."""
    grown: float
    """Bytes between the first part and the last."""

    @property
    def is_noise(self) -> bool:
        """Zero is within what chance explains (three standard errors), and there were no large steps."""
        return self.per_hour <= 3 * self.error and self.grown <= STEPS_MOST


def slope_of(samples: Sequence[tuple[float, float]], warm_up: float = 0.2) -> Slope | None:
    """The slope of (seconds, bytes), without the first share of the time, in which free lists and tables fill.

    Returns:
        None: there are too few, or they are of too short a time.
    """
    if not samples:
        return None
    began, ended = samples[0][0], samples[-1][0]
    kept = [one for one in samples if one[0] >= began + warm_up * (ended - began)]
    if len(kept) < 2 * BLOCKS or ended - kept[0][0] < LEAST:
        return None
    size = len(kept) // BLOCKS
    parts = [median(value for _, value in kept[at * size : (at + 1) * size]) for at in range(BLOCKS)]
    steps = [later - one for one, later in pairwise(parts)]
    typical = median(steps)
    deviation = 1.4826 * median(abs(one - typical) for one in steps)  # of a normal distribution the standard one
    an_hour = 3600 / ((kept[-1][0] - kept[0][0]) / BLOCKS)
    error = 1.2533 * deviation / math.sqrt(len(steps))  # of a median
    return Slope(typical * an_hour, error * an_hour, parts[-1] - parts[0])
