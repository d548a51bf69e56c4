"""Endpoints are kept by key across snapshots."""

from __future__ import annotations

import ssl

from fastgw.core.settings import Address
from fastgw.core.snapshot.snapshot import Snapshot
from tests.support import usual
from tests.support.edge import Edge

KEY = usual.key("s", Address("a", 1))


def test_equal_keys_are_one_endpoint() -> None:
    edge = Edge()
    registry = edge.plane.registry
    assert registry.endpoint(KEY) is registry.endpoint(usual.key("s", Address("a", 1)))
    others = [
        usual.key("t", Address("a", 1)),
        usual.key("s", Address("a", 2)),
        usual.key("s", Address("a", 1), weight=2),
        usual.key("s", Address("a", 1), tls=usual.tls()),
        usual.key("s", Address("a", 1), pool=usual.pool(max_connections=1)),
    ]
    assert len({id(registry.endpoint(key)) for key in [KEY, *others]}) == 6
    assert len(registry) == 7
    edge.end()


def test_what_a_snapshot_uses_stays_and_the_rest_is_retired() -> None:
    edge = Edge()
    registry = edge.plane.registry
    used, unused = edge.endpoints[0], registry.endpoint(KEY)
    registry.retain(edge.plane.snapshot.endpoints)
    assert list(registry) == [used]
    assert unused.pool.is_retired
    assert registry.endpoint(KEY) is not unused
    edge.end()


def test_endpoints_of_a_snapshot() -> None:
    edge = Edge(endpoints=2)
    assert list(edge.plane.snapshot.endpoints) == edge.endpoints
    assert list(Snapshot(0, {}).endpoints) == []
    edge.end()


def test_an_endpoint_that_stays_takes_the_certificates_that_were_read_again() -> None:
    edge = Edge()
    registry = edge.plane.registry
    first, second = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    endpoint = registry.endpoint(KEY, first)
    assert endpoint.ssl is first
    assert registry.endpoint(KEY, second) is endpoint
    assert endpoint.ssl is second
    edge.end()
