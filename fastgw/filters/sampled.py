"""What filters have in common that look at some exchanges only, by chance: to the others they are a count when they come, and one look
when they are over.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from fastgw.policy.sampler import Sampler

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


class Sampled:
    """Such a filter, of which another class says what becomes of those that are taken."""

    __slots__ = ("_open", "_open_max", "_sampler")

    def __init__(self, share: float, open_max: int, chance: Callable[[], float] = random.random) -> None:
        """``share``: of the exchanges so many are taken, from 0 to 1; ``open_max``: at one time, others are not, however many there are;
        ``chance``: numbers in [0, 1)."""
        self._sampler = Sampler(share, chance)
        self._open_max = open_max
        self._open: dict[Exchange, Any] = {}  #: those that are taken, and what ``_begun`` made of each

    def request(self, exchange: Exchange) -> None:
        """Decide whether this one is taken."""
        if self._sampler.takes() and len(self._open) < self._open_max:
            self._open[exchange] = self._begun(exchange)

    def done(self, exchange: Exchange) -> None:
        """One that was taken is over."""
        if self._open:
            kept = self._open.pop(exchange, None)
            if kept is not None:
                self._ended(exchange, kept)

    def _begun(self, exchange: Exchange) -> Any:
        """What is kept of one that is taken, as it comes; never None."""
        raise NotImplementedError

    def _ended(self, exchange: Exchange, kept: Any) -> None:
        """It is over, and that is what was ``kept``."""
        raise NotImplementedError
