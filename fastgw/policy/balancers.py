"""Which endpoint takes the next exchange.

A candidate has two whole numbers: ``weight``, its share (1 or more), and ``in_hand``, the exchanges it has or will have.
Both may change at any time, and the candidates may be others at every pick (an endpoint was ejected, or has been
tried already).  Where reading all weights would cost too much, those of a tuple are read again after as many picks as
it has candidates.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from heapq import heapify, heapreplace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from fastgw.policy.newcomers import Newcomers

#: up to so many candidates LeastRequest looks at all of them: that is no dearer than drawing two
EXACT_MAX = 4
#: up to so many candidates of unequal weights RoundRobin looks at all of them
SMOOTH_MAX = 16
SECOND = 1 << 32  #: from turn to turn of a candidate of weight 1
_BITS = 16  #: of a time, that are the number of its candidate: a service has less than 65,536
_NUMBER = (1 << _BITS) - 1
_GOLDEN = 0.6180339887498949  #: multiples of it, without their whole parts, lie far from each other


class Candidate(Protocol):
    """What a balancer knows of an endpoint; hashable, by identity or otherwise."""

    @property
    def in_hand(self) -> int:
        """Exchanges in hand."""
        ...

    @property
    def weight(self) -> int:
        """Share of the load, 1 or more."""
        ...


E = TypeVar("E", bound=Candidate)


class RoundRobin:
    """Smooth weighted round robin.

    Every candidate earns its weight at every pick, the richest is taken and pays what all have earned.  So weights 5,
    1, 1 give a a b a c a a, not five in a row.  A tuple of equal weights takes the short way, a turn counter, and is
    looked at again after each round.  Of more than ``SMOOTH_MAX`` with unequal weights each is *due* once in a time of
    its own, ``SECOND`` by its weight, and the one that is due first is taken: nobody looks at them all.
    """

    __slots__ = ("_dues", "_even", "_known", "_left", "_steps", "_turn", "_wealth")

    def __init__(self) -> None:
        self._wealth: dict[Any, int] = {}
        self._even: Any = None  # the tuple whose weights were equal when this round began
        self._turn = 0
        # What was planned for a tuple of more than SMOOTH_MAX, for so many picks:
        self._known: Any = None
        self._left = 0
        self._dues: list[int] = []  # a heap of times, each with the number of its candidate below
        self._steps: list[int] = []  # by number, from one such to the next

    def pick(self, candidates: Sequence[E]) -> E:
        """Take one of the candidates, of which there is at least one."""
        count = len(candidates)
        if count == 1:
            return candidates[0]
        if candidates is not self._even:
            if candidates is self._known and self._left:
                due: E = self._pick_due(candidates)
                return due
            # A list may change under its identity, a tuple cannot: only a tuple is recognised again.
            if type(candidates) is not tuple or not _is_even(candidates):
                if count <= SMOOTH_MAX:
                    return self._pick_richest(candidates)
                self._plan(candidates)
                return self._pick_due(candidates)
            self._even = candidates
            self._turn %= count
        chosen: E = candidates[self._turn]
        self._turn += 1
        if self._turn == count:
            self._turn = 0
            self._even = None
        return chosen

    def _pick_richest(self, candidates: Sequence[E]) -> E:
        wealth = self._wealth
        total = 0
        chosen = candidates[0]
        most = 0
        for candidate in candidates:
            weight = candidate.weight
            owned = wealth.get(candidate, 0) + weight
            wealth[candidate] = owned
            total += weight
            if owned > most:
                most = owned
                chosen = candidate
        wealth[chosen] -= total
        if len(wealth) > 2 * len(candidates):
            # Endpoints that are gone for good must not be held.
            self._wealth = {candidate: wealth[candidate] for candidate in candidates}
        return chosen

    def _pick_due(self, candidates: Sequence[E]) -> E:
        self._left -= 1
        due = self._dues[0]
        number = due & _NUMBER
        heapreplace(self._dues, due + self._steps[number])
        return candidates[number]

    def _plan(self, candidates: Sequence[E]) -> None:
        """Read the weights.  Whoever was there keeps his place in time, or comes sooner by a larger weight;
        others begin at places of their own, or equal ones would come all at once."""
        now = self._dues[0] & ~_NUMBER if self._dues else 0
        before = {}
        if self._known is not None:
            before = {self._known[due & _NUMBER]: due - now & ~_NUMBER for due in self._dues}
        self._steps = [SECOND // one.weight << _BITS for one in candidates]
        self._dues = []
        for number, one in enumerate(candidates):
            step = self._steps[number]
            due = min(before.get(one, int(step * (number * _GOLDEN % 1.0))), step)
            self._dues.append(due & ~_NUMBER | number)
        heapify(self._dues)
        self._known = tuple(candidates)  # a list may change under its identity, and is not recognised again
        self._left = len(candidates)


def _is_even(candidates: Sequence[E]) -> bool:
    weight = candidates[0].weight
    for candidate in candidates:  # noqa: SIM110 - a generator would be a closure on the request path
        if candidate.weight != weight:
            return False
    return True


class Random:
    """Any of the candidates, by weight."""

    __slots__ = ("_bounds", "_is_even", "_known", "_left", "_random")

    def __init__(self, random: Callable[[], float]) -> None:
        self._random = random  #: [0, 1)
        # What was learned of the weights of a tuple, for so many picks:
        self._known: Any = None
        self._left = 0
        self._is_even = True
        self._bounds: list[int] = []  # where each candidate's part of the total weight ends

    def pick(self, candidates: Sequence[E]) -> E:
        """Take one of the candidates, of which there is at least one."""
        if candidates is not self._known or not self._left:
            # Only a tuple is recognised again: a list may change under its identity.
            self._known = candidates if type(candidates) is tuple else None
            self._left = len(candidates)
            self._is_even = _is_even(candidates)
            self._bounds = [] if self._is_even else _bounds(candidates)
        self._left -= 1
        if self._is_even:
            return candidates[int(self._random() * len(candidates))]
        return candidates[bisect_right(self._bounds, int(self._random() * self._bounds[-1]))]


def _bounds(candidates: Sequence[E]) -> list[int]:
    bounds = []
    total = 0
    for candidate in candidates:
        total += candidate.weight
        bounds.append(total)
    return bounds


class LeastRequest:
    """The candidate with the fewest exchanges in hand for its weight.

    Up to ``EXACT_MAX`` candidates: the least of all, by turns where several are, or drawn by weight where their weights differ.  Above: the
    better of two drawn by weight ("the power of two choices"), which keeps several workers, each of which sees its own exchanges only,
    from falling on the same endpoint together.  The first of the two is drawn evenly: each draw lies far from the one before.
    """

    __slots__ = (
        "_beside",
        "_bounds",
        "_is_even",
        "_known",
        "_left",
        "_newcomers",
        "_point",
        "_random",
        "_seen",
        "_turn",
    )

    def __init__(
        self, random: Callable[[], float], newcomers: Callable[[Sequence[Any]], Newcomers | None] | None = None
    ) -> None:
        """``newcomers``: asked when candidates are others than at the last pick, for what picks while some of them have come of late;
        None: nobody is ever spared."""
        self._random = random  #: [0, 1)
        self._newcomers = newcomers
        self._seen: Any = None  # the last tuple
        self._beside: Newcomers | None = None  # what it has said
        self._turn = 0  # of up to EXACT_MAX, who is looked at first
        # What was learned of the weights of a tuple of more than EXACT_MAX, for so many picks:
        self._known: Any = None
        self._left = 0
        self._is_even = True
        self._bounds: list[int] = []  # where each candidate's part of the total weight ends
        self._point = -1.0  # where the first of two is drawn next, [0, 1)

    def pick(self, candidates: Sequence[E]) -> E:
        """Take one of the candidates, of which there is at least one."""
        count = len(candidates)
        if count == 1:
            return candidates[0]
        if candidates is not self._seen:
            self._meet(candidates)
        if self._beside is not None:
            found = self._beside.pick(candidates)
            if found is not None:
                chosen: E = found
                return chosen
            self._beside = None
        return self._pick_least(candidates) if count <= EXACT_MAX else self._pick_of_two(candidates)

    def _meet(self, candidates: Sequence[E]) -> None:
        self._seen = candidates if type(candidates) is tuple else None  # a list may change under its identity
        if self._newcomers is not None:
            self._beside = self._newcomers(candidates)

    def _pick_least(self, candidates: Sequence[E]) -> E:
        count = len(candidates)
        index = place = self._turn if self._turn < count else 0
        best = candidates[place]
        tied = best.weight  # the weight of all that are as good as the best
        is_uneven = False  # those have other weights
        for _ in range(1, count):
            index = index + 1 if index + 1 < count else 0
            candidate = candidates[index]
            # active / weight, compared without a division
            load = candidate.in_hand * best.weight
            least = best.in_hand * candidate.weight
            if load < least:
                best = candidate
                place = index
                tied = candidate.weight
                is_uneven = False
            elif load == least:
                tied += candidate.weight
                is_uneven = is_uneven or candidate.weight != best.weight
        if not is_uneven:
            self._turn = place + 1
            return best
        point = self._random() * tied
        for candidate in candidates:
            if candidate.in_hand * best.weight == best.in_hand * candidate.weight:
                point -= candidate.weight
                if point < 0:
                    return candidate
        return best

    def _pick_of_two(self, candidates: Sequence[E]) -> E:
        if candidates is not self._known or not self._left:
            self._learn(candidates)
        self._left -= 1
        point = self._point
        self._point = point + _GOLDEN if point + _GOLDEN < 1.0 else point + _GOLDEN - 1.0
        if self._is_even:
            count = len(candidates)
            place = int(point * count)
            other = int(self._random() * (count - 1))
            first = candidates[place]
            second = candidates[other if other < place else other + 1]
        else:
            total = self._bounds[-1]
            first = candidates[bisect_right(self._bounds, int(point * total))]
            second = candidates[bisect_right(self._bounds, int(self._random() * total))]
        # On a tie the first stands: it alone was drawn, so idle endpoints are taken by weight.
        return second if second.in_hand * first.weight < first.in_hand * second.weight else first

    def _learn(self, candidates: Sequence[E]) -> None:
        """Read the weights.  Only a tuple is recognised again: a list may change under its identity."""
        self._known = candidates if type(candidates) is tuple else None
        self._left = len(candidates)
        self._is_even = _is_even(candidates)
        self._bounds = [] if self._is_even else _bounds(candidates)
        if self._point < 0.0:
            self._point = self._random()
