"""The supervisor's half of the live tail: the last exchanges that failed or were slow, as the workers tell them.

The workers tell while somebody watches, and only then: ``begin`` and ``end`` have them do so.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from fastgw.server.messages import Tail, Tailed

KEPT: Final = 200  #: exchanges
FORGOTTEN: Final = 60.0  #: seconds without a viewer after which what the last one saw is of no use to the next
SLOW: Final = 1.0  #: seconds, where there is no admin address that says so


class TailRing:
    """Who watches what the workers tell."""

    def __init__(self, tell: Callable[[Tail], object], clock: Callable[[], float] = time.monotonic) -> None:
        """``tell``: lets every worker know."""
        self._tell = tell
        self._clock = clock
        self._slow = SLOW
        self._kept: deque[dict[str, Any]] = deque(maxlen=KEPT)
        self._number = 0  #: of the last exchange
        self._left_out = 0
        self._ended = 0.0
        self._is_watched = False

    @property
    def order(self) -> Tail:
        """What a worker must know that has just begun."""
        return Tail(self._is_watched, self._slow)

    def keep(self, slow: float) -> None:
        """``slow`` is what the configuration in use says."""
        if slow != self._slow:
            self._slow = slow
            if self._is_watched:
                self._tell(Tail(True, slow))

    def begin(self) -> None:
        """Somebody watches."""
        if self._clock() - self._ended > FORGOTTEN:
            self._kept.clear()
        self._is_watched = True
        self._tell(Tail(True, self._slow))

    def end(self) -> None:
        """Nobody does any more."""
        self._is_watched = False
        self._ended = self._clock()
        self._tell(Tail(False))

    def learn(self, news: Tailed) -> None:
        """A worker tells of some."""
        self._left_out += news.left_out
        for one in news.ends:
            self._number += 1
            self._kept.append({"number": self._number, **one._asdict()})

    def since(self, number: int) -> tuple[dict[str, Any] | None, int]:
        """Exchanges behind that of ``number``, oldest first, and how many were left out since the start; None: there are none.  And the
        last number."""
        if number == self._number:
            return None, number
        ends = [one for one in self._kept if one["number"] > number]
        return {"ends": ends, "left_out": self._left_out, "slow": self._slow}, self._number
