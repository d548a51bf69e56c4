"""What is said of a gateway in a fleet."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.server.fleet_status import fleet_facts, wrong_in_fleet
from fastgw.telemetry.totals import FleetFacts

WELL: dict[str, Any] = {
    "key": "/fastgw/edge",
    "node": "edge-1",
    "state": "serving",
    "reason": None,
    "since": "2027-01-01T00:00:00+00:00",
    "generation": 7,
    "promoted": 7,
    "rollout": {"generation": 7, "phase": "promoted", "reason": None},
    "nodes": 5,
    "coordinates": False,
    "contact_age": 0.5,
}


def test_its_metrics() -> None:
    assert fleet_facts(None) is None
    assert fleet_facts(WELL) == FleetFacts("/fastgw/edge", "serving", 7, 7, 0.5, 5, False)
    new = {**WELL, "state": "waiting", "generation": None, "promoted": None, "nodes": None}
    assert fleet_facts(new) == FleetFacts("/fastgw/edge", "waiting", 0, None, 0.5, None, False)


@pytest.mark.parametrize("state", ["waiting", "serving", "checking", "guarding"])
def test_nothing_is_wrong(state: str) -> None:
    assert wrong_in_fleet({**WELL, "state": state}) == wrong_in_fleet({}) == ""


@pytest.mark.parametrize(
    ("state", "more", "told"),
    [
        ("refused", {"reason": "line 3: no"}, "cannot use what its fleet gives it (/fastgw/edge, generation 7 is in use): line 3: no"),
        ("went_back", {"generation": None}, "has gone back from what its fleet gave it (/fastgw/edge, what it has is in use)"),
        ("stale", {"reason": "timeout"}, "configuration stays as it is (/fastgw/edge, generation 7 is in use): timeout"),
    ],
)  # fmt: skip
def test_what_is_wrong(state: str, more: dict[str, Any], told: str) -> None:
    assert wrong_in_fleet({**WELL, "state": state, **more}).endswith(told)
