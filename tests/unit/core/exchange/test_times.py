"""How long each try has, and who is told: x-request-timeout-ms, from trusted peers and to services."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.testing.edge import GET, OK, Edge, body_of, statuses
from tests.support.retried import BUSY, PLENTY, PUT

FIELD = b"x-request-timeout-ms"


def asking(value: bytes) -> bytes:
    return GET[:-2] + b"X-Request-Timeout-Ms: " + value + b"\r\n\r\n"


def told(request: bytes) -> list[bytes]:
    """What a service is told of the time."""
    lines = request.lower().split(b"\r\n")
    return [line.partition(b": ")[2] for line in lines if line.startswith(FIELD)]


# --- tries


def test_a_try_has_a_time_within_that_of_the_route() -> None:
    edge = Edge(endpoints=2, service={"on": ("timeout",), "try_timeout": 2.0, "budget": PLENTY})
    client, slow = edge.pair()
    edge.loop.advance(2.5)
    assert slow.is_lost
    second = edge.connect(port=9001)
    edge.loop.advance(2.5)
    assert second.is_lost
    answer = client.take()
    assert statuses(answer) == [504] and b"x-should-retry: false" in answer
    assert json.loads(body_of(answer))["detail"] == "the service did not answer within 2 s"
    assert edge.count(counters.RETRIES) == 1
    edge.end()


def test_it_begins_with_the_end_of_the_request() -> None:
    edge = Edge(endpoints=2, service={"on": ("timeout",), "try_timeout": 2.0, "budget": PLENTY})
    client = edge.client(PUT)
    service = edge.connect()
    edge.loop.advance(3.0)
    client.feed(b"hello")
    edge.loop.advance(1.5)
    assert not service.is_lost
    edge.loop.advance(1.0)
    assert service.is_lost
    again = edge.connect(port=9001)
    assert again.take().endswith(b"hello")
    again.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


# --- what peers say


def test_a_trusted_peer_shortens_the_time() -> None:
    edge = Edge(trusted=["127.0.0.1/32"], route={"timeout": 60.0})
    client, service = edge.pair(asking(b"1000"))
    assert told(service.take()) == []
    edge.loop.advance(0.7)
    assert not client.take()
    edge.loop.advance(0.8)
    answer = client.take()
    assert statuses(answer) == [504]
    assert json.loads(body_of(answer))["detail"] == "the exchange took longer than 1 s"
    edge.end()


@pytest.mark.parametrize("options", [{}, {"trusted": ["10.0.0.0/8"]}])
def test_nobody_else_does(options: dict[str, Any]) -> None:
    edge = Edge(route={"timeout": 60.0}, **options)
    client, service = edge.pair(asking(b"1000"))
    assert told(service.take()) == []
    edge.loop.advance(5.0)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_two_that_a_peer_says_say_nothing() -> None:
    edge = Edge(trusted=["127.0.0.1/32"])
    client, service = edge.pair(asking(b"1000\r\nx-request-timeout-ms: 2000"))
    edge.loop.advance(5.0)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


# --- what services are told


def test_a_service_is_told_what_is_left() -> None:
    edge = Edge(
        endpoints=2,
        trusted=["127.0.0.1/32"],
        route={"timeout": 60.0},
        service={"on": ("503",), "tell_timeout": True, "budget": PLENTY},
    )
    client = edge.client(asking(b"10000"))
    edge.loop.advance(0.5)
    service = edge.connect()
    assert told(service.take()) == [b"9500"]
    edge.loop.advance(2.0)
    service.feed(BUSY)
    again = edge.connect(port=9001)
    assert told(again.take()) == [b"7500"]
    again.feed(OK)
    client.take()
    client.feed(GET)
    assert sorted(told(one.take()) for one in (service, again)) == [[], [b"60000"]]
    edge.end()


@pytest.mark.parametrize(("timeout", "expected"), [(0.0, [b"2000"]), (60.0, [b"2000"]), (1.0, [b"1000"])])
def test_or_what_this_try_has_if_that_is_less(timeout: float, expected: list[bytes]) -> None:
    retry = {"on": ("timeout",), "try_timeout": 2.0}
    edge = Edge(route={"timeout": timeout}, service={"tell_timeout": True, **retry})
    _, service = edge.pair()
    assert told(service.take()) == expected
    edge.end()


def test_where_there_is_no_time_nothing_is_told() -> None:
    edge = Edge(service={"tell_timeout": True})
    _, service = edge.pair(asking(b"1000"))
    assert told(service.take()) == []
    edge.end()
