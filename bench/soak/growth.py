"""How memory moves over a run, and whether that is more than noise."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEAST = 240.0
"""Seconds behind the warm-up that a slope is told of: below it, what fills once looks like growth."""
BLOCKS = 12
"""Parts whose means are looked at: samples next to each other are alike, so they are no noise of their own."""


@dataclass(frozen=True, slots=True)
class Slope:
    """A straight line through the block means of a run."""

    per_hour: float
    """Bytes an hour."""
    error: float
    """Its standard error, bytes an hour."""

    @property
    def is_noise(self) -> bool:
        """Zero is within what chance explains (three standard errors)."""
        return self.per_hour <= 3 * self.error


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
    blocks = [kept[at * size : (at + 1) * size] for at in range(BLOCKS)]
    xs = [sum(at for at, _ in block) / size for block in blocks]
    ys = [sum(value for _, value in block) / size for block in blocks]
    x, y = sum(xs) / BLOCKS, sum(ys) / BLOCKS
    spread = sum((one - x) ** 2 for one in xs)
    if spread == 0:
        return None
    slope = sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / spread
    rest = sum((b - y - slope * (a - x)) ** 2 for a, b in zip(xs, ys, strict=True))
    return Slope(slope * 3600, math.sqrt(rest / (BLOCKS - 2) / spread) * 3600)
