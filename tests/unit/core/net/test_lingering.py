"""How long a client may go on sending behind its last answer: by time, by rate, by number."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.net import lingering
from fastgw.core.net.lingering import LINGER_LOOK, LINGER_RATE
from fastgw.testing import usual
from fastgw.testing.edge import POST, Edge, statuses
from fastgw.testing.mock import MockTransport

BAD = b"GET / HTTP/1.1\r\n\r\n"  # without a Host
ENOUGH = b"x" * int(LINGER_RATE * LINGER_LOOK)


def send(edge: Edge, client: MockTransport, looks: int, data: bytes = ENOUGH) -> None:
    """Let the client send ``data`` between any two of so many looks, and stop early if it is cut."""
    for _ in range(looks):
        if client.is_closing():
            return
        client.feed(data)
        edge.loop.advance(LINGER_LOOK)


def test_large_body_is_thrown_away_until_its_end() -> None:
    """Of any size, as long as it comes: a client that reads after it has sent everything sees the answer."""
    edge = Edge(route={"max_body": 4})
    client = edge.client(POST.replace(b": 5", b": 50000000"))
    assert statuses(client.take()) == [413]
    assert client.is_eof_written
    for _ in range(50):
        client.feed(b"x" * 1_000_000)
        edge.loop.advance(0.1)
    assert not client.is_closing()
    assert len(edge.plane.lingering) == 1
    client.feed_eof()
    edge.run()
    assert client.is_lost
    assert len(edge.plane.lingering) == 0
    assert edge.count(counters.LINGERING_CUT) == 0
    edge.end()


def test_silent_client_is_closed_at_the_first_look() -> None:
    edge = Edge()
    client = edge.client(BAD)
    edge.loop.advance(LINGER_LOOK - 0.5)
    assert not client.is_closing()
    edge.loop.advance(1)
    assert client.is_lost
    assert edge.count(counters.LINGERING_CUT) == 0
    edge.end()


def test_silent_client_that_has_not_read_gets_its_answer() -> None:
    edge = Edge(timeouts=usual.timeouts(write=20))
    client = edge.client(capacity=0)
    client.feed(BAD)
    edge.loop.advance(LINGER_LOOK + 1)
    client.drain()
    assert statuses(client.take()) == [400]
    edge.run()
    assert client.is_lost
    edge.end()


def test_client_that_never_reads_has_the_write_deadline() -> None:
    edge = Edge(timeouts=usual.timeouts(write=20))
    client = edge.client(capacity=0)
    client.feed(BAD)
    edge.loop.advance(LINGER_LOOK + 1)
    assert not client.is_lost
    edge.loop.advance(20)
    assert client.is_lost
    edge.end()


def test_there_is_an_end_in_time() -> None:
    edge = Edge(timeouts=usual.timeouts(linger=9))
    client = edge.client(BAD)
    send(edge, client, 4)
    assert not client.is_closing()
    send(edge, client, 1)
    assert client.is_aborted
    assert edge.count(counters.LINGERING_CUT) == 1
    edge.end()


def test_one_that_trickles_is_cut() -> None:
    edge = Edge()
    client = edge.client(BAD)
    send(edge, client, 2)
    assert not client.is_closing()
    send(edge, client, 2, ENOUGH[:-1])
    assert client.is_aborted
    assert edge.count(counters.LINGERING_CUT) == 1
    edge.end()


def test_the_oldest_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lingering, "LINGERING_MAX", 2)
    edge = Edge()
    first, second, third = (edge.client(BAD) for _ in range(3))
    assert [one.is_aborted for one in (first, second, third)] == [True, False, False]
    assert len(edge.plane.lingering) == 2
    assert edge.count(counters.LINGERING_CUT) == 1
    edge.end()
    assert len(edge.plane.lingering) == 0


def test_without_a_time_the_connection_closes_at_once() -> None:
    edge = Edge(timeouts=usual.timeouts(linger=0))
    client = edge.client(BAD)
    assert statuses(client.take()) == [400]
    assert client.is_lost
    edge.end()


def test_drain_waits_for_nobody_who_goes_on_sending() -> None:
    edge = Edge()
    client = edge.client(BAD)
    over: list[Any] = []
    edge.plane.on_idle = lambda: over.append(True)
    edge.plane.drain()
    send(edge, client, 2)
    assert client.is_lost
    assert over == [True]
    edge.end()
