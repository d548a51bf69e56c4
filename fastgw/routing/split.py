"""A weighted choice whose chance is an argument."""

from __future__ import annotations

from _blake2 import blake2b  # of hashlib, which would bring those of OpenSSL: 0.7 MiB of each worker
from bisect import bisect_right
from collections.abc import Sequence
from typing import Generic, TypeVar

from fastgw.routing.rule import RoutingError

T = TypeVar("T")


class Split(Generic[T]):
    """Choices with weights, laid side by side on [0, 1) in the order given.

    The order is the promise to sticky clients: a fraction keeps its choice as long as it stays inside its part, so
    moving weight between two neighbours moves only the clients between the old border and the new one.

    Raises:
        RoutingError: no choices, a negative weight, or no weight at all.
    """

    __slots__ = ("_bounds", "_total", "choices")

    def __init__(self, choices: Sequence[tuple[T, int]]) -> None:
        problems = [f"split: the weight {weight} is negative" for _, weight in choices if weight < 0]
        if not problems and not sum(weight for _, weight in choices):
            problems.append("split: no choice has a weight above 0")
        if problems:
            raise RoutingError(problems)
        # A choice of weight 0 is never made: leaving it out keeps rounding from finding it.
        self.choices: list[T] = []  #: those that can be made
        self._bounds: list[int] = []  # where the part of each choice but the last ends
        self._total = 0
        for choice, weight in choices:
            if weight:
                self.choices.append(choice)
                self._total += weight
                self._bounds.append(self._total)
        self._bounds.pop()

    def choose(self, fraction: float) -> T:
        """The choice at a fraction of [0, 1): a random number, or ``sticky_fraction`` of what should stick."""
        return self.choices[bisect_right(self._bounds, fraction * self._total)]

    @staticmethod
    def sticky_fraction(key: bytes) -> float:
        """A fraction of [0, 1) that is the same for the same key, in every process and every release."""
        digest = blake2b(key, digest_size=8).digest()
        # 53 bits are what a float holds exactly: the result cannot round up to 1.
        return (int.from_bytes(digest, "big") >> 11) * 2.0**-53
