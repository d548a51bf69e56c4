"""Members that have come to others that are at work take turns, until they have as much in hand.

Who is back has nothing in hand.  A balancer that takes who has the least would send it request after request until it has as many as the
others: all there are, for as long as requests take.  So a newcomer is taken by turns, which gives it just its share, and as soon as it has
as much in hand as who would be taken in its place it is none any more.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from heapq import heapify, heappop, heapreplace
from typing import Any


class Arrivals:
    """Who of the members of a service has become ready beside others."""

    __slots__ = ("_is_member", "_known", "new", "seen")

    def __init__(self, known: Iterable[Any], is_member: Callable[[Any], bool]) -> None:
        """``known``: members that are ready already; ``is_member``: whether one that is ready is a member, and not who stands for all of
        them for a while."""
        self._is_member = is_member
        self._known = frozenset(known)  # those of the last tuple
        self.seen: Any = None  #: the last tuple
        self.new: dict[Any, float] = {}  #: each that has come, with a number that is its owner's

    def look(self, ready: Sequence[Any], number: float) -> bool:
        """Whether others are ``ready``, all that are, than last time; who has come gets the ``number``, and who has gone is forgotten."""
        if ready is self.seen or not self._is_member(ready[0]):
            return False  # behind who stands for all nobody has left, and who is ready again is not new for that
        there = frozenset(ready)
        if self._known:
            self.new.update(dict.fromkeys(there - self._known, number))
        self.new = {one: number for one, number in self.new.items() if one in there}
        self._known = there
        self.seen = ready if type(ready) is tuple else None  # a list may change under its identity
        return True


class Newcomers:
    """The newcomers of one service, and whose turn it is."""

    __slots__ = ("_arrivals", "_coming", "_others", "_pick", "_picks", "_ready", "_whole")

    def __init__(
        self, arrivals: Arrivals, ready: Callable[[], Sequence[Any]], pick: Callable[[Sequence[Any]], Any]
    ) -> None:
        """``ready``: returns all that are ready now; ``pick``: takes one of those that are no newcomers."""
        self._arrivals = arrivals
        self._ready = ready
        self._pick = pick
        self._picks = 0.0
        self._others: tuple[Any, ...] = ()
        self._coming: list[tuple[float, int, Any]] = []  # a heap: at which pick each has its turn
        self._whole = 0  # weight of all candidates

    def come(self, candidates: Sequence[Any]) -> bool:
        """Whether there are newcomers among ``candidates``, which are others than at the last pick, and somebody else."""
        ready = self._ready()
        if ready:
            self._arrivals.look(ready, self._picks)
        self._sort(candidates)
        return bool(self._coming and self._others)

    def pick(self, candidates: Sequence[Any]) -> Any:
        """Take one of ``candidates``, of which ``come`` was told; None: there are no newcomers among them any more."""
        if not self._coming:
            return None
        self._picks += 1.0
        found = self._pick(self._others)
        due, number, one = self._coming[0]
        if due > self._picks:
            return found
        if one.in_hand * found.weight >= found.in_hand * one.weight:
            del self._arrivals.new[one]
            heappop(self._coming)
            self._others = tuple([other for other in candidates if other not in self._arrivals.new])
            return found
        due = self._picks + self._whole / one.weight
        self._arrivals.new[one] = due
        heapreplace(self._coming, (due, number, one))
        return one

    def _sort(self, candidates: Sequence[Any]) -> None:
        new = self._arrivals.new
        others = tuple([one for one in candidates if one not in new])
        if others != self._others:  # else the balancer knows the tuple
            self._others = others
        self._coming = [(new[one], number, one) for number, one in enumerate(candidates) if one in new]
        heapify(self._coming)
        self._whole = sum([one.weight for one in candidates])
