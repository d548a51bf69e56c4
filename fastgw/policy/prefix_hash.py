"""Which endpoint takes the next exchange, by what its prompt begins with: engines keep what they have computed for it.

A prompt has some numbers (``wire.prompt``), the first shared by most prompts, each next one by fewer: all of an application, all about a
document, all turns of a conversation.  For each number in turn the candidates become fewer: those stay that it ranks highest (rendezvous
hashing: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998), as many as the part of all prompts that have
this number needs, ``SPARE`` times.  So an application that few use has one endpoint, one that everybody uses has all of them, and each of
its conversations one; and no endpoint has the openings of all applications in its memory, where there are too many for that.

What decides are hashes of addresses and of the prompt: the same in every worker, on every node and after every restart, so nobody has to
know what others have sent where.  How many prompts have a number each worker counts for itself, in a table that is bounded: workers that
count a little differently agree for all but a few conversations, as ranks are the same and only how many of the first count is not.  If
an endpoint is not ready, its prompts go to the next in rank, all others stay; if it comes back they do too.

An endpoint that has ``FEW`` or more in hand, and more than ``bound`` times its share, is passed over for the next in rank (see
``policy.hashing``).
"""

from __future__ import annotations

from _blake2 import blake2b  # see ``policy.hashing``
from collections.abc import Sequence
from math import log
from typing import Any, Final
from weakref import WeakValueDictionary

OWNER, SPILLED, NO_PREFIX = range(
    3
)  #: how an endpoint was found: the first in rank, another as that has too much, by what it has in hand
SPARE: Final = 1.5  #: times as many endpoints as needed: of so few each would have the share of its prompts and no more
FEW: Final = 4  #: an endpoint of which a worker has less in hand is not passed over: engines compute some together
COUNTED: Final = (
    2048  #: prompts after which what was counted is halved; so no more numbers are known than twice as many
)
_ORDERS: Final = 256  #: first numbers whose ranks are kept
_MASK: Final = (1 << 64) - 1
_WHOLE: Final = float(1 << 64)


class Popularity:
    """How often prompts have begun with what, of late."""

    __slots__ = ("__weakref__", "_counts", "_total")

    def __init__(self) -> None:
        self._counts: dict[int, float] = {}  # of each number, in how many prompts it was
        self._total = 0.0

    def __len__(self) -> int:
        """Numbers that are known."""
        return len(self._counts)

    def part(self, number: int) -> float:
        """The part of all prompts that have ``number``, 0 to 1."""
        return self._counts.get(number, 0.0) / (self._total or 1.0)

    def count(self, numbers: Sequence[int]) -> None:
        """There is one more that begins so."""
        counts = self._counts
        for number in numbers:
            counts[number] = counts.get(number, 0.0) + 1.0
        self._total += 1.0
        if self._total >= COUNTED:
            self._total /= 2
            self._counts = {number: count / 2 for number, count in counts.items() if count >= 2.0}


_POPULARITY: Final[WeakValueDictionary[str, Popularity]] = WeakValueDictionary()


def popularity_of(service: str) -> Popularity:
    """That of a service, which outlives a reload that keeps the service."""
    found = _POPULARITY.get(service)
    if found is None:
        found = _POPULARITY[service] = Popularity()
    return found


