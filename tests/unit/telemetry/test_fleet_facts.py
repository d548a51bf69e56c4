"""The metrics of a gateway in a fleet."""

from __future__ import annotations

from typing import Any

from fastgw.fleet.records import STATES
from fastgw.telemetry.fleet_facts import FLEET_FACTS, FLEET_STATES
from fastgw.telemetry.totals import Facts, FleetFacts


def told(fleet: FleetFacts | None) -> dict[str, dict[Any, float]]:
    facts: Any = Facts("1", True, 1, 1.0, False, {}, True, 1.0, fleet=fleet)
    return {metric.name: dict(samples(facts)) for metric, samples in FLEET_FACTS}


def test_what_it_is_and_what_it_has_heard() -> None:
    found = told(FleetFacts("/fastgw/edge", "refused", 7, 8, 1.5, 5, True))
    key = ("/fastgw/edge",)
    assert found.pop("fastgw_fleet_state") == {(*key, state): state == "refused" for state in STATES}
    assert found == {
        "fastgw_fleet_generation": {key: 7},
        "fastgw_fleet_promoted": {key: 8},
        "fastgw_fleet_contact_age_seconds": {key: 1.5},
        "fastgw_fleet_nodes": {key: 5},
        "fastgw_fleet_coordinates": {key: 1},
    }


def test_what_is_not_known_is_not_told() -> None:
    found = told(FleetFacts("/k", "waiting", 0, None, 0.0, None, False))
    assert found["fastgw_fleet_promoted"] == found["fastgw_fleet_nodes"] == {}
    assert found["fastgw_fleet_generation"] == {("/k",): 0}
    assert not any(told(None).values())


def test_the_states_are_those_of_a_node() -> None:
    assert set(FLEET_STATES) == set(STATES)
