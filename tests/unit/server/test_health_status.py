"""What is told of probes."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fastgw.server.health_status import health_facts, health_of_endpoint
from fastgw.telemetry.totals import HealthFacts


def probing() -> Any:
    well = SimpleNamespace(health=SimpleNamespace(state="healthy"), probes=5, failures=1)
    ill = SimpleNamespace(health=SimpleNamespace(state="unhealthy"), probes=3, failures=3)
    known = {("s", "n:1", "10.0.0.1:1"): well, ("s", "n:1", "10.0.0.2:1"): ill, ("s", "a:1", "a:1"): well}
    return SimpleNamespace(
        known=known, of=lambda name, _: {"state": known[name].health.state} if name in known else None
    )


def test_of_an_address_itself_and_of_a_name_each() -> None:
    assert health_of_endpoint(probing(), "s", "a:1", ["a:1"]) == {"health": {"state": "healthy"}}
    found = health_of_endpoint(probing(), "s", "n:1", ["10.0.0.1:1", "10.0.0.2:1"])["health"]
    assert found == {"10.0.0.1:1": {"state": "healthy"}, "10.0.0.2:1": {"state": "unhealthy"}}


def test_nobody_is_probed() -> None:
    assert health_of_endpoint(None, "s", "a:1", ["a:1"]) == health_of_endpoint(probing(), "t", "a:1", ["a:1"]) == {}
    assert health_facts(None) == {}


def test_sums_over_addresses() -> None:
    assert health_facts(probing()) == {("s", "n:1"): HealthFacts(1, 4, 4), ("s", "a:1"): HealthFacts(1, 4, 1)}
