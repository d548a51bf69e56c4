"""The few statistics the benchmark speaks in: medians, quantiles, and ratios of measurements made side by side."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


def quantile(values: Sequence[float], q: float) -> float:
    """The q-quantile, 0 <= q <= 1, linear between neighbours.  ValueError without values."""
    if not values:
        raise ValueError("a quantile of nothing")
    ordered = sorted(values)
    place = q * (len(ordered) - 1)
    low = int(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (place - low)


def median(values: Sequence[float]) -> float:
    """The middle value; of an even number, the mean of the two in the middle."""
    return quantile(values, 0.5)


@dataclass(frozen=True, slots=True)
class Ratio:
    """One gateway against another: the middle of the ratios of each round, and the lowest and highest round."""

    median: float
    low: float
    high: float


def paired_ratio(values: Sequence[float], reference: Sequence[float]) -> Ratio | None:
    """Divide round by round, then take the median.

    A round measures all gateways one after the other, so what disturbs the machine for a while disturbs both sides of
    a ratio; the ratio of two medians from different moments has no such protection.  None when no round has both.
    """
    ratios = [value / other for value, other in zip(values, reference, strict=False) if other > 0]
    return Ratio(median(ratios), min(ratios), max(ratios)) if ratios else None
