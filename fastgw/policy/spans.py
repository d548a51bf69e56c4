"""A part of a period, in whole numbers, whatever their size: ``amount * period / count``.  Compiled it is ``_spans.pxd``, in 128 bits."""

from __future__ import annotations

MOST = 1 << 62  #: it is never more, so that it can be added to a time


def up(amount: int, period: int, count: int) -> int:
    """Rounded up."""
    return min(-(-amount * period // count), MOST)


def down(amount: int, period: int, count: int) -> int:
    """Rounded down."""
    return min(amount * period // count, MOST)
