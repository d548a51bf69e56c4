"""Which endpoint takes the next exchange, by a key of it, and one way to do that: consistent hashing on a ring (Karger and others, 1997).

Each endpoint has ``POINTS`` points on a circle, those of less weight fewer, at hashes of its address: the same in every worker, on every
node, after every restart.  A key belongs to the next point behind its own hash.  If an endpoint is not ready, its keys go to the next ones
on the circle, all others stay; if it comes back they do too.  The circle is one of all members, whoever of them is ready, so it is drawn
anew for other members, or weights, alone.  Who is ready in the place of a member (``core.live.guard``) is known by that place.

With a bound (Mirrokni, Thorup and Zadimoghaddam, "Consistent Hashing with Bounded Loads", 2018) an endpoint that has more in hand than
``bound`` times its share is passed over, and the next one takes what is too much.
"""

from __future__ import annotations

from _blake2 import blake2b  # of hashlib, which would bring those of OpenSSL: 0.7 MiB of each worker
from array import array
from bisect import bisect_right
from collections.abc import Callable, Sequence
from struct import Struct
from typing import Any, Protocol

POINTS = 160  #: on the circle, of an endpoint with the largest weight: parts differ by 8 % (one standard deviation)
_OF_A_DIGEST = 8  #: points that one digest of 64 bytes gives
_POINTS_OF = Struct(">8Q").unpack
_NUMBER = 0xFFFF  #: bits of a point that are the number of its endpoint: a service has less than 65,536
NOBODY = ""  #: the place of points whose endpoint has gone
_HASH = ((1 << 64) - 1) ^ _NUMBER  #: those that are its place on the circle


class Placed(Protocol):
    """What is known of an endpoint."""

    @property
    def in_hand(self) -> int:
        """Exchanges in hand."""

    @property
    def weight(self) -> int:
        """Share of the load, 1 or more."""

    @property
    def place(self) -> str:
        """Its address, as text that is the same everywhere."""


class ByKey:
    """What balancers have in common that choose by a key: equal keys have one *point* in [0, 2**64), each point its candidate."""

    __slots__ = (
        "_bound",
        "_has_ready",
        "_left",
        "_members",
        "_places",
        "_random",
        "_roster",
        "_seen",
        "_total",
        "_weight",
        "_weights",
    )

    def __init__(self, random: Callable[[], float], roster: Callable[[], Sequence[Any]], bound: float = 0.0) -> None:
        """``random``: [0, 1), for what has no key; ``roster``: returns all members, those that are not ready included; ``bound``: times
        the average that an endpoint may have in hand; 0: any number."""
        self._random = random
        self._roster = roster
        self._bound = bound
        self._seen: Any = None  # the tuple that ``_members`` is of
        self._weights: dict[str, int] = {}  # of all members, by place, sorted
        self._places: list[str] = []  # of the members, by number
        self._members: list[Any] = []  # by the same number, who of them is a candidate; None: it is none
        self._has_ready = False  # is any candidate there?
        self._left = 0  # picks until the load is added up again
        self._total = 0  # in hand of all candidates
        self._weight = 1  # of all candidates

    def pick(self, candidates: Sequence[Any]) -> Any:
        """Take one of the candidates by chance: the exchange has no key."""
        return self._at(candidates, int(self._random() * (1 << 64)))

    def pick_by(self, candidates: Sequence[Any], key: bytes, but: Sequence[Any] = ()) -> Any:
        """Take the candidate that ``key`` belongs to, or the next one that is there; without a key by chance.

        ``but``: those that are passed over as if they were not there, unless there is nobody else."""
        if not key:
            return self.pick(candidates)
        return self._at(candidates, int.from_bytes(blake2b(key, digest_size=8).digest(), "big"), but)

    def _at(self, candidates: Sequence[Any], point: int, but: Sequence[Any] = ()) -> Any:
        if candidates is not self._seen:
            self._learn(candidates)
        found = self._find(candidates, point, but) if self._has_ready else None
        return found or candidates[point % len(candidates)]

    def _find(self, candidates: Sequence[Any], point: int, but: Sequence[Any]) -> Any:
        """The candidate at ``point``, as one is at least, and none of ``but``; None: it was not found."""
        raise NotImplementedError

    def _draw(self, weights: dict[str, int]) -> list[str]:
        """Other members there are than before (``_weights``), or they weigh something else; return their places by number."""
        raise NotImplementedError

    def _limit(self, candidates: Sequence[Any]) -> float:
        """Exchanges in hand for each unit of weight; added up anew after a quarter as many picks as there are candidates."""
        if not self._left:
            self._left = 1 + len(candidates) // 4
            self._total = sum([one.in_hand for one in candidates])
        self._left -= 1
        self._total += 1
        return self._bound * self._total / self._weight

    def _learn(self, candidates: Sequence[Any]) -> None:
        """Others are ready than before; perhaps some are new, or weigh something else."""
        weights = {one.place: one.weight for one in sorted(self._roster(), key=_place)}
        if weights != self._weights:
            self._places = self._draw(weights)
            self._weights = weights
        there = {one.place: one for one in candidates}
        self._members = [there.get(place) for place in self._places]
        self._has_ready = any(one is not None for one in self._members)
        self._weight = sum([one.weight for one in candidates])
        self._left = 0
        self._seen = candidates if type(candidates) is tuple else None  # a list may change under its identity


