"""The metrics of sources."""

from __future__ import annotations

from typing import Any

from fastgw.telemetry.source_facts import REGISTRY_FACTS
from fastgw.telemetry.totals import Facts, SourceFacts

SKIPPED = (("a", "is no address"), ("b", "has no port"))
ONE = SourceFacts("x", "etcd", "etcd http://a", "listed", 3, 1.5, 4, 2, 1, SKIPPED, ("10.0.0.1:1",), 9.0, 3.0)
NEW = SourceFacts("x", "dns", "dns a", "pending", 2, None, 0, 0, 0, (), (), 9.0, None, is_recalled=True)


def test_each_is_told_by_service_and_kind_and_what_is_not_known_is_not() -> None:
    facts: Any = Facts("1", True, 1, 1.0, False, {}, True, 1.0, sources=(ONE, NEW))
    found = {metric.name: dict(samples(facts)) for metric, samples in REGISTRY_FACTS}
    etcd, dns = ("x", "etcd"), ("x", "dns")
    assert found["fastgw_discovery_up"] == {etcd: 1, dns: 0}
    assert found["fastgw_discovery_members"] == {etcd: 3, dns: 2}
    assert found["fastgw_discovery_age_seconds"] == {etcd: 1.5}
    assert found["fastgw_discovery_changes"] == {etcd: 2, dns: 0}
    assert found["fastgw_discovery_failures"] == {etcd: 1, dns: 0}
    assert found["fastgw_discovery_skipped"] == {etcd: 2, dns: 0}
    assert found["fastgw_discovery_damped"] == {etcd: 1, dns: 0}
    assert found["fastgw_discovery_recalled"] == {etcd: 0, dns: 1}
