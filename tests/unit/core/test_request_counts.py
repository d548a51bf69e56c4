"""What is counted of a route by method and status, and of an endpoint by time."""

from __future__ import annotations

import pytest

from fastgw.core import counters, labels
from fastgw.testing.edge import GET, OK, Edge

#: The others are refused before a route is looked for.
METHODS = [(one.encode(), one) for one in ("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH")]


def by_method(edge: Edge) -> dict[str, int]:
    places = range(counters.ROUTE_METHODS, counters.ROUTE_METHODS + len(labels.METHODS))
    counts = [edge.of_route(place, 0) + edge.of_route(place, 1) for place in places]  # of what matched nothing, too
    return {name: count for name, count in zip(labels.METHODS, counts, strict=True) if count}


def by_code(edge: Edge) -> dict[str, int]:
    counts = [edge.of_route(counters.ROUTE_CODES + place) for place in range(len(labels.CODES))]
    return {name: count for name, count in zip(labels.CODES, counts, strict=True) if count}


def observed(edge: Edge, place: int) -> tuple[int, float]:
    """How many durations a histogram of the endpoint has, and their sum in seconds."""
    count = sum(edge.of_endpoint(place + one) for one in range(1, counters.HISTOGRAM_SIZE))
    return count, round(edge.of_endpoint(place) / 1e6, 3)


@pytest.mark.parametrize(("method", "told"), METHODS)
def test_each_method_has_its_place(method: bytes, told: str) -> None:
    edge = Edge()
    edge.client(GET.replace(b"GET", method, 1))
    assert by_method(edge) == {told: 1}
    edge.end()


def test_all_other_methods_have_one_place() -> None:
    assert [labels.METHODS[counters.method_of(one)] for one in (b"TRACE", b"GOT", b"get", b"PATCHES", b"")] == [
        "TRACE",
        *["_OTHER"] * 4,
    ]


@pytest.mark.parametrize(
    ("status", "told"), [*((one, str(one)) for one in labels.STATUSES), (498, "_OTHER"), (599, "_OTHER")]
)
def test_each_error_has_its_place_and_all_others_one(status: int, told: str) -> None:
    edge = Edge()
    edge.plane.values[counters.EXCHANGES_OPEN] = 2
    edge.plane.count(edge.route.base, 0.0, status, 0, 0)
    assert by_code(edge) == {told: 1}
    edge.plane.count(edge.route.base, 0.0, 200, 0, 0)
    assert by_code(edge) == {told: 1}


def test_an_endpoint_counts_how_long_connecting_waiting_and_its_answer_took() -> None:
    edge = Edge()
    edge.client(GET)
    edge.loop.advance(0.5)
    service = edge.connect()
    edge.loop.advance(0.2)
    service.feed(OK)
    assert observed(edge, counters.ENDPOINT_CONNECT_US) == (1, 0.5)
    assert observed(edge, counters.ENDPOINT_WAITS_US) == (1, 0.5)
    assert observed(edge, counters.ENDPOINT_ANSWERS_US) == (1, 0.2)
    edge.client(GET)  # over the kept connection: nobody waits
    service.feed(OK)
    assert observed(edge, counters.ENDPOINT_WAITS_US) == (1, 0.5)
    assert observed(edge, counters.ENDPOINT_ANSWERS_US) == (2, 0.2)
    edge.end()


def test_who_gives_up_waiting_is_not_among_those_who_got_a_connection() -> None:
    edge = Edge()
    client = edge.client(GET)
    edge.loop.advance(0.5)
    client.feed_eof()
    edge.loop.run_ready()
    assert observed(edge, counters.ENDPOINT_WAITS_US) == (0, 0.0)
    edge.connect()
    assert observed(edge, counters.ENDPOINT_WAITS_US) == (0, 0.0)
    edge.end()


def test_the_loop_tells_how_late_it_was() -> None:
    edge = Edge()
    edge.loop.advance(1.0)
    values = edge.plane.values
    assert sum(values[counters.LOOP_LATE_US + 1 : counters.LOOP_LATE_US + counters.HISTOGRAM_SIZE]) == 4
