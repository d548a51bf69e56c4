"""Endpoints are kept by key across snapshots."""

from __future__ import annotations

from fastgw.core.live.endpoint import EndpointKey
from fastgw.core.settings import Address
from fastgw.core.snapshot.snapshot import Snapshot
from tests.support import usual
from tests.support.edge import Edge

KEY = EndpointKey("s", Address("a", 1))


def test_equal_keys_are_one_endpoint() -> None:
    edge = Edge()
    registry = edge.plane.registry
    usually = usual.settings()
    one = registry.endpoint(KEY, usually)
    assert registry.endpoint(EndpointKey("s", Address("a", 1)), usual.settings(weight=7)) is one
    others = [
        EndpointKey("t", Address("a", 1)),
        EndpointKey("s", Address("a", 2)),
        EndpointKey("s", Address("a", 1), tls=usual.tls()),
    ]
    assert len({id(registry.endpoint(key, usually)) for key in [KEY, *others]}) == 4
    assert len(registry) == 5
    edge.end()


def test_what_is_only_prepared_changes_nothing() -> None:
    edge = Edge()
    endpoint = edge.plane.registry.endpoint(KEY, usual.settings(weight=2))
    edge.plane.registry.endpoint(KEY, usual.settings(weight=3, pool=usual.pool(max_connections=1)))
    assert (endpoint.weight, endpoint.pool.settings) == (2, usual.pool())
    edge.end()


def test_what_a_snapshot_uses_stays_and_the_rest_is_retired() -> None:
    edge = Edge()
    registry = edge.plane.registry
    used, unused = edge.endpoints[0], registry.endpoint(KEY, usual.settings())
    registry.retain(edge.plane.snapshot.endpoints)
    assert list(registry) == [used]
    assert unused.pool.is_retired
    assert registry.endpoint(KEY, usual.settings()) is not unused
    edge.end()


def test_members_of_a_service_are_kept_by_its_name() -> None:
    edge = Edge()
    registry = edge.plane.registry
    mine, gone = registry.members("s"), registry.members("t")
    registry.retain(edge.plane.snapshot.endpoints)
    assert registry.members("s") is mine
    assert registry.members("t") is not gone
    edge.end()


def test_endpoints_of_a_snapshot() -> None:
    edge = Edge(endpoints=2)
    assert list(edge.plane.snapshot.endpoints) == edge.endpoints
    assert list(Snapshot(0, {}).endpoints) == []
    edge.end()
