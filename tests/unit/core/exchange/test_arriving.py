"""A request body that is not complete is held before it gets a connection: how long, how much, and for whom not."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.arriving import RATE_AFTER
from fastgw.testing import usual
from fastgw.testing.edge import CHUNKED, GET, OK, POST, Edge, Gate, Spy, head_of, new_loop, statuses
from fastgw.testing.mock import MockTransport

EXPECT = POST[:-2] + b"Expect: 100-continue\r\n\r\n"
LARGE = POST.replace(b": 5", b": 100000")


def edge_that_holds(**options: Any) -> Edge:
    """Holds 1000 bytes for a second."""
    route = {"body_buffer": 1000, "body_wait": 1.0, **options.pop("route", {})}
    return Edge(route=route, **options)


def held(edge: Edge) -> tuple[int, int]:
    """Bodies and bytes that are held."""
    return edge.count(counters.BODIES_HELD), edge.plane.body_bytes


# --- when a connection is asked for


@pytest.mark.parametrize("ask", [POST + b"hello", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n", GET])
def test_what_is_complete_asks_at_once(ask: bytes) -> None:
    edge = edge_that_holds()
    client = edge.client(ask)
    assert len(edge.attempts) == 1
    assert edge.of_endpoint(counters.ENDPOINT_UPLOADS) == 0
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize(("head", "parts"), [(POST, (b"he", b"llo")), (CHUNKED, (b"5\r\nhel", b"lo\r\n0\r\n\r\n"))])
def test_connection_is_asked_for_when_the_body_is_complete(head: bytes, parts: tuple[bytes, bytes]) -> None:
    edge = edge_that_holds()
    client = edge.client(head)
    client.feed(parts[0])
    assert not edge.attempts
    assert held(edge) == (1, len(parts[0]))
    client.feed(parts[1])
    assert held(edge) == (0, sum(map(len, parts)))
    assert edge.of_endpoint(counters.ENDPOINT_UPLOADS) == 0
    service = edge.connect()
    assert held(edge) == (0, 0)
    assert service.take().endswith(b"\r\n\r\n" + b"".join(parts))
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize(("size", "is_whole"), [(100_000, True), (25_000, False), (1000, True)])
def test_a_large_body_goes_on_in_the_parts_it_came_in_unless_they_are_small(
    size: int, is_whole: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    edge = Edge(route={"body_buffer": 1 << 20, "body_wait": 9.0})
    client = edge.client(LARGE)
    parts = [bytes([65 + at // size]) * min(size, 100_000 - at) for at in range(0, 100_000, size)]
    for part in parts:
        client.feed(part)
    written: list[bytes] = []
    write = MockTransport.write
    monkeypatch.setattr(MockTransport, "write", lambda self, data: (written.append(data), write(self, data)))
    service = edge.connect()
    assert service.take().endswith(b"\r\n\r\n" + b"".join(parts))
    assert written[1:] == ([b"".join(parts)] if is_whole else parts)
    assert (edge.plane.body_bytes, len(written[0]) < 1000) == (0, True)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_connection_is_asked_for_when_the_buffer_is_full() -> None:
    edge = edge_that_holds()
    client = edge.client(LARGE)
    client.feed(b"x" * 999)
    assert not edge.attempts
    client.feed(b"x")
    assert len(edge.attempts) == 1
    assert not client.is_reading()
    assert edge.of_endpoint(counters.ENDPOINT_UPLOADS) == 1
    service = edge.connect()
    assert client.is_reading()
    client.feed(b"x" * 99_000)
    assert service.take().count(b"x") >= 100_000
    assert edge.of_endpoint(counters.ENDPOINT_UPLOADS) == 0
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_connection_is_asked_for_when_the_wait_is_over() -> None:
    edge = edge_that_holds()
    client = edge.client(POST + b"he")
    edge.loop.advance(0.75)
    assert not edge.attempts
    edge.loop.advance(0.75)
    service = edge.connect()
    assert service.take().endswith(b"he")
    client.feed(b"l")
    assert service.take() == b"l"
    client.feed(b"lo")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize(
    ("route", "ask"),
    [({"body_buffer": 0}, POST + b"he"), ({"body_wait": 0.0}, POST + b"he"), ({}, EXPECT)],
    ids=["no buffer", "no wait", "expect"],
)
def test_who_streams_or_expects_asks_at_once(route: dict[str, Any], ask: bytes) -> None:
    edge = edge_that_holds(route=route)
    client, service = edge.pair(ask)
    assert edge.of_endpoint(counters.ENDPOINT_UPLOADS) == 1
    assert service.take()
    client.abort()
    edge.end()


def test_expect_of_http_1_0_is_held_like_any() -> None:
    edge = edge_that_holds()
    edge.client(EXPECT.replace(b"HTTP/1.1", b"HTTP/1.0"))
    assert not edge.attempts
    edge.end()


def test_hooks_come_first() -> None:
    loop = new_loop()
    gate = Gate(loop)
    edge = edge_that_holds(loop=loop, filters=[Spy("wait", [], request=gate)])
    client = edge.client(POST + b"he")
    client.feed(b"llo")
    assert held(edge) == (0, 5)
    gate.open()
    assert edge.connect().take().endswith(b"hello")
    edge.end()


# --- what becomes of it otherwise


def test_what_comes_behind_a_held_body_is_the_next_request() -> None:
    edge = edge_that_holds(pool=usual.pool(max_pending=0))
    client = edge.client(POST + b"he")
    client.feed(b"llo" + GET)  # no place in line: both are answered at once, in order
    assert statuses(client.take()) == [503, 503]
    edge.end()


def test_client_gone_while_its_body_is_held() -> None:
    edge = edge_that_holds()
    client = edge.client(POST + b"he")
    client.feed_eof()
    edge.run()
    assert held(edge) == (0, 0)
    edge.end()


@pytest.mark.parametrize(("data", "status"), [(b"zz\r\n", 400), (b"5\r\nhello\r\n", 413)])
def test_held_body_that_is_refused(data: bytes, status: int) -> None:
    edge = edge_that_holds(route={"max_body": 4})
    client = edge.client(CHUNKED)
    client.feed(data)
    assert statuses(client.take()) == [status]
    assert held(edge) == (0, 0)
    assert not edge.attempts
    edge.end()


def test_held_body_that_stops_longer_than_the_timeout() -> None:
    edge = edge_that_holds(route={"body_wait": 60.0}, timeouts=usual.timeouts(body=3))
    client = edge.client(POST + b"he")
    edge.loop.advance(2)
    client.feed(b"l")
    edge.loop.advance(2)
    assert not client.take()
    edge.loop.advance(2)
    assert b"408" in head_of(client.take())
    edge.end()


def test_time_of_the_whole_exchange_ends_a_held_one() -> None:
    edge = edge_that_holds(route={"timeout": 1.0})
    client = edge.client(POST + b"he")
    edge.loop.advance(1.5)
    assert statuses(client.take()) == [504]
    assert not edge.attempts
    edge.end()


def test_held_body_is_sent_to_the_next_endpoint_when_the_first_refuses() -> None:
    edge = edge_that_holds(endpoints=2)
    client = edge.client(POST + b"he")
    edge.loop.advance(1.5)
    edge.refuse()
    client.feed(b"llo")
    service = edge.connect(port=9001)
    assert service.take().endswith(b"hello")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert edge.of_endpoint(counters.ENDPOINT_UPLOADS, 0) == 0
    edge.end()


# --- the bound of a worker


def test_when_the_memory_is_full_a_connection_is_asked_for_at_once() -> None:
    edge = edge_that_holds(limits=usual.limits(body_memory=1500))
    clients = [edge.client(LARGE + b"x" * 800) for _ in range(2)]
    assert len(edge.attempts) == 1
    assert [client.is_reading() for client in clients] == [True, False]
    edge.loop.advance(0.25)
    assert edge.count(counters.BODY_BYTES_HELD) == 1600
    edge.connect()
    assert clients[1].is_reading()
    assert edge.plane.body_bytes == 800
    edge.loop.advance(0.25)
    assert edge.count(counters.BODY_BYTES_HELD) == 800
    edge.end()


def test_clients_of_a_full_worker_are_held() -> None:
    """However many there are, and however much they would like to send: one read of each at most comes on top."""
    edge = edge_that_holds(
        limits=usual.limits(body_memory=10_000), route={"body_buffer": 5_000}, pool=usual.pool(max_connections=1)
    )
    clients = [edge.client(LARGE) for _ in range(20)]
    for _ in range(20):
        for client in clients:
            if client.is_reading():
                client.feed(b"x" * 500)
    assert edge.plane.body_bytes <= 10_000 + 20 * 500
    assert not any(client.is_reading() for client in clients)
    for client in clients:
        client.abort()
    edge.end()


# --- too slow


def drip(edge: Edge, client: MockTransport, seconds: float, pause: float, size: int = 1) -> bytes:
    """Send ``size`` bytes every ``pause`` seconds; what the client got."""
    for _ in range(int(seconds / pause)):
        edge.loop.advance(pause)
        if client.is_reading():
            client.feed(b"x" * size)
    return client.take()


def test_a_client_held_once_is_judged_again() -> None:
    edge = edge_that_holds(timeouts=usual.timeouts(body=60))
    client = edge.client(LARGE + b"x" * 50_000)
    assert not client.is_reading()
    edge.connect()
    assert client.is_reading()
    assert statuses(drip(edge, client, 2 * RATE_AFTER + 2, 1.0)) == [408]
    edge.end()


def test_a_client_that_is_held_is_not_judged() -> None:
    edge = edge_that_holds(timeouts=usual.timeouts(body=60))
    client, service = edge.pair(LARGE + b"x" * 2000)
    service.capacity = 0
    client.feed(b"x" * 90_000)
    assert not client.is_reading()
    edge.loop.advance(RATE_AFTER + 5)
    service.drain()
    client.feed(b"x")
    assert not client.take()
    edge.end()


def test_nobody_is_held_who_has_nothing_to_hold() -> None:
    """What is held is let go with the bytes that it was held for: without any it would stay so for ever."""
    edge = Edge(limits=usual.limits(body_memory=10), endpoints=1)
    edge.client(POST.replace(b": 5", b": 100") + b"x" * 50)
    assert edge.plane.body_bytes == 50
    client = edge.client(CHUNKED)
    client.feed(b"5")  # not yet the size of a chunk
    assert client.is_reading()
    edge.connect()
    edge.connect()
    client.feed(b"\r\nhello\r\n0\r\n\r\n")
    assert edge.plane.body_bytes == 0
    edge.end()
