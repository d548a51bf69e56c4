"""What is counted for a service: what it was asked, what it answered, and how long that took it."""

from __future__ import annotations

import pytest

from fastgw.core import counters
from fastgw.testing.edge import GET, OK, POST, SWITCHING, WEBSOCKET, Edge, Gate, Spy, new_loop, statuses


def counted(edge: Edge) -> tuple[int, int, int]:
    """Requests, answers, and those that got none."""
    unanswered = edge.of_service(counters.SERVICE_UNANSWERED)
    return edge.of_service(counters.SERVICE_REQUESTS), sum(edge.answers()), unanswered


def waited(edge: Edge, digit: int = 2) -> tuple[int, float]:
    """How many answers of a class there were, and the seconds that they took together."""
    place = counters.SERVICE_ANSWERS_US + (digit - 1) * counters.HISTOGRAM_SIZE
    return edge.answers()[digit - 1], round(edge.of_service(place) / 1e6, 3)


def test_an_answer_counts_once_with_the_time_to_its_head() -> None:
    edge = Edge()
    _, service = edge.pair()
    assert counted(edge) == (1, 0, 0)
    edge.loop.advance(0.3)
    service.feed(OK)
    assert counted(edge) == (1, 1, 0)
    assert waited(edge) == (1, 0.3)
    edge.end()


def test_the_body_of_an_answer_is_not_waited_for() -> None:
    edge = Edge()
    _, service = edge.pair()
    edge.loop.advance(0.3)
    service.feed(OK[:-2])  # the head
    assert waited(edge) == (1, 0.3)
    edge.loop.advance(5)
    service.feed(b"o")
    edge.loop.advance(5)
    service.feed(b"k")
    assert waited(edge) == (1, 0.3)
    edge.end()


def test_waiting_for_a_connection_is_not_the_services() -> None:
    edge = Edge()
    edge.client(GET)
    edge.loop.advance(0.5)
    service = edge.connect()
    edge.loop.advance(0.2)
    service.feed(OK)
    assert waited(edge) == (1, 0.2)
    edge.end()


def test_on_a_kept_connection_the_request_is_sent_as_it_comes() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(OK)
    edge.loop.advance(1)
    client.feed(GET)
    edge.loop.advance(0.2)
    service.feed(OK)
    assert waited(edge) == (2, 0.2)
    edge.end()


def test_a_request_hook_that_waits_is_not_the_services() -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("a", [], request=gate)], loop=loop)
    client = edge.client(GET)
    gate.open()
    service = edge.connect()
    service.feed(OK)
    client.feed(GET)  # there is a connection for this one
    edge.loop.advance(2)
    gate.open()
    edge.loop.advance(0.2)
    service.feed(OK)
    assert waited(edge) == (2, 0.2)
    edge.end()


@pytest.mark.parametrize("answer", [OK, OK[:-2]], ids=["whole", "head"])
def test_a_response_hook_that_waits_is_not_the_services(answer: bytes) -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("a", [], response=gate)], loop=loop)
    _, service = edge.pair()
    edge.loop.advance(0.3)
    service.feed(answer)
    assert waited(edge) == (1, 0.3)
    edge.loop.advance(2)
    gate.open()
    service.feed(OK[len(answer) :])
    assert waited(edge) == (1, 0.3)
    edge.end()


def test_the_client_that_sends_slowly_is_not_the_service() -> None:
    edge = Edge()
    client, service = edge.pair(POST + b"he")
    edge.loop.advance(3)
    client.feed(b"llo")
    edge.loop.advance(0.2)
    service.feed(OK)
    assert waited(edge) == (1, 0.2)
    edge.end()


def test_an_upgrade_is_an_answer_when_it_begins() -> None:
    edge = Edge()
    _, service = edge.pair(WEBSOCKET)
    edge.loop.advance(0.3)
    service.feed(SWITCHING)
    assert waited(edge, 1) == (1, 0.3)
    edge.loop.advance(60)
    service.feed(b"more")
    edge.end()
    assert waited(edge, 1) == (1, 0.3)


@pytest.mark.parametrize(("status", "place"), [(101, 0), (299, 1), (304, 2), (404, 3), (599, 4), (600, 5), (999, 5)])
def test_answers_by_class_and_those_of_no_class(status: int, place: int) -> None:
    edge = Edge()
    _, service = edge.pair()
    service.feed(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % status)
    assert edge.answers() == [int(number == place) for number in range(6)]
    edge.end()


def test_an_answer_counts_as_the_service_gave_it() -> None:
    edge = Edge(filters=[Spy("a", [], response=lambda exchange: exchange.response.set_status(404))])
    client, service = edge.pair()
    service.feed(OK)
    assert statuses(client.take()) == [404]
    assert edge.answers() == [0, 1, 0, 0, 0, 0]
    edge.end()


def test_each_try_is_a_request_and_its_time_its_own() -> None:
    edge = Edge(endpoints=2)
    _, service = edge.pair()
    edge.loop.advance(1)
    service.lose()
    edge.loop.advance(0.5)
    other = edge.connect(port=9001)
    assert counted(edge) == (2, 0, 1)
    edge.loop.advance(0.2)
    other.feed(OK)
    assert counted(edge) == (2, 1, 1)
    assert waited(edge) == (1, 0.2)
    assert edge.of_service(counters.SERVICE_RETRIES + 1) == edge.count(counters.RETRIES) == 1  # a reset
    edge.end()


def test_a_try_on_a_kept_connection_has_its_own_time_too() -> None:
    edge = Edge(endpoints=2)
    first, second = edge.client(GET), edge.client(GET)
    services = edge.connect(), edge.connect()
    for service in services:
        service.take()
        service.feed(OK)
    first.feed(GET)
    (asked,) = [one for one in services if one.take()]
    (other,) = [one for one in services if one is not asked]
    edge.loop.advance(1)
    asked.lose()
    assert other.take()
    edge.loop.advance(0.2)
    other.feed(OK)
    assert waited(edge) == (3, 0.2)
    assert statuses(first.take()) == [200, 200] and statuses(second.take()) == [200]
    edge.end()


@pytest.mark.parametrize("end", ["client", "garbage", "timeout"])
def test_a_request_without_an_answer(end: str) -> None:
    edge = Edge(route={"answer_timeout": 1.0})
    client, service = edge.pair()
    if end == "client":
        client.lose()
    elif end == "garbage":
        service.feed(b"220 smtp\r\n")
    else:
        edge.loop.advance(2)
    assert counted(edge) == (1, 0, 1)
    edge.end()


def test_what_was_never_sent_is_no_request() -> None:
    edge = Edge()
    client = edge.client(GET)
    edge.refuse()
    assert statuses(client.take()) == [502]
    assert counted(edge) == (0, 0, 0)
    edge.end()
