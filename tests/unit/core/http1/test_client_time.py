"""Deadlines of a client's connection: heads, idleness, and clients that do not read."""

from __future__ import annotations

from typing import Any

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.testing import usual
from fastgw.testing.edge import GET, Edge, Spy, body_of, statuses

BIG = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000


def local(**options: Any) -> Edge:
    """An edge that answers everything by itself."""
    return Edge(filters=[Spy("a", [], request=lambda exchange: Reply(200, b"{}"))], **options)


def test_408_when_the_head_does_not_arrive() -> None:
    edge = local()
    client = edge.client(b"GET /")
    edge.loop.advance(9.9)
    assert client.take() == b""
    edge.loop.advance(0.6)
    assert statuses(client.take()) == [408]
    assert edge.count(counters.HEAD_TIMEOUTS) == 1
    edge.end()


def test_408_in_total_however_slowly_bytes_drip() -> None:
    edge = local()
    client = edge.client()
    for byte in GET[:20]:
        client.feed(bytes([byte]))
        edge.loop.advance(0.6)
        if client.is_eof_written:
            break
    assert statuses(client.take()) == [408]
    edge.end()


def test_408_for_blank_lines_only() -> None:
    edge = local()
    client = edge.client(b"\r\n")
    edge.loop.advance(11)
    assert statuses(client.take()) == [408]
    edge.end()


def test_connection_that_says_nothing_is_closed_without_an_answer() -> None:
    edge = local()
    client = edge.client()
    edge.loop.advance(11)
    assert client.take() == b""
    assert client.is_lost
    edge.end()


def test_kept_connection_is_closed_when_idle() -> None:
    edge = local(timeouts=usual.timeouts(idle=5))
    client = edge.client(GET)
    client.take()
    edge.loop.advance(4.9)
    assert not client.is_closing()
    edge.loop.advance(0.6)
    assert client.is_lost
    assert client.take() == b""
    edge.end()


def test_deadlines_may_be_off() -> None:
    edge = local(timeouts=usual.timeouts(head=0, idle=0, body=0, write=0))
    silent, partial, kept = edge.client(), edge.client(b"GET"), edge.client(GET)
    stuck = edge.client(capacity=0)
    stuck.feed(GET * 10_000)
    edge.loop.advance(2_000)
    assert not any(one.is_closing() for one in (silent, partial, kept, stuck))
    edge.end()


def test_client_that_reads_nothing_is_dropped() -> None:
    edge = Edge(timeouts=usual.timeouts(write=10))
    client = edge.client(GET, capacity=0)
    service = edge.connect()
    service.feed(BIG)
    edge.loop.advance(10)
    assert not client.is_lost
    edge.loop.advance(10.5)
    assert client.is_aborted
    edge.end()


def test_client_that_reads_nothing_in_the_middle_of_its_answer_has_not_gone() -> None:
    ends: list[Any] = []
    edge = Edge(timeouts=usual.timeouts(write=10), filters=[Spy("end", [], done=lambda one: ends.append(one.error))])
    client = edge.client(GET, capacity=0)
    edge.connect().feed(BIG[:-1])
    edge.loop.advance(20.5)
    assert client.is_aborted
    assert [(one.status, one.code) for one in ends] == [(499, "write_timeout")]
    assert edge.of_route(counters.ROUTE_ABORTED) == 1
    edge.end()


def test_client_that_reads_slowly_is_not_dropped() -> None:
    edge = Edge(timeouts=usual.timeouts(write=10))
    client = edge.client(GET, capacity=0)
    service = edge.connect()
    service.feed(BIG)
    for _ in range(8):
        edge.loop.advance(9)
        client.drain(10_000)
    assert not client.is_aborted
    edge.end()


def test_write_deadline_does_not_outlive_the_pause() -> None:
    """A stream that goes on after its client has caught up has the stream's deadline again."""
    edge = Edge(timeouts=usual.timeouts(write=10), route={"stream_idle_timeout": 100.0})
    client = edge.client(GET, capacity=0)
    service = edge.connect()
    service.feed(BIG[:-5])
    client.drain()
    edge.loop.advance(60)
    service.feed(BIG[-5:])
    assert body_of(client.take()) == body_of(BIG)
    edge.end()


def test_write_deadline_of_a_finished_answer_becomes_the_idle_one() -> None:
    edge = Edge(timeouts=usual.timeouts(write=10, idle=100))
    client = edge.client(GET, capacity=0)
    service = edge.connect()
    service.feed(BIG)
    edge.run()
    client.drain()
    edge.loop.advance(60)
    assert not client.is_closing()
    edge.end()


def test_time_of_the_whole_exchange_counts_even_while_the_client_is_slow() -> None:
    edge = Edge(timeouts=usual.timeouts(write=100), route={"timeout": 5.0})
    client = edge.client(GET, capacity=0)
    service = edge.connect()
    service.feed(BIG[:-1])
    for _ in range(12):
        client.drain(10)
        edge.loop.advance(9)
    assert client.is_lost or client.is_closing()
    assert edge.done == 1
    edge.end()
