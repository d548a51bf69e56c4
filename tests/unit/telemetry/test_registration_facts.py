"""The metrics of registries that the gateway registers in."""

from __future__ import annotations

from typing import Any

from fastgw.telemetry.registration_facts import REGISTRATION_FACTS
from fastgw.telemetry.totals import Facts, RegistrationFacts

ETCD = RegistrationFacts("etcd", "etcd http://a", "registered", 3, 3, (), 1.0, 4, 1)
CONSUL = RegistrationFacts("consul", "consul http://b", "failing", 3, 1, (), None, 7, 0, 5.0, cause="refused")


def test_each_is_told_by_its_kind() -> None:
    facts: Any = Facts("1", True, 1, 1.0, False, {}, True, 1.0, registrations=(ETCD, CONSUL))
    found = {metric.name: dict(samples(facts)) for metric, samples in REGISTRATION_FACTS}
    etcd, consul = ("etcd",), ("consul",)
    assert found == {
        "fastgw_registration_up": {etcd: 1, consul: 0},
        "fastgw_registration_members": {etcd: 3, consul: 1},
        "fastgw_registration_wanted": {etcd: 3, consul: 3},
        "fastgw_registration_errors": {etcd: 4, consul: 7},
        "fastgw_registration_losses": {etcd: 1, consul: 0},
    }
