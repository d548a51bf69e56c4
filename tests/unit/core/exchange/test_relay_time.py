"""Deadlines of an exchange, and what a drain makes of those in progress."""

from __future__ import annotations

import pytest

from fastgw.core import counters
from fastgw.core.dataplane import SWEEP_SECONDS
from fastgw.core.exchange.arriving import RATE_AFTER
from fastgw.core.exchange.reply import Reply
from fastgw.testing import usual
from fastgw.testing.edge import (
    CHUNKED,
    DATE,
    GET,
    HEAD,
    OK,
    POST,
    Edge,
    Gate,
    Spy,
    body_of,
    head_of,
    new_loop,
    statuses,
)

PUT = b"PUT / HTTP/1.1\r\nHost: a.test\r\n\r\n"


def test_504_when_the_service_does_not_answer() -> None:
    edge = Edge(route={"answer_timeout": 5.0})
    client, service = edge.pair()
    edge.loop.advance(4.9)
    assert client.take() == b""
    edge.loop.advance(0.5)
    assert statuses(client.take()) == [504]
    assert service.is_lost
    assert not client.is_closing()
    edge.end()


@pytest.mark.parametrize("route", [{"answer_timeout": 5.0}, {"timeout": 5.0}], ids=lambda one: next(iter(one)))
@pytest.mark.parametrize("request_", [GET, POST + b"hello"], ids=["GET", "POST"])
def test_no_deadline_is_early(route: dict[str, float], request_: bytes) -> None:
    edge = Edge(route=route)
    edge.loop.advance(SWEEP_SECONDS * 0.9)  # the coarse clock is as old as it gets
    client, _ = edge.pair(request_)
    edge.loop.advance(4.99)
    assert client.take() == b""
    edge.loop.advance(SWEEP_SECONDS)
    assert statuses(client.take()) == [504]
    edge.end()


def test_a_body_sent_late_has_its_whole_time() -> None:
    edge = Edge(route={"answer_timeout": 5.0, "body_buffer": 0})
    client, _ = edge.pair(POST)
    edge.loop.advance(3 * SWEEP_SECONDS - 0.01)
    client.feed(b"hello")
    edge.loop.advance(4.99)
    assert client.take() == b""
    edge.loop.advance(SWEEP_SECONDS)
    assert statuses(client.take()) == [504]
    edge.end()


def test_503_when_no_connection_becomes_free() -> None:
    edge = Edge(pool=usual.pool(max_connections=1, pending_timeout=3))
    edge.pair()
    client = edge.client(GET)
    edge.loop.advance(3.5)
    assert statuses(client.take()) == [503]
    assert edge.of_endpoint(counters.ENDPOINT_WAITING) == 0
    edge.end()


def test_waiting_is_moved_to_another_endpoint_first() -> None:
    edge = Edge(endpoints=2, pool=usual.pool(pending_timeout=3, connect_timeout=100))
    client = edge.client(GET)
    edge.loop.advance(3.5)
    edge.connect(port=9001).feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_stream_that_stops_is_cut() -> None:
    edge = Edge(route={"stream_idle_timeout": 5.0})
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhe")
    edge.loop.advance(4)
    service.feed(b"l")
    edge.loop.advance(4)
    assert not client.is_closing()
    edge.loop.advance(2)
    assert body_of(client.take()) == b"hel"
    assert client.is_lost
    assert service.is_lost
    edge.end()


def test_stream_without_a_deadline() -> None:
    edge = Edge(route={"stream_idle_timeout": 0.0})
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhe")
    edge.loop.advance(2_000)
    assert not client.is_closing()
    edge.end()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhe"])
def test_whole_exchange_has_a_deadline(answer: bytes) -> None:
    edge = Edge(route={"timeout": 5.0})
    client, service = edge.pair()
    if answer:
        service.feed(answer)
    edge.loop.advance(5.5)
    assert statuses(client.take()) == ([200] if answer else [504])
    assert service.is_lost
    edge.end()


