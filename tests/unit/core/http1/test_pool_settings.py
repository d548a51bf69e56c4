"""Settings of a pool that a reload changes: at once, and without closing what may stay."""

from __future__ import annotations

from typing import Any

from fastgw.core import counters
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, statuses
from fastgw.testing.mock import MockTransport


def apply(edge: Edge, **changes: Any) -> None:
    edge.endpoints[0].apply(usual.settings(pool=usual.pool(**changes)))
    edge.run()


def busy(edge: Edge, count: int) -> list[tuple[MockTransport, MockTransport]]:
    return [edge.pair() for _ in range(count)]


def test_of_those_at_rest_the_oldest_are_closed_and_only_as_many_as_there_are_too_many() -> None:
    edge = Edge()
    services = [service for _, service in busy(edge, 4)]
    for service in services:
        service.feed(OK)
    apply(edge, max_connections=3)
    assert [one.is_aborted for one in services] == [True, False, False, False]
    assert edge.of_endpoint(counters.ENDPOINT_IDLE) == 3
    edge.check()
    apply(edge, max_connections=1)
    assert [one.is_aborted for one in services] == [True, True, True, False]
    edge.end()


def test_busy_ones_go_after_their_exchange_and_no_more_than_must() -> None:
    edge = Edge()
    pairs = busy(edge, 4)
    apply(edge, max_connections=2)
    assert not any(service.is_closing() for _, service in pairs)
    for client, service in pairs:  # all in one turn of the loop: nothing has been closed yet when the next one ends
        service.feed(OK)
        assert statuses(client.take()) == [200]
    edge.run()
    assert [service.is_aborted for _, service in pairs] == [True, True, False, False]
    edge.end()


def test_who_waits_gets_one_of_those_that_stay() -> None:
    edge = Edge(pool=usual.pool(max_connections=2))
    (_, first), (_, second) = busy(edge, 2)
    client = edge.client(GET)
    apply(edge, max_connections=1)
    first.feed(OK)
    edge.run()
    assert first.is_aborted and not edge.attempts
    second.feed(OK)
    second.feed(OK)
    assert statuses(client.take()) == [200] and not second.is_closing()
    edge.end()


def test_with_more_room_who_waits_gets_a_connection_at_once() -> None:
    edge = Edge(pool=usual.pool(max_connections=1))
    edge.pair()
    client = edge.client(GET)
    assert not edge.attempts
    apply(edge, max_connections=2)
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_deadlines_hold_at_once() -> None:
    edge = Edge(pool=usual.pool(idle_timeout=60, pending_timeout=60, connect_timeout=60))
    _, service = edge.pair()
    service.feed(OK)
    apply(edge, idle_timeout=1, pending_timeout=1, connect_timeout=50)
    edge.loop.advance(1.5)
    assert service.is_aborted
    client = edge.client(GET)
    edge.loop.advance(1.5)
    assert b"pending_timeout" in client.take()
    edge.end()


def test_more_may_upload_at_once_and_who_waits_to_follows() -> None:
    edge = Edge(pool=usual.pool(max_uploads=1))
    post = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nhalf"
    edge.client(post)
    edge.connect()
    edge.client(post)
    assert not edge.attempts
    apply(edge, max_uploads=2)
    assert len(edge.attempts) == 1
    edge.end()


def test_fewer_may_upload_and_nobody_is_cut_for_it() -> None:
    edge = Edge(pool=usual.pool(max_uploads=2))
    post = b"POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 8\r\n\r\nhalf"
    pairs = [edge.pair(post) for _ in range(2)]
    apply(edge, max_uploads=1)
    edge.client(post)
    assert not edge.attempts
    for client, service in pairs:
        client.feed(b"half")
        service.feed(OK)
        assert statuses(client.take()) == [200]
    edge.end()


def test_fewer_are_waited_for() -> None:
    edge = Edge(pool=usual.pool(max_connections=1))
    edge.pair()
    edge.client(GET)
    apply(edge, max_connections=1, max_pending=1)
    assert b"pool_full" in edge.client(GET).take()
    edge.end()
