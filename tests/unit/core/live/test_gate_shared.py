"""The gate of a service: classes of requests, several workers, and reloads."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from fastgw.core import counters, labels
from fastgw.core.snapshot.snapshot import Snapshot
from fastgw.steps import whole
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, body_of, statuses
from fastgw.testing.mock import MockTransport
from tests.unit.core.live.gate_stage import RANKED, Workers, ask, high, workers


@pytest.fixture
def stage() -> Iterator[Workers]:
    with workers() as found:
        yield found


def places(edge: Edge) -> tuple[int, int]:
    """Exchanges inside, and waiting."""
    return edge.of_service(counters.SERVICE_PLACES), edge.of_service(counters.SERVICE_QUEUED)


def shed(edge: Edge) -> dict[str, int]:
    """How many were turned away, by cause."""
    found = {cause: edge.of_service(counters.SERVICE_SHED + place) for place, cause in enumerate(labels.SHED_CAUSES)}
    return {cause: count for cause, count in found.items() if count}


def answer(client: MockTransport) -> tuple[int, str]:
    """Status and code of an error."""
    data = client.take()
    [status] = statuses(data)
    return status, json.loads(body_of(data))["type"].removeprefix("urn:fastgw:error:")


def serve(edge: Edge, service: MockTransport) -> bytes:
    """Let the service answer what it was asked; what that was."""
    asked = service.take()
    service.feed(OK)
    edge.run()
    return asked.split(b" ", 2)[1]


# --- classes


def test_the_first_class_comes_before_those_that_wait_already(stage: Workers) -> None:
    edge = stage.worker(queue_size=5, **RANKED)
    _, service = edge.pair()
    edge.client(ask(path=b"/low"))
    edge.client(high(b"/high"))
    serve(edge, service)
    assert [serve(edge, service) for _ in range(2)] == [b"/high", b"/low"]
    edge.end()


def test_what_is_reserved_is_for_nobody_else(stage: Workers) -> None:
    edge = stage.worker(limit=2, **{**RANKED, "reserved": (0.5, 0.0)})
    edge.pair()
    assert answer(edge.client(GET)) == (503, "over_limit")
    assert not edge.client(high()).take()
    assert answer(edge.client(high())) == (503, "over_limit")
    assert edge.of_service(counters.SERVICE_SHED_CLASSES) == edge.of_service(counters.SERVICE_SHED_CLASSES + 1) == 1
    edge.end()


def test_what_is_reserved_is_given_past_a_higher_class_that_waits(stage: Workers) -> None:
    edge = stage.worker(limit=2, queue_size=5, **{**RANKED, "reserved": (0.0, 0.5)})
    edge.pair(high())
    edge.client(high())
    assert places(edge) == (1, 1)
    edge.client(GET)
    assert places(edge) == (2, 1)
    edge.end()


def test_a_class_nobody_knows_is_the_default(stage: Workers) -> None:
    edge = stage.worker(limit=2, **{**RANKED, "reserved": (0.5, 0.0)})
    edge.pair(ask(b"X-Class", b"HIGH"))
    assert answer(edge.client(ask(b"X-Class", b"boss"))) == (503, "over_limit")
    edge.end()


def test_a_full_queue_has_room_for_the_first_class(stage: Workers) -> None:
    edge = stage.worker(queue_size=1, **RANKED)
    edge.pair()
    low = edge.client(GET)
    assert not edge.client(high()).take()
    assert answer(low) == (503, "queue_full")
    edge.end()


# --- between workers


def test_a_place_goes_to_the_first_class_of_another_worker(stage: Workers) -> None:
    one, other = stage.worker(queue_size=5, **RANKED), stage.worker(queue_size=5, **RANKED)
    _, service = one.pair()
    one.client(ask(path=b"/low"))
    client = other.client(high(b"/high"))
    serve(one, service)
    assert not service.take()  # left to the other
    stage.loop.advance(0.005)
    serve(other, other.connect())
    assert statuses(client.take()) == [200]
    stage.loop.advance(0.005)
    assert serve(one, service) == b"/low"


def test_a_worker_that_waits_gets_its_part(stage: Workers) -> None:
    one, other = stage.worker(limit=4, queue_size=50), stage.worker(limit=4, queue_size=50)
    services = [one.pair()[1] for _ in range(4)]
    for _ in range(6):
        one.client(GET)
        other.client(GET)
    for service in services[:2]:
        serve(one, service)
    stage.loop.advance(0.005)
    assert (places(one)[0], places(other)[0]) == (2, 2)
    serve(one, services[2])  # of its own part: it keeps that
    assert (places(one)[0], places(other)[0]) == (2, 2)


def test_a_place_left_to_a_worker_that_stands_still_is_taken(stage: Workers) -> None:
    one, other = stage.worker(queue_size=5, **RANKED), stage.worker(queue_size=5, **RANKED)
    _, service = one.pair()
    one.client(ask(path=b"/low"))
    other.client(high())
    gate: Any = other.service.gate
    gate._timer.cancel()  # it never looks
    gate._timer = None
    serve(one, service)
    stage.loop.advance(0.005)
    assert not service.take()
    stage.loop.advance(0.02)
    assert serve(one, service) == b"/low"


# --- reload, drain


def test_other_settings_hold_for_who_waits(stage: Workers) -> None:
    edge = stage.worker(queue_size=5)
    edge.pair()
    clients = [edge.client(ask(path=b"/%d" % number)) for number in range(3)]
    stage.apply(edge, limit=2, queue_size=1)
    assert serve(edge, edge.connect()) == b"/0"
    assert answer(clients[2]) == (503, "queue_full")
    edge.end()


def test_classes_may_come_and_go_while_requests_wait(stage: Workers) -> None:
    edge = stage.worker(queue_size=5, **RANKED)
    _, service = edge.pair(high())
    edge.client(ask(path=b"/low"))
    edge.client(high(b"/high"))
    stage.apply(edge, queue_size=5, classes=("new", "low"), reserved=(0.0, 0.0), default_rank=1)
    serve(edge, service)
    assert [serve(edge, service) for _ in range(2)] == [b"/low", b"/high"]
    assert places(edge) == (0, 0)
    edge.end()


def test_without_a_gate_whoever_waits_goes_on(stage: Workers) -> None:
    edge = stage.worker(queue_size=5)
    edge.pair()
    waiting = edge.client(GET)
    edge.service = usual.service("s", tuple(edge.endpoints), edge.service.balancer)
    edge.plane.install(Snapshot(2, {"edge": edge.listener}, (edge.service,)))
    edge.connect().feed(OK)
    assert statuses(waiting.take()) == [200]
    edge.end()


def test_a_prepared_gate_that_is_discarded_is_forgotten(stage: Workers) -> None:
    edge = stage.worker()
    other = edge.plane.registry.gate("other", 0, edge.service.terms)
    whole(edge.plane.forget_unused())
    assert edge.plane.registry.gate("other", 0, edge.service.terms) is not other
    assert edge.plane.registry.gate("s", 0, edge.service.terms) is edge.service.gate
    edge.end()


def test_who_waits_is_served_while_the_worker_drains(stage: Workers) -> None:
    edge = stage.worker(queue_size=5)
    _, service = edge.pair()
    client = edge.client(GET)
    edge.plane.drain()
    serve(edge, service)
    serve(edge, edge.connect() if edge.attempts else service)
    assert statuses(client.take()) == [200]
    edge.end()
