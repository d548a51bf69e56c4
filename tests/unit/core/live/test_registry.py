"""Endpoints are kept by key across snapshots."""

from __future__ import annotations

from fastgw.core.live.endpoint import Endpoint, EndpointKey
from fastgw.core.live.news import Answer
from fastgw.core.live.registry import Registry
from fastgw.core.live.waiting import WaitingRoom
from fastgw.core.settings import Address
from fastgw.steps import whole
from fastgw.testing import usual
from fastgw.testing.edge import NAME, Edge

KEY = EndpointKey("s", Address("10.0.0.1", 1))


def make(registry: Registry, key: EndpointKey, **settings: object) -> Endpoint:
    return registry.endpoint(key, usual.settings(**settings), registry.members(key.service))


def test_equal_keys_are_one_endpoint() -> None:
    edge = Edge()
    registry = edge.plane.registry
    one = make(registry, KEY)
    assert make(registry, EndpointKey("s", Address("10.0.0.1", 1)), weight=7) is one
    others = [
        EndpointKey("t", Address("10.0.0.1", 1)),
        EndpointKey("s", Address("10.0.0.1", 2)),
        EndpointKey("s", Address("10.0.0.1", 1), tls=usual.tls()),
        EndpointKey("s", Address("10.0.0.1", 1), name=NAME),
    ]
    assert len({id(make(registry, key)) for key in [KEY, *others]}) == 5
    assert len(registry) == 6
    edge.end()


def test_what_is_there_goes_on_as_it_was() -> None:
    edge = Edge()
    endpoint = make(edge.plane.registry, KEY, weight=2)
    make(edge.plane.registry, KEY, weight=3, pool=usual.pool(max_connections=1))
    assert (endpoint.weight, endpoint.pool.settings) == (2, usual.pool())
    edge.end()


def test_what_services_use_stays_and_the_rest_is_retired() -> None:
    edge = Edge()
    registry = edge.plane.registry
    used, unused = edge.endpoints[0], make(registry, EndpointKey("t", Address("10.0.0.1", 1)))
    whole(registry.retain([edge.service.members]))
    assert list(registry) == [used]
    assert unused.pool.is_retired
    assert make(registry, unused.key) is not unused
    edge.end()


def test_members_of_a_service_are_kept_by_its_name() -> None:
    edge = Edge()
    registry = edge.plane.registry
    mine, gone = registry.members("s"), registry.members("t")
    whole(registry.retain([mine]))
    assert registry.members("s") is mine
    assert registry.members("t") is not gone
    edge.end()


def test_an_update_makes_the_endpoints_and_the_waiting_rooms_of_names() -> None:
    edge = Edge(endpoints=0)
    registry, members = edge.plane.registry, edge.plane.registry.members("s")
    edge.plane.learn({"a.test": Answer(("10.0.0.1", "10.0.0.2"))})
    registry.update(members, ((KEY, usual.settings(weight=3)), (EndpointKey("s", NAME), usual.settings())), None)
    found = {str(one.key.address): (one.name, one.weight, isinstance(one.pool, WaitingRoom)) for one in registry}
    assert found == {
        "10.0.0.1:1": ("10.0.0.1:1", 3, False),
        "a.test:9000": ("a.test:9000", 1, True),
        "10.0.0.1:9000": ("a.test:9000", 1, False),
        "10.0.0.2:9000": ("a.test:9000", 1, False),
    }
    registry.update(members, ((KEY, usual.settings()),), None)
    assert [one.key for one in registry] == [KEY]
    assert not edge.attempts  # their first connections are given up
    edge.end()


def test_a_service_that_asks_for_nothing_has_neither_breakers_nor_outliers() -> None:
    edge = Edge()
    registry, settings = edge.plane.registry, edge.service.settings
    assert registry.breaking("s", settings, 0) is None
    assert registry.outlying("s", settings) is None
    edge.end()
