"""The places of a service as one worker has them; that several workers share them is told in ``test_gate``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from fastgw.core.live.places import GatePlace, ServicePlaces
from fastgw.core.live.words import REFUSED
from tests.unit.core.live.gate_stage import RANKED, SETTINGS, Workers, workers


@pytest.fixture
def stage() -> Iterator[Workers]:
    with workers() as found:
        yield found


def made(stage: Workers, name: str = "s", **changes: Any) -> ServicePlaces:
    found = ServicePlaces(name, stage.worker().plane)
    found.apply(SETTINGS._replace(**changes))
    return found


def test_those_of_a_rank_are_taken_before_common_ones(stage: Workers) -> None:
    places = made(stage, "x", limit=4, **{**RANKED, "reserved": (0.5, 0.0)})
    taken = [GatePlace(0) for _ in range(4)]
    assert all(places.take(one) >= 0 for one in taken)
    assert [one.is_common for one in taken] == [False, False, True, True]
    assert (places.held, places.take(GatePlace(0))) == (2, REFUSED)
    places.give(taken[0])
    assert places.take(GatePlace(1)) == REFUSED
    again = GatePlace(0)
    assert places.take(again, is_behind=True) >= 0
    for one in (again, *taken[1:]):
        places.give(one)
    assert places.held == 0


def test_whether_one_is_free_is_known_without_taking_it(stage: Workers) -> None:
    places = made(stage, "x", limit=2, **{**RANKED, "reserved": (0.5, 0.0)})
    assert places.is_free(0, is_behind=True) and places.is_free(1, is_behind=False)
    assert not places.is_free(1, is_behind=True)
    low = GatePlace(1)
    places.take(low)
    assert not places.is_free(1, is_behind=False)
    places.give(low)


def test_services_have_places_of_their_own(stage: Workers) -> None:
    one, other = made(stage, "x"), made(stage, "y")
    first, second = GatePlace(0), GatePlace(0)
    assert one.take(first) >= 0 and other.take(second) >= 0
    one.give(first)
    other.give(second)


def test_a_limit_may_become_less_than_what_is_held(stage: Workers) -> None:
    places = made(stage, "x", limit=3)
    taken = [GatePlace(0) for _ in range(3)]
    for one in taken:
        places.take(one)
    places.apply(SETTINGS._replace(limit=1))
    for one in taken[:2]:
        places.give(one)
        assert places.take(GatePlace(0)) == REFUSED
    places.give(taken[2])
    assert places.is_free(0, is_behind=False)


def test_a_learned_limit_begins_where_the_file_says(stage: Workers) -> None:
    places = made(stage, "x", limit=7, least=2, most=9)
    assert places.divide() == 7
    assert places.adaptive is places.learner()
    places.apply(SETTINGS._replace(limit=3))
    assert (places.divide(), places.adaptive) == (3, None)
