"""The metrics of sources."""

from __future__ import annotations

from typing import Any

from fastgw.telemetry.source_facts import REGISTRY_FACTS
from fastgw.telemetry.totals import Facts, SourceFacts

ONE = SourceFacts("x", "etcd", "etcd http://a", "listed", 3, 1.5, 4, 2, 1, 5, 6)
NEW = SourceFacts("x", "dns", "dns a", "pending", None, None, 0, 0, 0, 0, 0)


def test_each_is_told_by_service_and_kind_and_what_is_not_known_is_not() -> None:
    facts: Any = Facts("1", True, 1, 1.0, False, {}, True, 1.0, sources=(ONE, NEW))
    found = {metric.name: dict(samples(facts)) for metric, samples in REGISTRY_FACTS}
    etcd, dns = ("x", "etcd"), ("x", "dns")
    assert found["fastgw_discovery_up"] == {etcd: 1, dns: 0}
    assert found["fastgw_discovery_members"] == {etcd: 3}
    assert found["fastgw_discovery_age_seconds"] == {etcd: 1.5}
    assert found["fastgw_discovery_changes"] == {etcd: 2, dns: 0}
    assert found["fastgw_discovery_failures"] == {etcd: 1, dns: 0}
    assert found["fastgw_discovery_skipped"] == {etcd: 5, dns: 0}
    assert found["fastgw_discovery_damped"] == {etcd: 6, dns: 0}
