"""Which of many a sample takes, each with the same chance, and without chance being asked for each.

How many are passed over until the next that is taken has the geometric distribution, so that number is drawn at once (Bernoulli sampling by
skips; Fan, Muller, Rezucha 1962, and Vitter, "Faster methods for random sampling", 1984): for all the others there is a count, and no more.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final

_NEVER: Final = 1 << 62  #: more than ever come


class Sampler:
    """Takes a share of what comes."""

    __slots__ = ("_chance", "_left", "_share")

    def __init__(self, share: float, chance: Callable[[], float]) -> None:
        """``share``: from 0, none, to 1, all; ``chance``: numbers in [0, 1), asked once for each that is taken."""
        self._share = share
        self._chance = chance
        self._left = -1  # to be passed over before the next that is taken; -1: not drawn yet

    def takes(self) -> bool:
        """Whether the one that comes now is taken."""
        if self._left > 0:
            self._left -= 1
            return False
        if self._left < 0:
            self._left = self._skipped()
            return self.takes()
        self._left = -1
        return True

    def _skipped(self) -> int:
        if self._share >= 1.0:
            return 0
        if self._share <= 0.0:
            return _NEVER
        return int(min(math.log1p(-self._chance()) / math.log1p(-self._share), _NEVER))
