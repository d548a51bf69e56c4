"""Members that are new, or back, get their share bit by bit.

One that has been there for a part of the window weighs that part of its weight, ``LEAST`` at least.  Balancers know nothing of it: one
that a balancer has picked, and that has not settled yet, is taken if its turn has come, and otherwise one of those that have.  Its turns
lie so far from each other that it gets just its share of all requests, also where a balancer prefers who is idle, which a newcomer is.

Where nobody has settled there is nobody to be spared.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from fastgw.policy.newcomers import Arrivals

LEAST: Final = 0.05  #: part of its weight that one has at once
ANEW: Final = 0.05  #: seconds until the shares are worked out again

Pick = Callable[[Sequence[Any]], Any]


class SlowStart:
    """The newcomers of one service."""

    __slots__ = ("_again", "_among", "_arrivals", "_clock", "_last", "_picks", "_settled", "_weights", "_window")

    def __init__(self, window: float, arrivals: Arrivals, clock: Callable[[], float]) -> None:
        """``window``: seconds; ``arrivals``: which are told when each came; ``clock``: seconds."""
        self._window = window
        self._clock = clock
        self._arrivals = arrivals
        self._picks = 0.0
        self._last: dict[Any, float] = {}  # at which pick each of them had its last turn
        self._among: Any = None  # the tuple of candidates that ``_settled`` is of
        self._settled: tuple[Any, ...] = ()
        self._again = 0.0  # when the rest is worked out anew
        self._weights = 0.0  # of all candidates, of newcomers their part

    def part(self, member: Any) -> float:
        """Of its weight, that ``member`` has now."""
        since = self._arrivals.new.get(member)
        if since is None:
            return 1.0
        return max(LEAST, min(1.0, (self._clock() - since) / self._window))

    def pick(self, ready: Sequence[Any], candidates: Sequence[Any], pick: Pick, among_settled: Pick) -> Any:
        """Take one of ``candidates``, which are some or all of ``ready``, all that are ready now.

        ``pick`` takes one of them, ``among_settled`` where only those that have settled are left.
        """
        if ready is not self._arrivals.seen and self._arrivals.look(ready, self._clock()):
            self._again = 0.0
        self._picks += 1.0
        found = pick(candidates)
        if found not in self._arrivals.new:
            return found
        now = self._clock()
        if now >= self._again or candidates is not self._among:
            self._renew(now, candidates)
        if not self._settled or self._is_due(found):
            return found
        return among_settled(self._settled)

    def _is_due(self, found: Any) -> bool:
        """Whether its turn has come; one that it was not picked in is made good, more are not."""
        part = self.part(found)
        if part == 1.0:
            return True
        every = self._weights / (part * found.weight)
        last = self._last.get(found, self._picks - every)
        if self._picks - last < every:
            return False
        self._last[found] = max(last, self._picks - 2 * every) + every
        return True

    def _renew(self, now: float, candidates: Sequence[Any]) -> None:
        new = self._arrivals.new
        self._again = now + ANEW
        for one in [one for one, since in new.items() if now - since >= self._window]:
            del new[one]
        self._last = {one: last for one, last in self._last.items() if one in new}
        settled = tuple([one for one in candidates if one not in new])
        if settled != self._settled:  # else balancers know the tuple
            self._settled = settled
        self._among = candidates if type(candidates) is tuple else None
        self._weights = sum([self.part(one) * one.weight for one in candidates])
