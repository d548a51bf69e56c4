"""Exemplars: of some exchanges of a route, the identity of the trace that tells about each.

Whoever traces an exchange keeps one; they stand in a ring in the worker's slab, the last ``SIZE`` of it, and only the OpenMetrics page has
them.  A slot is written in an order that shows a reader in another process whether what it has read belongs together: its number first
becomes 0, and is there again when all the rest is.
"""

from __future__ import annotations

from collections.abc import Iterator, MutableSequence, Sequence
from typing import Final, NamedTuple

from fastgw.core.counters import EXEMPLARS, ROUTE

SIZE: Final = EXEMPLARS.count
_NUMBER, _ROUTE, _MICROS, _HIGH, _LOW, _WHEN = range(EXEMPLARS.size)


class Exemplar(NamedTuple):
    """One of them."""

    slot: int  #: of the route
    micros: int  #: how long the exchange took
    trace: str  #: 32 hexadecimal digits (W3C Trace Context)
    when: float  #: seconds since 1970


class Exemplars:
    """Those of one worker, which alone writes them."""

    __slots__ = ("_number", "_values")

    def __init__(self, values: MutableSequence[int] | memoryview[int]) -> None:
        """``values``: of its slab."""
        self._values = values
        self._number = max((values[EXEMPLARS.base(place)] for place in range(SIZE)), default=0)

    def keep(self, base: int, seconds: float, trace: bytes, when: float) -> None:
        """Keep that an exchange of the route whose counters begin at ``base`` took so long.  Of no route there is none.

        Args:
            trace: 16 bytes.
            when: it ended, seconds since 1970.
        """
        if not ROUTE.at <= base < ROUTE.end:
            return
        self._number += 1
        values, at = self._values, EXEMPLARS.base(self._number % SIZE)
        values[at + _NUMBER] = 0
        values[at + _ROUTE] = (base - ROUTE.at) // ROUTE.size
        values[at + _MICROS] = int(seconds * 1e6)
        values[at + _HIGH] = int.from_bytes(trace[:8], "big")
        values[at + _LOW] = int.from_bytes(trace[8:], "big")
        values[at + _WHEN] = int(when * 1e3)
        values[at + _NUMBER] = self._number


def kept(values: Sequence[int] | memoryview) -> Iterator[Exemplar]:
    """What a slab has, in no order; one that is being written is left out."""
    for place in range(SIZE):
        at = EXEMPLARS.base(place)
        number = values[at]
        found = values[at : at + EXEMPLARS.size]
        if not number or found[_NUMBER] != number or values[at] != number:
            continue
        trace = f"{found[_HIGH]:016x}{found[_LOW]:016x}"
        yield Exemplar(found[_ROUTE], found[_MICROS], trace, found[_WHEN] / 1e3)
