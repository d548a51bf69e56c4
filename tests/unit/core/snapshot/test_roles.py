"""What a snapshot is put together from has what its role says."""

from __future__ import annotations

import pytest

from fastgw.adapters.cache import RouteCache
from fastgw.core.exchange.times import Times
from fastgw.core.live.gate import ServiceGate
from fastgw.core.mirror.mirror import Mirror
from fastgw.core.snapshot import roles
from fastgw.core.snapshot.snapshot import Service
from fastgw.core.snapshot.versions import Versions
from fastgw.policy.balancers import LeastRequest, Random, RoundRobin
from tests.unit.core.live.test_roles import asked_for


@pytest.mark.parametrize(
    ("kind", "role"),
    [
        *[(one, roles.Balancer) for one in (LeastRequest, Random, RoundRobin)],
        (Mirror, roles.Copier),
        (Times, roles.Sending),
        (RouteCache, roles.Chooser),
        (ServiceGate, roles.Admitting),
        *[(one, roles.Destination) for one in (Service, Versions)],
    ],
)
def test_each_has_all_that_is_asked_of_its_role(kind: type, role: type) -> None:
    assert set() < asked_for(role) <= {*dir(kind)}
