"""Attacks on resources, each against its bound: what is held, for how long, and at what price (``docs/security.md``)."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.core.net.connection import WRITE_HIGH
from fastgw.core.snapshot.snapshot import HELD_MAX, PIPELINE_BYTES
from fastgw.testing import usual
from fastgw.testing.edge import CHUNKED, GET, OK, POST, Edge, Spy, new_loop, statuses
from fastgw.testing.mock import MockTransport
from fastgw.wire.chunked import EXCESS_MAX, LINE_MAX
from fastgw.wire.fields import SEEN_MAX
from fastgw.wire.request import HOSTS_MAX

HEAD = b"GET / HTTP/1.1\r\nHost: a.test\r\n"


def local(**options: Any) -> Edge:
    """An edge that answers everything by itself."""
    return Edge(filters=[Spy("a", [], request=lambda exchange: Reply(200, b"{}"))], **options)


@contextmanager
def costs_at_most(seconds: float) -> Iterator[None]:
    """Processor time, with much room: what grows with the square of its input takes a hundred times as long."""
    began = time.process_time()
    yield
    assert time.process_time() - began < seconds


# --- slow clients


def test_head_that_drips_ends_after_the_head_timeout() -> None:
    edge = local(timeouts=usual.timeouts(head=10.0, idle=60.0))
    client = edge.client()
    for seconds in range(15):
        if client.take():
            break
        client.feed(HEAD[seconds : seconds + 1])
        edge.loop.advance(1.0)
    assert seconds in (10, 11)
    assert edge.count(counters.HEAD_TIMEOUTS) == 1
    edge.end()


def test_second_head_that_drips_ends_after_the_head_timeout_not_the_idle_one() -> None:
    edge = local(timeouts=usual.timeouts(head=2.0, idle=60.0))
    client = edge.client(GET + HEAD[:4])
    assert statuses(client.take()) == [200]
    edge.loop.advance(2.5)
    assert statuses(client.take()) == [408]
    edge.end()


def test_default_of_every_deadline() -> None:
    assert usual.timeouts() == usual.timeouts(head=10.0, idle=60.0, body=30.0, write=60.0)


def test_body_that_drips_has_a_rate() -> None:
    edge = Edge()
    client, _ = edge.pair(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(40):
        if client.output:
            break
        client.feed(b"x")
        edge.loop.advance(1.0)
    assert statuses(client.take()) == [408]
    edge.end()


def test_client_that_reads_nothing_holds_little_and_not_for_long() -> None:
    edge = Edge()
    client = edge.client(capacity=0)
    client.feed(GET)
    service = edge.connect()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n")
    fed = 0
    while service.is_reading():
        service.feed(b"x" * 16384)
        fed += 16384
    assert fed <= WRITE_HIGH + 2 * 16384
    edge.loop.advance(125.0)  # twice the write timeout, which the last progress had begun anew
    assert client.is_lost
    assert service.is_lost
    edge.end()


# --- endless and tiny things


@pytest.mark.parametrize(
    ("piece", "status"),
    [(b"X: " + b"a" * 997, 431), (b"X: a\r\n", 431), (b"\r\n", 400), (b"X\r", 400)],
)
def test_endless_head_is_refused_within_its_bound(piece: bytes, status: int) -> None:
    edge = local()
    client = edge.client(HEAD if piece != b"\r\n" else b"")
    sent = 0
    while not client.output:
        client.feed(piece)
        sent += len(piece)
        assert sent < 2 * usual.limits().head_size
    assert statuses(client.take()) == [status]
    edge.end()


def test_endless_target_is_refused_within_its_bound() -> None:
    edge = local()
    client = edge.client(b"GET /")
    while not client.output:
        client.feed(b"a" * 1000)
        assert len(edge.plane.connections) == 1
    assert statuses(client.take()) == [414]
    edge.end()


@pytest.mark.parametrize(
    ("piece", "bound", "status"),
    [
        (b"1;" + b"a" * 40 + b"=", LINE_MAX, 400),  # one extension without an end
        (b"1;" + b"a" * 200 + b"\r\nx\r\n", 100 * EXCESS_MAX // 180, 400),  # an extension on every chunk
        (b"0" * 10, LINE_MAX, 400),
    ],
)
def test_framing_without_data_is_refused_within_its_bound(piece: bytes, bound: int, status: int) -> None:
    edge = Edge()
    client, _ = edge.pair(CHUNKED)
    sent = 0
    while not client.output:
        client.feed(piece)
        sent += len(piece)
        assert sent < 3 * bound
    assert statuses(client.take()) == [status]
    edge.end()


@pytest.mark.parametrize("piece", [b"x: y\r\n", b"x: " + b"y" * 1000 + b"\r\n", b"y" * 1000])
def test_endless_trailers_are_refused_within_their_bound(piece: bytes) -> None:
    edge = Edge()
    client, _ = edge.pair(CHUNKED + b"0\r\n")
    sent = 0
    while not client.output:
        client.feed(piece)
        sent += len(piece)
        assert sent < 2 * usual.limits().head_size
    assert statuses(client.take()) == [431]
    edge.end()


def test_trailers_drop_what_the_listener_drops() -> None:
    edge = Edge(listener={"drop_headers": ("x-internal-user",)})
    client, service = edge.pair(CHUNKED)
    client.feed(b"0\r\nX-Internal-User: root\r\nx-client-cert-subject: CN=root\r\nx-sum: 1\r\n\r\n")
    assert service.take().endswith(b"\r\n\r\n0\r\nx-sum: 1\r\n\r\n")
    service.feed(OK)
    edge.end()


@pytest.mark.no_cover
def test_tiny_chunks_cost_in_proportion() -> None:
    edge = Edge()
    client, service = edge.pair(CHUNKED)
    with costs_at_most(4.0):
        for _ in range(16):
            client.feed(b"1\r\nx\r\n" * 10_000)
            service.take()
    client.abort()
    edge.end()


@pytest.mark.no_cover
@pytest.mark.parametrize("data", [HEAD + b"X: " + b"v" * 30_000, HEAD + b"".join(b"X%d: v\r\n" % n for n in range(90))])
def test_head_byte_by_byte_costs_in_proportion(data: bytes) -> None:
    edge = local()
    client = edge.client()
    with costs_at_most(4.0):
        for byte in data:
            client.feed(bytes((byte,)))
    assert not client.take()
    edge.end()


# --- many connections


def test_idle_connections_hold_nothing_but_themselves() -> None:
    edge = local()
    clients = [edge.client(GET) for _ in range(500)]
    assert all(statuses(client.take()) == [200] for client in clients)
    assert all(one.exchange is None and one.is_idle for one in edge.plane.connections)
    assert len(edge.loop.timers) == 1  # the sweep, which looks at all of them
    edge.loop.advance(61.0)
    assert all(client.is_lost for client in clients)
    edge.end()


def test_connections_have_a_bound_in_all() -> None:
    edge = local(limits=usual.limits(connections=3))
    clients = [edge.client() for _ in range(5)]
    assert [client.is_closing() for client in clients] == [False, False, False, True, True]
    assert edge.count(counters.CONNECTIONS_REFUSED) == 2
    edge.run()
    clients[0].abort()
    edge.run()
    assert statuses(edge.client(GET).take()) == [200]
    edge.end()


def test_connections_have_a_bound_for_each_address() -> None:
    edge = local(limits=usual.limits(connections_per_address=2))
    mine = [edge.client(extra=at("192.0.2.1")) for _ in range(4)]
    other = edge.client(GET, extra=at("192.0.2.2"))
    assert [client.is_closing() for client in mine] == [False, False, True, True]
    assert statuses(other.take()) == [200]
    assert edge.count(counters.ADDRESS_REFUSED) == 2
    edge.end()


def test_addresses_are_forgotten_with_their_connections() -> None:
    edge = local()
    for number in range(300):
        edge.client(GET, extra=at(f"192.0.2.{number % 250}")).abort()
    edge.run()
    assert all(edge.plane.connections_of(b"192.0.2.%d" % number) == 0 for number in range(250))
    edge.end()


def at(address: str) -> dict[str, Any]:
    return {"peername": (address, 1), "socket": None}


# --- pipelines


def test_pipeline_of_thousands_holds_a_bounded_buffer_and_one_exchange() -> None:
    edge = Edge()
    client, service = edge.pair()
    fed = 0
    while client.is_reading():
        client.feed(GET * 100)
        fed += len(GET) * 100
    assert fed <= PIPELINE_BYTES + len(GET) * 100
    assert edge.begun == 1
    service.feed(OK)
    client.abort()
    edge.end()


def test_pipelined_answers_wait_for_a_client_that_does_not_read() -> None:
    edge = Edge(filters=[Spy("a", [], request=lambda exchange: Reply(200, b"x" * 1000))])
    client = edge.client(capacity=0)
    client.feed(GET * 2000)
    assert client.get_write_buffer_size() < 2 * WRITE_HIGH
    edge.loop.advance(121.0)
    assert client.is_lost
    edge.end()


@pytest.mark.no_cover
def test_thousands_of_pipelined_requests_cost_in_proportion() -> None:
    edge = local()
    client = edge.client()
    with costs_at_most(4.0):
        for _ in range(20):
            client.feed(GET * 500)
            assert len(statuses(client.take())) == 500
    edge.end()


# --- tables that clients could fill


def test_names_of_fields_and_hosts_fill_no_memory() -> None:
    edge = local()
    client = edge.client()
    for number in range(1500):
        names = b"".join(b"X-%d-%d: v\r\n" % (number, place) for place in range(3))
        client.feed(b"GET / HTTP/1.1\r\nHost: h%d.test\r\n%b\r\n" % (number * 5, names))
    assert len(statuses(client.take())) == 1500
    table, reader = edge.listener.table, edge.listener.reader
    assert len(table.seen) <= SEEN_MAX
    assert len(getattr(reader, "_hosts", ())) <= HOSTS_MAX
    edge.end()


def test_what_is_hashed_cannot_be_made_to_collide() -> None:
    """Keyed hashing of the interpreter (PEP 456), and few enough fields that it would not matter."""
    assert sys.hash_info.algorithm.startswith("siphash")
    assert usual.limits().head_count <= 100


# --- what waits for a service


def test_body_that_waits_for_a_connection_is_bounded() -> None:
    edge = Edge()
    client = edge.client(POST.replace(b" 5", b" 10000000"))
    fed = 0
    while client.is_reading():
        client.feed(b"x" * 16384)
        fed += 16384
    assert fed <= HELD_MAX + 16384
    client.abort()
    edge.end()


def test_interim_answers_are_bounded() -> None:
    edge = Edge()
    client, service = edge.pair()
    for _ in range(1000):
        if service.is_closing():
            break
        service.feed(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    found = statuses(client.take())
    assert found[-1] == 502 and len(found) < 50
    edge.end()


def test_head_of_an_answer_is_bounded() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 200 OK\r\n")
    sent = 0
    while not service.is_closing():
        service.feed(b"X: " + b"a" * 1000 + b"\r\n")
        sent += 1005
        assert sent < 2 * usual.limits().head_size
    assert statuses(client.take()) == [502]
    edge.end()


def test_refused_client_that_goes_on_sending_is_listened_to_for_some_time_only() -> None:
    edge = local()
    client = edge.client(b"GET / HTTP/1.1\r\n\r\n")
    assert statuses(client.take()) == [400]
    began = edge.loop.now
    while not client.is_lost:
        client.feed(b"x" * 65536)
        edge.loop.advance(0.5)
    assert edge.loop.now - began < usual.timeouts().linger + 1
    edge.end()


def test_loop_of_the_tests_has_no_timer_for_a_request() -> None:
    loop = new_loop()
    edge = local(loop=loop)
    made = loop.timers_made
    client: MockTransport = edge.client(GET * 100)
    assert len(statuses(client.take())) == 100
    assert (loop.timers_made, loop.tasks_made) == (made, 0)
    edge.end()
