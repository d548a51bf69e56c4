"""Which endpoint takes the next exchange, by a key of it: a table that is looked up (Eisenbud and others, "Maglev", 2016).

The table has ``PLACES`` places.  Each endpoint has an order of its own in which it wants them, by hashes of its address; in turns, as often
as its weight says, each takes the first place in its order that is free.  So parts are even to one place, and a key is found by one
look-up, however many endpoints there are.

The table is one of all members of the service, whoever of them is ready, and of nothing else: the same in every worker, on every node,
after every restart.  Where the owner of a place is not ready, or has more in hand than its bound, the key has a second place, a third and
so on: so an endpoint that is ejected moves its own keys alone, and gets them back.  Only other members, or weights, draw another table,
which moves some keys more than those of who left.
"""

from __future__ import annotations

from _blake2 import blake2b  # see ``policy.hashing``
from array import array
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from fastgw.policy.hashing import ByKey

PLACES = 65_537  #: a prime, so that every step from place to place comes to all of them
LOOKS = 1024  #: places of one key that are looked at
_SECOND = 32  #: bits of a point behind which its step begins


class Maglev(ByKey):
    """The balancer."""

    __slots__ = ("_table",)

    def __init__(self, random: Callable[[], float], roster: Callable[[], Sequence[Any]], bound: float = 0.0) -> None:
        """See ``ByKey``."""
        super().__init__(random, roster, bound)
        self._table: Sequence[int] = ()  # numbers of members

    def _find(self, candidates: Sequence[Any], point: int, but: Sequence[Any]) -> Any:
        table, members = self._table, self._members
        limit = self._limit(candidates) if self._bound else 0.0
        place = point % PLACES
        first: Any = None
        for _ in range(LOOKS):
            one = members[table[place]]
            if one is not None and not (but and one in but):
                if not limit or not one.in_hand or one.in_hand + 1 <= limit * one.weight:
                    return one
                first = first or one
            place = (place + 1 + (point >> _SECOND) % (PLACES - 1)) % PLACES
        return first  # None: hardly anybody is ready; else the average is old

    def _draw(self, weights: dict[str, int]) -> list[str]:
        self._table = drawn(tuple(weights.items()))
        return [*weights]


@lru_cache(maxsize=8)  # a reload that changes none of this draws nothing
def drawn(shares: tuple[tuple[str, int], ...]) -> Sequence[int]:
    """The table of members with these places and weights: numbers of them, in this order."""
    table = array("H", bytes(2 * PLACES))
    if len(shares) < 2:
        return table  # all of it is that of number 0, or of nobody
    free = bytearray(b"\1") * PLACES
    wanted, steps = [], []
    for name, _ in shares:
        digest = blake2b(name.encode(), digest_size=16, salt=b"maglev").digest()
        wanted.append(int.from_bytes(digest[:8], "big") % PLACES)
        steps.append(1 + int.from_bytes(digest[8:], "big") % (PLACES - 1))
    for number in _turns([weight for _, weight in shares]):
        place, step = wanted[number], steps[number]
        while not free[place]:
            place = (place + step) % PLACES
        free[place] = 0
        table[place] = number
        wanted[number] = (place + step) % PLACES
    return table


def _turns(weights: list[int]) -> list[int]:
    """Whose turn it is to take a place, for each: everybody's at first, then one's for each unit of time by its weight."""
    total = sum(weights)
    due = [
        (turn << 48) // weight << 16 | number
        for number, weight in enumerate(weights)
        for turn in range(1 + -(-PLACES * weight // total))
    ]
    due.sort()
    return [one & 0xFFFF for one in due[:PLACES]]
