"""Exchanges whose body is still arriving: how many connections they get, who follows, and who is cut for whom."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.http1.uploads import CUT_AT_ONCE, PRESSED_AFTER
from fastgw.errors import InternalError
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, POST, Edge, statuses
from fastgw.testing.mock import MockTransport

LARGE = POST.replace(b": 5", b": 100000")
EXPECT = LARGE[:-2] + b"Expect: 100-continue\r\n\r\n"


def edge_of(connections: int, **pool: Any) -> Edge:
    """An edge whose bodies are not held, with so many connections."""
    return Edge(pool=usual.pool(max_connections=connections, **pool))


def uploads(edge: Edge, count: int, ask: bytes = LARGE) -> list[MockTransport]:
    """So many clients that begin to upload; their connections are made as far as they get one."""
    clients = [edge.client(ask) for _ in range(count)]
    while edge.attempts:
        edge.connect()
    return clients


def under_way(edge: Edge) -> int:
    return edge.of_endpoint(counters.ENDPOINT_UPLOADS)


def waiting(edge: Edge) -> int:
    return edge.of_endpoint(counters.ENDPOINT_WAITING)


def finish(client: MockTransport, edge: Edge) -> None:
    """Send the rest of the body, and let the service that has it answer."""
    client.feed(b"x" * 100_000)
    for attempt in edge.loop.attempts:
        transport = attempt.transport
        if transport is not None and not transport.is_lost and b"x" * 1000 in transport.take():
            transport.feed(OK)


@pytest.mark.parametrize(("pool", "most"), [({}, 4), ({"max_uploads": 3}, 3), ({"max_uploads": 8}, 8)])
def test_uploads_have_a_share_of_the_pool(pool: dict[str, Any], most: int) -> None:
    edge = edge_of(8, **pool)
    uploads(edge, 9)
    assert (under_way(edge), waiting(edge)) == (most, 9 - most)
    assert edge.endpoints[0].pool.size == most
    edge.end()


def test_a_pool_of_one_connection_serves_uploads_too() -> None:
    edge = edge_of(1)
    uploads(edge, 2)
    assert (under_way(edge), waiting(edge)) == (1, 1)
    edge.end()


@pytest.mark.parametrize("ask", [GET, POST + b"hello"])
def test_others_are_served_whoever_uploads(ask: bytes) -> None:
    edge = edge_of(8)
    uploads(edge, 100)
    client, service = edge.pair(ask)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_who_waits_longest_follows_the_one_that_is_complete() -> None:
    edge = edge_of(2)
    first, second, third = uploads(edge, 3)
    finish(first, edge)
    assert statuses(first.take()) == [200]
    assert (under_way(edge), waiting(edge)) == (1, 1)
    finish(second, edge)  # on the connection of the first
    assert statuses(second.take()) == [200]
    assert (under_way(edge), waiting(edge)) == (1, 0)
    third.abort()
    edge.end()


@pytest.mark.parametrize("how", ["client", "service"])
def test_who_waits_longest_follows_the_one_that_is_gone(how: str) -> None:
    edge = edge_of(2)
    first, _ = uploads(edge, 2)
    if how == "client":
        first.abort()
    else:
        transport = edge.loop.attempts[0].transport
        assert transport is not None
        transport.lose(ConnectionResetError())
    edge.run()
    assert (under_way(edge), waiting(edge), len(edge.attempts)) == (1, 1, 1)  # the second waits for its connection now
    edge.connect()
    assert (under_way(edge), waiting(edge)) == (1, 0)
    edge.end()


def test_one_that_becomes_complete_in_line_is_an_upload_no_more() -> None:
    edge = edge_of(2)
    _, second = uploads(edge, 2)
    second.feed(b"x" * 100_000)
    edge.connect().feed(OK)
    assert statuses(second.take()) == [200]
    assert (under_way(edge), waiting(edge)) == (1, 0)
    edge.end()


def test_one_that_becomes_complete_in_line_takes_an_idle_connection() -> None:
    edge = edge_of(2)
    client, service = edge.pair()
    service.feed(OK)
    first, second = uploads(edge, 2)
    assert (under_way(edge), waiting(edge)) == (1, 1)
    first.feed(b"x" * 100_000)
    service.take()
    service.feed(OK)
    assert (under_way(edge), waiting(edge)) == (1, 0)
    service.feed(b"")
    second.abort()
    client.abort()
    edge.end()


def test_one_that_becomes_complete_before_it_has_its_connection() -> None:
    edge = edge_of(2)
    client = edge.client(LARGE)
    assert (under_way(edge), waiting(edge)) == (1, 1)
    client.feed(b"x" * 100_000)
    assert (under_way(edge), waiting(edge)) == (0, 1)
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_both_lines_together_are_bounded() -> None:
    edge = edge_of(2, max_pending=3)
    clients = [*uploads(edge, 1), *uploads(edge, 5)]
    assert [statuses(client.take()) for client in clients] == [[], [], [], [], [503], [503]]
    assert (under_way(edge), waiting(edge)) == (1, 3)
    edge.end()


def test_waiting_in_line_ends_with_the_pending_timeout() -> None:
    edge = edge_of(2, pending_timeout=3)
    _, second = uploads(edge, 2)
    edge.loop.advance(4)
    assert statuses(second.take()) == [503]
    edge.end()


def test_client_gone_in_line() -> None:
    edge = edge_of(2)
    _, second = uploads(edge, 2)
    second.abort()
    edge.run()
    assert waiting(edge) == 0
    edge.end()


def test_all_in_line_may_fail_at_once() -> None:
    """One after the other, however many: not one inside the other."""
    edge = edge_of(2)
    first, *others = uploads(edge, 1001)
    edge.endpoints[0].pool.settings = usual.pool(max_pending=0)
    first.abort()
    edge.run()
    assert {(*statuses(client.take()),) for client in others} == {(503,)}
    assert (under_way(edge), waiting(edge)) == (0, 0)
    edge.end()


# --- under pressure


def test_the_slowest_is_cut_for_the_one_that_waits() -> None:
    edge = edge_of(4, pending_timeout=30)
    slow, slower = uploads(edge, 2)
    slow.feed(b"x" * 100)
    newcomer = uploads(edge, 1)[0]
    edge.loop.advance(PRESSED_AFTER + 0.5)
    assert statuses(slower.take()) == [408]
    assert not slow.take()
    assert not newcomer.take()
    assert edge.count(counters.BODIES_CUT) == 1
    assert (under_way(edge), waiting(edge)) == (2, 1)
    edge.connect()
    edge.loop.advance(PRESSED_AFTER + 0.5)
    assert not slow.take()  # nobody waits any more
    edge.end()


def test_one_that_is_fast_enough_is_never_cut() -> None:
    edge = edge_of(2, pending_timeout=30)
    first, second = uploads(edge, 2)
    for _ in range(12):
        first.feed(b"x" * 600)
        edge.loop.advance(1)
    assert not first.take()
    assert not second.take()
    edge.end()


def test_what_came_before_the_connection_does_not_count() -> None:
    """Or a full buffer would buy minutes."""
    edge = Edge(pool=usual.pool(max_connections=2, pending_timeout=30), route={"body_buffer": 64 * 1024})
    first = uploads(edge, 1, LARGE + b"x" * 64 * 1024)[0]
    uploads(edge, 1, LARGE + b"x" * 64 * 1024)
    edge.loop.advance(PRESSED_AFTER + 0.5)
    assert statuses(first.take()) == [408]
    edge.end()


def test_a_request_that_waits_for_want_of_connections_presses_too() -> None:
    edge = edge_of(2, max_uploads=2, pending_timeout=30)
    clients = uploads(edge, 2)
    client = edge.client(GET)
    edge.loop.advance(PRESSED_AFTER + 0.5)
    assert sorted(statuses(one.take()) for one in clients) == [[], [408]]
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_request_whose_connection_is_being_opened_does_not_press() -> None:
    edge = edge_of(2, pending_timeout=30, connect_timeout=30)
    upload = uploads(edge, 1)[0]
    edge.client(GET)
    edge.loop.advance(PRESSED_AFTER + 5)
    assert not upload.take()
    edge.end()


def test_no_more_are_cut_in_one_sweep_than_a_loop_can_bear() -> None:
    count = CUT_AT_ONCE + 8
    edge = edge_of(2 * count, pending_timeout=30)
    uploads(edge, 2 * count)
    edge.loop.advance(PRESSED_AFTER)
    while not edge.count(counters.BODIES_CUT):
        edge.loop.advance(0.25)
    assert edge.count(counters.BODIES_CUT) == CUT_AT_ONCE
    edge.loop.advance(0.25)
    assert edge.count(counters.BODIES_CUT) == count
    edge.end()


def test_one_that_expects_is_judged_from_the_100_on() -> None:
    edge = edge_of(2, pending_timeout=60)
    first = uploads(edge, 1, EXPECT)[0]
    service = edge.loop.attempts[0].transport
    assert service is not None
    uploads(edge, 1)
    edge.loop.advance(PRESSED_AFTER + 5)
    assert not first.take()  # it is the service that lets it wait
    service.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
    first.take()
    edge.loop.advance(PRESSED_AFTER + 0.5)
    assert statuses(first.take()) == [408]
    edge.end()


def test_one_that_does_not_wait_for_the_100_is_judged_from_its_first_byte() -> None:
    edge = edge_of(2, pending_timeout=60)
    first = uploads(edge, 1, EXPECT)[0]
    uploads(edge, 1)
    edge.loop.advance(PRESSED_AFTER + 5)
    first.feed(b"x")
    assert not first.take()
    edge.loop.advance(PRESSED_AFTER + 0.5)
    assert statuses(first.take()) == [408]
    edge.end()


def test_one_that_is_held_is_not_cut() -> None:
    edge = edge_of(2, pending_timeout=60)
    first = uploads(edge, 1)[0]
    service = edge.loop.attempts[0].transport
    assert service is not None
    service.capacity = 0
    first.feed(b"x" * 90_000)
    assert not first.is_reading()
    uploads(edge, 1)
    edge.loop.advance(PRESSED_AFTER + 5)
    assert not first.take()
    edge.end()


def test_where_nobody_may_be_asked_any_more_who_waits_to_upload_is_told() -> None:
    edge = edge_of(2)
    first, second = uploads(edge, 2)
    edge.endpoints[0].pool.turn_away(InternalError(503, "breaker_open", "not now"))
    assert waiting(edge) == 0
    assert statuses(second.take()) == [503]
    finish(first, edge)
    assert statuses(first.take()) == [200]
    edge.end()
