"""Limits of bytes and costs: what is taken when, and what becomes of it at whatever end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.live.holds import Seat
from fastgw.filters.limits import limit as made
from fastgw.testing.edge import GET, Edge, statuses
from tests.unit.filters.test_rate_limit import (  # noqa: F401 - fixtures
    Clock,
    arrive,
    clock,
    fd,
    limit,
    limits_told,
    said,
    seat,
)

POST = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n"


def answer(size: int = 0, *fields: bytes) -> bytes:
    lines = b"".join(one + b"\r\n" for one in fields)
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%b\r\n" % (size, lines) + b"x" * size


def left(edge: Edge, at: int = 1) -> int:
    """What the fields of a refused request say is left; the limits of ``edge`` are told to all."""
    found = limits_told(edge.client(GET).take())["ratelimit"].split(", ")
    return int(found[at - 1].split(";r=")[1].split(";")[0])


@pytest.fixture
def edge_of(seat: Seat, clock: Clock) -> Callable[..., Edge]:  # noqa: F811
    """An edge with one limit of amounts, behind one of no more than so many requests, by which it is asked how much is left."""

    def make(requests: int, *limits: Any, **options: Any) -> Edge:
        return Edge(filters=[limit(clock, said(requests, 86400), *limits, **options)], seat=seat)

    return make


def test_bytes_of_both_bodies_are_counted(edge_of: Callable[..., Edge]) -> None:
    edge = edge_of(2, said(1000, 3600, unit="bytes"))
    client, service = edge.pair(POST % 100 + b"y" * 40)
    service.take()
    client.feed(b"y" * 60)
    service.feed(answer(250))
    assert statuses(client.take()) == [200]
    client.feed(GET)
    service.feed(answer(30))
    assert left(edge, 2) == 1000 - 100 - 250 - 30
    edge.end()


def test_a_length_that_is_known_is_taken_at_once_and_given_back_if_it_never_comes(
    edge_of: Callable[..., Edge],
) -> None:
    edge = edge_of(1, said(1000, 3600, unit="bytes"))
    client, _ = edge.pair(POST % 900 + b"y" * 40)
    assert left(edge, 2) == 100
    client.lose()
    assert left(edge, 2) == 960
    edge.end()


def test_more_than_there_ever_is_may_pass_and_is_owed(edge_of: Callable[..., Edge], clock: Clock) -> None:  # noqa: F811
    edge = edge_of(9, said(100, 1, burst=50, unit="bytes"))
    client, service = edge.pair()
    service.feed(answer(350))
    assert statuses(client.take()) == [200]
    told = limits_told(edge.client(GET).take())
    assert told["retry-after"] == "4"
    assert told["ratelimit-policy"] == '"1";q=9;w=86400, "2";q=50;qu="content-bytes";w=1'
    clock.advance(3.01)
    assert statuses(edge.client(GET).take()) == []
    edge.end()


@pytest.mark.parametrize(
    ("field", "cost", "outcome"),
    [
        (b"X-Cost: 7", 7, 0),
        (b"X-Cost: 0", 0, 0),
        (b"X-Cost: 7.01", 8, 0),
        (b"X-Cost: 7.000", 7, 0),
        (b"X-Cost: 300", 300, 0),
        (b"X-Price: 7", 40, 1),
        (b"X-Cost: -7", 40, 2),
        (b"X-Cost: 1e3", 40, 2),
        (b"X-Cost: 7\r\nX-Cost: 8", 40, 2),
        (b"X-Cost: " + b"9" * 14, 40, 2),
        (b"X-Cost: nan", 40, 2),
    ],
)
def test_an_answer_says_what_it_cost(edge_of: Callable[..., Edge], field: bytes, cost: int, outcome: int) -> None:
    edge = edge_of(1, said(1000, 3600, unit="cost", reserve=40))
    client, service = edge.pair()
    assert left(edge, 2) == 960
    service.feed(answer(3, field))
    assert statuses(client.take()) == [200]
    assert left(edge, 2) == 1000 - cost
    assert [edge.of_route(counters.ROUTE_COSTS + place) for place in range(3)] == [
        int(place == outcome) for place in range(3)
    ]
    edge.end()


def test_a_client_that_left_before_the_answer_pays_the_reserve(edge_of: Callable[..., Edge]) -> None:
    edge = edge_of(1, said(1000, 3600, unit="cost", reserve=40))
    client, service = edge.pair()
    service.take()
    client.lose()
    assert left(edge, 2) == 960
    edge.end()


def test_a_client_that_left_in_the_middle_pays_what_the_answer_said(edge_of: Callable[..., Edge]) -> None:
    edge = edge_of(1, said(1000, 3600, unit="cost", reserve=40))
    client, service = edge.pair()
    service.feed(answer(300, b"X-Cost: 5")[:-100])
    client.lose()
    assert left(edge, 2) == 995
    edge.end()


def test_a_service_that_fails_costs_nothing(edge_of: Callable[..., Edge]) -> None:
    edge = edge_of(2, said(1000, 3600, unit="cost", reserve=40))
    client, service = edge.pair()
    service.take()
    service.lose()
    assert statuses(client.take()) == [502]
    asking = edge.client(GET)  # and nor does one that could never be asked
    edge.refuse()
    edge.run()
    assert statuses(asking.take()) == [502]
    assert left(edge, 2) == 1000
    edge.end()


def test_a_reserve_that_is_not_there_refuses_and_takes_nothing(seat: Seat, clock: Clock) -> None:  # noqa: F811
    edge = Edge(filters=[limit(clock, said(100, 3600, unit="cost", reserve=60), said(9, 86400))], seat=seat)
    edge.pair()
    found = edge.client(GET).take()
    assert statuses(found) == [429]
    assert b"too much in a short time" in found
    told = limits_told(found)
    assert told["ratelimit"] == '"1";r=40;t=2160, "2";r=8;t=9600'
    assert told["retry-after"] == "720"
    assert edge.of_route(counters.ROUTE_RATE_LIMITED) == 1
    edge.end()


def test_fields_of_openai_tell_of_each_unit(seat: Seat, clock: Clock) -> None:  # noqa: F811
    limits = [said(100, 60, unit="cost", reserve=60), said(9, 60), said(500, 60, unit="cost"), said(7, 1, unit="bytes")]
    edge = Edge(filters=[limit(clock, *limits, fields=("openai",), tell="all")], seat=seat)
    client, service = edge.pair()
    service.feed(answer())
    assert limits_told(client.take()) == {
        "x-ratelimit-limit-tokens": "100",
        "x-ratelimit-remaining-tokens": "40",
        "x-ratelimit-reset-tokens": "36000ms",
        "x-ratelimit-limit-requests": "9",
        "x-ratelimit-remaining-requests": "8",
        "x-ratelimit-reset-requests": "6667ms",
        "x-ratelimit-limit-bytes": "7",
        "x-ratelimit-remaining-bytes": "7",
        "x-ratelimit-reset-bytes": "0ms",
    }
    edge.end()


def test_what_it_is_called() -> None:
    texts = [made("one", 1, dict(said(5, 60, unit=unit))).text for unit in ("requests", "bytes", "cost")]
    assert texts == ["5/m per route", "5 bytes/m per route", "5 cost/m per route"]


def test_a_length_that_is_refused_has_not_made_room(edge_of: Callable[..., Edge]) -> None:
    edge = edge_of(3, said(100_000, 3600, unit="bytes"))
    client, service = edge.pair()
    service.feed(answer(90_000))
    assert statuses(client.take()) == [200]
    claiming = edge.client(POST % 10**15)
    assert statuses(claiming.take()) == [413]
    claiming.lose()
    edge.client(GET)
    assert 0 < left(edge, 2) <= 10_000
    edge.end()
