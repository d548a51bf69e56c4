"""What an amount will be, from what it was of late: a mean that forgets, and how far from it amounts are.

This is how TCP learns the time of a round trip (RFC 6298 section 2), for whatever comes in amounts: ``guess`` is enough for most of those
that come as the last ones did.  Numbers alone; who learns what is the caller's affair.
"""

from __future__ import annotations

from typing import Final

_MEAN_GAIN: Final = 0.125  #: how much of the newest goes into the mean
_DEVIATION_GAIN: Final = 0.25
_DEVIATIONS: Final = 2.0  #: of these is a guess above the mean


class Learned:
    """One kind of amounts."""

    __slots__ = ("deviation", "mean")

    def __init__(self, first: float) -> None:
        """``first``: the amount that was seen first."""
        self.mean = first
        self.deviation = first / 2

    def learn(self, amount: float) -> None:
        """One more was seen."""
        self.deviation += _DEVIATION_GAIN * (abs(amount - self.mean) - self.deviation)
        self.mean += _MEAN_GAIN * (amount - self.mean)

    @property
    def guess(self) -> int:
        """What the next one will hardly exceed."""
        return int(self.mean + _DEVIATIONS * self.deviation) + 1
