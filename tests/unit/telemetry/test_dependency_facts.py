"""The metrics of what a gateway depends on."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from fastgw.telemetry.dependency_facts import DEPENDENCY_FACTS
from fastgw.telemetry.totals import DOUBTED, FAILING, PENDING, QUIET, DependencyFacts


def test_what_can_be_asked_is_up_and_what_has_told_nothing_has_no_age() -> None:
    told = [
        DependencyFacts("etcd", "etcd a", "connected", 0.0, "3 members"),
        DependencyFacts("ext_authz", "http://b", QUIET, None, ""),
        DependencyFacts("dns", "dns c", DOUBTED, 5.0, "2 members"),
        DependencyFacts("keys", "http://d", FAILING, 7.5, "1 key"),
        DependencyFacts("redis", "redis://e", PENDING, None, ""),
    ]
    facts: Any = SimpleNamespace(dependencies=told)
    found = {metric.name: dict(read(facts)) for metric, read in DEPENDENCY_FACTS}
    assert [*found["fastgw_dependency_up"].values()] == [1.0, 1.0, 0.0, 0.0, 0.0]
    assert found["fastgw_dependency_age_seconds"] == {
        ("etcd", "etcd a"): 0.0,
        ("dns", "dns c"): 5.0,
        ("keys", "http://d"): 7.5,
    }