class PrefixHash:
    """The balancer."""

    __slots__ = ("_bound", "_known", "_least", "_members", "_orders", "_popularity", "_seen", "_weight")

    def __init__(self, least: Any, bound: float, popularity: Popularity | None = None) -> None:
        """``least``: picks where there is no prefix; ``bound``: times the average that an endpoint may have in hand, 0: any number;
        ``popularity``: what is known already."""
        self._least = least
        self._bound = bound
        self._popularity = Popularity() if popularity is None else popularity
        self._known: dict[str, int] = {}  # by place, what its ranks are made of
        self._seen: Any = None  # the tuple that the following is of
        self._members: tuple[tuple[Any, int], ...] = ()
        self._weight = 0  # of all candidates if these differ; 0: they are even
        self._orders: dict[int, list[tuple[Any, int]]] = {}

    def pick(self, candidates: Sequence[Any]) -> Any:
        """Take one of the candidates: there is no prefix."""
        return self._least.pick(candidates)

    def pick_by(
        self, candidates: Sequence[Any], numbers: Sequence[int], but: Sequence[Any] = (), *, is_new: bool = True
    ) -> tuple[Any, int]:
        """Take one for a prompt, and say how it was found.

        Args:
            candidates: at least one.
            numbers: of its beginning; empty: it has none.
            but: those that are passed over as if they were not there, unless there is nobody else.
            is_new: it is counted; False: it was, this is another try.
        """
        if not numbers:
            return self._least.pick(candidates), NO_PREFIX
        if candidates is not self._seen:
            self._learn(candidates)
        if is_new:
            self._popularity.count(numbers)
        order = self._order(numbers)
        if but:
            order = [one for one in order if one not in but] or order
        if self._bound:
            average = self._bound * (sum([one.in_hand for one in candidates]) + 1)
            total = self._weight or len(candidates)
            for place, one in enumerate(order):
                share = one.weight if self._weight else 1
                if one.in_hand < FEW or (one.in_hand + 1) * total <= average * share:
                    return one, OWNER if place == 0 else SPILLED
        return order[0], OWNER

    def _order(self, numbers: Sequence[int]) -> list[Any]:
        """Everybody, the first in rank first."""
        left = self._first_order(numbers[0])
        behind: list[Any] = []  # who was left out, the last first
        for number in numbers:
            if number != numbers[0]:
                left = self._ranked(left, number)
            count = self._needed(number)
            if count < len(left):
                behind = [one for one, _ in left[count:]] + behind
                left = left[:count]
        return [one for one, _ in left] + behind

    def _first_order(self, number: int) -> list[tuple[Any, int]]:
        found = self._orders.get(number)
        if found is None:
            if len(self._orders) == _ORDERS:
                del self._orders[next(iter(self._orders))]
            found = self._orders[number] = self._ranked(self._members, number)
        return found

    def _needed(self, number: int) -> int:
        """How many endpoints the prompts with ``number`` are to have."""
        return 1 + int(SPARE * self._popularity.part(number) * len(self._members))

    def _ranked(self, members: Sequence[tuple[Any, int]], number: int) -> list[tuple[Any, int]]:
        if self._weight:
            return sorted(members, key=lambda one: _score(one[1], number) / one[0].weight, reverse=True)
        return sorted(members, key=lambda one: _mixed(one[1], number), reverse=True)

    def _learn(self, candidates: Sequence[Any]) -> None:
        """Others are ready than before; perhaps some are new, or weigh something else."""
        if len(self._known) > 2 * len(candidates) + 64:
            self._known = {}  # endpoints that are gone for good must not be held
        known = self._known
        for one in candidates:
            if one.place not in known:
                known[one.place] = int.from_bytes(blake2b(one.place.encode(), digest_size=8).digest(), "big")
        self._members = tuple([(one, known[one.place]) for one in candidates])
        weights = [one.weight for one in candidates]
        self._weight = sum(weights) if min(weights) != max(weights) else 0
        self._orders = {}
        self._seen = candidates if type(candidates) is tuple else None  # a list may change under its identity


def _score(seed: int, number: int) -> float:
    """Below 0, and by chance such that divided by weights the largest is each one's as often as its weight says."""
    return log((_mixed(seed, number) + 1) / _WHOLE)


def _mixed(seed: int, number: int) -> int:
    """A number of [0, 2**64) that says nothing of either (the last steps of SplitMix64)."""
    found = (seed ^ number * 0x9E3779B97F4A7C15) & _MASK
    found = ((found ^ found >> 30) * 0xBF58476D1CE4E5B9) & _MASK
    found = ((found ^ found >> 27) * 0x94D049BB133111EB) & _MASK
    return found ^ found >> 31
