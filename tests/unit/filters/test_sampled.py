"""``Sampled``: which exchanges a filter looks at, and that the others are nothing to it."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.filters.sampled import Sampled
from fastgw.testing.edge import Edge

ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"


class Noted(Sampled):
    """One that says what it was told."""

    def __init__(self, share: float, open_max: int = 10, chance: float = 0.0) -> None:
        Sampled.__init__(self, share, open_max, lambda: chance)
        self.name = "noted"
        self.told: list[Any] = []

    def _begun(self, exchange: Any) -> int:
        self.told.append("begun")
        return len(self.told)

    def _ended(self, exchange: Any, kept: int) -> None:
        self.told.append(kept)


def test_one_that_is_taken_is_told_with_what_was_kept() -> None:
    noted = Noted(1.0)
    edge = Edge(filters=[noted])
    first, second = edge.pair(), edge.pair()
    second[1].feed(ANSWER)
    first[1].feed(ANSWER)
    edge.end()
    assert noted.told == ["begun", "begun", 2, 1]


def test_chance_says_how_many_are_passed_over() -> None:
    noted = Noted(0.5, chance=0.6)  # one in front of each that is taken
    edge = Edge(filters=[noted])
    for count in (0, 2, 2, 4):
        edge.pair()[1].feed(ANSWER)
        assert len(noted.told) == count
    edge.end()


def test_no_more_are_open_than_may_be() -> None:
    noted = Noted(1.0, open_max=1)
    edge = Edge(filters=[noted])
    one, other = edge.pair(), edge.pair()
    other[1].feed(ANSWER)
    assert noted.told == ["begun"]
    one[1].feed(ANSWER)
    edge.pair()[1].feed(ANSWER)
    edge.end()
    assert noted.told == ["begun", 1, "begun", 3]


def test_what_becomes_of_those_taken_is_said_by_another_class() -> None:
    plain = Sampled(1.0, 1)
    for told in (lambda: plain._begun(None), lambda: plain._ended(None, 1)):  # type: ignore[arg-type]
        with pytest.raises(NotImplementedError):
            told()
