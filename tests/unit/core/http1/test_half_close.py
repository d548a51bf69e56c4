"""A client that ends its sending side: gone, or waiting for its answer, as ``half_close`` says."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.testing.edge import (
    CHUNKED,
    GET,
    OK,
    POST,
    SWITCHING,
    WEBSOCKET,
    Edge,
    Gate,
    Spy,
    body_of,
    head_of,
    new_loop,
    statuses,
)

ANSWER = {"half_close": "answer"}


def noted(journal: list[Any]) -> Spy:
    """A filter that notes what the access log would."""
    return Spy(
        "log", [], done=lambda exchange: journal.append((exchange.is_half_closed, getattr(exchange.error, "code", "")))
    )


def test_by_default_it_is_gone() -> None:
    journal: list[Any] = []
    edge = Edge(filters=[noted(journal)])
    client, service = edge.pair()
    client.feed_eof()
    edge.run()
    assert client.is_lost
    assert service.is_aborted
    assert journal == [(True, "client_gone")]
    assert edge.count(counters.HALF_CLOSES) == 1
    assert edge.of_route(counters.ROUTE_ABORTED) == 1
    edge.end()


@pytest.mark.parametrize(
    ("listener", "route", "is_answered"),
    [
        ("answer", None, True),
        ("abort", "answer", True),
        ("answer", "abort", False),
        ("abort", None, False),
    ],
)
def test_the_route_has_the_last_word(listener: str, route: str | None, is_answered: bool) -> None:
    edge = Edge(listener={"half_close": listener}, route={"half_close": route})
    client, service = edge.pair()
    client.feed_eof()
    edge.run()
    assert service.is_aborted is not is_answered
    if is_answered:
        service.feed(OK)
        assert statuses(client.take()) == [200]
    edge.run()
    assert client.is_lost
    edge.end()


def test_answered_and_closed_behind_the_answer() -> None:
    journal: list[Any] = []
    edge = Edge(listener=ANSWER, filters=[noted(journal)])
    client, service = edge.pair()
    client.feed_eof()
    edge.loop.advance(5)
    assert not client.is_closing()
    service.feed(OK)
    answer = client.take()
    assert b"connection: close\r\n" in head_of(answer)
    assert body_of(answer) == b"ok"
    edge.run()
    assert client.is_lost
    assert journal == [(True, "")]
    assert edge.count(counters.HALF_CLOSES) == 1
    assert edge.of_route(counters.ROUTE_ABORTED) == 0
    edge.end()


def test_end_in_the_middle_of_the_answer_does_not_cut_it() -> None:
    edge = Edge(listener=ANSWER)
    client, service = edge.pair()
    service.feed(OK[:-1])
    client.feed_eof()
    service.feed(OK[-1:])
    assert body_of(client.take()) == b"ok"
    edge.run()
    assert client.is_lost
    edge.end()


def test_requests_that_came_whole_are_answered_in_order() -> None:
    journal: list[Any] = []
    edge = Edge(listener=ANSWER, filters=[noted(journal)])
    client, service = edge.pair(GET * 3 + GET[:-2])
    client.feed_eof()
    for _ in range(3):
        service.feed(OK)
    edge.run()
    assert statuses(client.take()) == [200, 200, 200]
    assert journal == [(True, "")] * 3
    assert edge.count(counters.HALF_CLOSES) == 1
    assert client.is_lost
    edge.end()


def test_pipelined_requests_answered_without_a_service() -> None:
    """They are answered within one call, the last of them too."""
    edge = Edge(listener=ANSWER, filters=[Spy("a", [], request=lambda exchange: Reply(200, b"hi"))])
    client = edge.client()
    client.capacity = 0
    client.feed(b"".join(GET for _ in range(2000)))
    client.feed_eof()
    edge.run()
    assert not client.is_lost
    while not client.is_lost:
        client.drain()
        edge.run()
    assert len(statuses(client.take())) == 2000
    edge.end()


@pytest.mark.parametrize("request_", [POST + b"hel", CHUNKED + b"2\r\nhe\r\n"])
def test_body_that_will_never_be_whole_is_no_request(request_: bytes) -> None:
    journal: list[Any] = []
    edge = Edge(listener=ANSWER, filters=[noted(journal)])
    client, service = edge.pair(request_)
    client.feed_eof()
    edge.run()
    assert client.is_lost
    assert service.is_aborted
    assert journal == [(True, "client_gone")]
    edge.end()


@pytest.mark.parametrize("size", [3, 5])
def test_body_behind_a_hook_that_waits(size: int) -> None:
    """It is not read yet when the end comes: whole, it counts; not whole, it never will."""
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(listener=ANSWER, filters=[Spy("a", [], request=gate)], loop=loop)
    client = edge.client(POST + b"hello"[:size])
    client.feed_eof()
    edge.run()
    assert client.is_closing() is (size < 5)
    gate.open()
    if size == 5:
        service = edge.connect()
        assert service.take().endswith(b"hello")
        service.feed(OK)
        assert statuses(client.take()) == [200]
    edge.run()
    assert client.is_lost
    edge.end()


def test_pipelined_request_whose_body_is_not_whole() -> None:
    edge = Edge(listener=ANSWER)
    client, service = edge.pair(GET + POST + b"hel")
    client.feed_eof()
    service.feed(OK)
    edge.run()
    assert statuses(client.take()) == [200]
    assert client.is_lost
    edge.end()


def test_between_requests_the_connection_just_closes() -> None:
    edge = Edge(listener=ANSWER)
    client, service = edge.pair()
    service.feed(OK)
    client.feed_eof()
    edge.run()
    assert client.is_lost
    assert edge.count(counters.HALF_CLOSES) == 0
    edge.end()


def test_client_that_takes_nothing_more_is_gone_at_the_first_failing_write() -> None:
    edge = Edge(listener=ANSWER)
    client, service = edge.pair()
    client.feed_eof()
    protocol: Any = client.protocol
    protocol.on_broken()
    edge.run()
    assert client.is_lost
    assert service.is_aborted
    edge.end()


def test_with_tls_it_is_always_gone() -> None:
    edge = Edge(listener=ANSWER)
    client = edge.client(GET, extra={"can_write_eof": False})
    service = edge.connect()
    client.feed_eof()
    edge.run()
    assert client.is_lost
    assert service.is_aborted
    edge.end()


def test_lingering_client_that_ends_is_closed_behind_what_is_queued() -> None:
    edge = Edge()
    client = edge.client(capacity=0)
    client.feed(b"GET / HTTP/1.1\r\n\r\n")
    client.feed_eof()
    client.drain()
    assert statuses(client.take()) == [400]
    edge.run()
    assert client.is_lost
    edge.end()


def test_no_linger_for_a_client_that_has_sent_everything() -> None:
    edge = Edge(listener=ANSWER)
    client, service = edge.pair(GET + GET.replace(b"Host: a.test\r\n", b""))
    client.feed_eof()
    service.feed(OK)
    edge.run()
    assert statuses(client.take()) == [200, 400]
    assert client.is_lost
    edge.end()


def test_tunnel_of_a_client_that_ended_before_it_began() -> None:
    edge = Edge(listener=ANSWER)
    client, service = edge.pair(WEBSOCKET)
    client.feed_eof()
    service.feed(SWITCHING + b"and more")
    assert client.take().endswith(b"and more")
    assert service.is_eof_written
    service.feed_eof()
    edge.run()
    assert client.is_lost
    edge.end()