@pytest.mark.parametrize("when", ["waiting", "sending"])
def test_408_when_the_body_stops(when: str) -> None:
    edge = Edge(timeouts=usual.timeouts(body=5), pool=usual.pool(pending_timeout=50, connect_timeout=50))
    client = edge.client(POST + b"he")
    if when == "sending":
        service = edge.connect()
    edge.loop.advance(4)
    client.feed(b"l")
    if when == "waiting":
        service = edge.connect()
    edge.loop.advance(4)
    assert client.take() == b""
    edge.loop.advance(2)
    assert statuses(client.take()) == [408]
    assert service.is_lost
    edge.end()


def test_body_that_arrives_too_slowly() -> None:
    edge = Edge()
    client, service = edge.pair(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(int(RATE_AFTER) + 1):
        client.feed(b"x" * 100)
        edge.loop.advance(1)
    assert client.take() == b""
    client.feed(b"x" * 100)
    assert statuses(client.take()) == [408]
    assert service.is_aborted
    edge.end()


def test_body_fast_enough_or_slowed_by_the_service_is_not_too_slow() -> None:
    edge = Edge(timeouts=usual.timeouts(body=1000))
    fast, held = edge.client(CHUNKED), edge.client(CHUNKED)
    edge.connect()
    service = edge.connect()
    service.capacity = 0
    held.feed(b"20000\r\n" + b"x" * 70_000)
    assert not held.is_reading()
    for _ in range(200):
        fast.feed(b"200\r\n" + b"x" * 512 + b"\r\n")
        edge.loop.advance(1)
    service.drain()
    edge.run()
    held.feed(b"x")
    assert fast.take() == held.take() == b""
    edge.end()


def test_service_that_does_not_take_the_request_is_at_fault() -> None:
    edge = Edge(timeouts=usual.timeouts(body=5))
    client = edge.client(CHUNKED)
    service = edge.connect()
    service.capacity = 0
    client.feed(b"20000\r\n" + b"x" * 70_000)
    edge.loop.advance(6)
    assert statuses(client.take()) == [504]
    assert edge.of_route(counters.ROUTE_FAULT_UPSTREAM) == 1
    edge.end()


def test_filter_that_does_not_decide_is_told_apart_from_the_service() -> None:
    loop = new_loop()
    edge = Edge(filters=[Spy("a", [], request=Gate(loop))], loop=loop)
    client = edge.client(GET)
    edge.loop.advance(130)
    got = client.take()
    assert statuses(got) == [504]
    assert b"filter_timeout" in got
    edge.end()


def test_error_that_comes_after_a_reply_changes_nothing() -> None:
    """A response hook of the reply waits; the deadline passes meanwhile, and again."""
    loop = new_loop()
    gate = Gate(loop)
    edge = Edge(filters=[Spy("a", [], request=lambda exchange: Reply(200), response=gate)], loop=loop)
    client = edge.client(GET)
    edge.loop.advance(250)
    assert statuses(client.take()) == [504]
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES) == 0
    edge.end()


# --- drain


def test_answer_begun_while_draining_closes_the_connection() -> None:
    edge = Edge()
    client, service = edge.pair()
    edge.plane.drain()
    service.feed(OK)
    got = client.take()
    assert b"connection: close\r\n" in head_of(got)
    assert client.is_closing()
    edge.end()


def test_answer_in_the_middle_when_draining_begins_closes_too() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(OK[:-1])
    edge.plane.drain()
    service.feed(OK[-1:])
    assert client.take() == OK
    assert client.is_closing()
    edge.end()


def test_reply_while_draining_closes() -> None:
    loop = new_loop()
    gate = Gate(loop, Reply(200))
    edge = Edge(filters=[Spy("a", [], request=gate)], loop=loop)
    client = edge.client(GET)
    edge.plane.drain()
    gate.open()
    assert b"connection: close\r\n" in head_of(client.take())
    edge.end()


def test_reply_to_head_has_no_body() -> None:
    edge = Edge(filters=[Spy("a", [], request=lambda exchange: Reply(200, b"hello", "text/plain"))])
    client = edge.client(HEAD)
    assert client.take() == b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n" + DATE + b"\r\n"
    edge.end()


def test_reply_may_close() -> None:
    edge = Edge(filters=[Spy("a", [], request=lambda exchange: Reply(200, close=True))])
    client = edge.client(GET * 2)
    assert client.take() == b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n" + DATE + b"\r\n"
    edge.end()