def _place(one: Any) -> str:
    return one.place  # type: ignore[no-any-return]


class ConsistentHash(ByKey):
    """The balancer.

    A circle of thousands of members is long, and drawing it takes a worker a tenth of a second.  So where some come, their points are put
    between the others, and those of who has gone stay, as nobody's, until they are a quarter of all.
    """

    __slots__ = ("_largest", "_numbers", "_points")

    def __init__(self, random: Callable[[], float], roster: Callable[[], Sequence[Any]], bound: float = 0.0) -> None:
        """See ``ByKey``."""
        super().__init__(random, roster, bound)
        self._points = array("Q")  # hash and number of the endpoint, sorted
        self._numbers: dict[str, int] = {}  # of each place that has points
        self._largest = 0  # the weight whose share is ``POINTS``

    def _find(self, candidates: Sequence[Any], point: int, but: Sequence[Any]) -> Any:
        points, members = self._points, self._members
        limit = self._limit(candidates) if self._bound else 0.0
        start = bisect_right(points, point & _HASH)
        first: Any = None
        for index in range(start, start + len(points)):
            one = members[points[index % len(points)] & _NUMBER]
            if one is None or (but and one in but):
                continue
            if not limit or not one.in_hand or one.in_hand + 1 <= limit * one.weight:
                return one
            first = first or one
        return first  # they all have more than they should: it is the average that is old

    def _draw(self, weights: dict[str, int]) -> list[str]:
        largest = max(weights.values(), default=1)
        before = self._weights
        come = [place for place, weight in weights.items() if before.get(place) != weight]
        gone = [place for place, weight in before.items() if weights.get(place) != weight]
        places = [*self._places]
        for place in gone:
            places[self._numbers.pop(place)] = NOBODY
        spare = len(places) - len(self._numbers)
        if largest != self._largest or 4 * spare > len(places) or len(places) + len(come) > _NUMBER:
            self._largest, self._points, self._numbers, places = largest, array("Q"), {}, []
            come = [*weights]
        found: list[int] = []
        for number, place in enumerate(come, len(places)):
            found += self._points_of(place, weights[place], number)
            self._numbers[place] = number
        self._points = _merged(self._points, sorted(found))
        return places + come

    def _points_of(self, place: str, weight: int, number: int) -> list[int]:
        name, share = place.encode(), max(1, round(POINTS * weight / self._largest))
        found: list[int] = []
        for turn in range(-(-share // _OF_A_DIGEST)):
            digest = blake2b(name, digest_size=64, salt=turn.to_bytes(8, "big")).digest()
            found += [point & _HASH | number for point in _POINTS_OF(digest)[: share - turn * _OF_A_DIGEST]]
        return found


def _merged(points: array[int], more: list[int]) -> array[int]:
    """Both, sorted, as each of them is."""
    if not points:
        return array("Q", more)
    found, at = array("Q"), 0
    for one in more:
        until = bisect_right(points, one, at)
        found += points[at:until]
        found.append(one)
        at = until
    return found + points[at:]
