"""Connections of one endpoint: reuse, waiting in line, opening, growing old, ending."""

from __future__ import annotations

import errno
import ssl

import pytest

from fastgw.core import counters
from fastgw.core.causes import PLACES
from fastgw.core.snapshot.snapshot import Service
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, POST, Edge, statuses


def test_first_request_opens_a_connection_and_the_next_one_uses_it() -> None:
    edge = Edge()
    client, service = edge.pair()
    target = edge.loop.attempts[0].target
    assert (target["host"], target["port"], target["ssl"], target["server_hostname"]) == ("127.0.0.1", 9000, None, None)
    service.feed(OK)
    client.feed(GET)
    service.feed(OK)
    assert len(edge.loop.attempts) == 1
    assert edge.of_endpoint(counters.ENDPOINT_CONNECTS) == 1
    assert edge.of_endpoint(counters.ENDPOINT_REUSED) == 1
    assert edge.of_endpoint(counters.ENDPOINT_REQUESTS) == 2
    edge.end()


def test_connection_used_last_is_used_first() -> None:
    edge = Edge()
    pairs = [edge.pair() for _ in range(3)]
    for _, service in pairs:
        service.feed(OK)
        service.take()
    pairs[0][0].feed(GET)
    assert pairs[2][1].take()
    edge.end()


def test_whoever_waits_longest_gets_what_becomes_free_first() -> None:
    edge = Edge()
    first, service = edge.pair()
    second = edge.client(GET)
    third = edge.client(GET)
    service.feed(OK)  # the old connection is free before a new one is made
    assert statuses(first.take()) == [200]
    service.feed(OK)
    assert statuses(second.take()) == [200]
    edge.connect().feed(OK)
    edge.run()
    service.feed(OK)
    assert statuses(third.take()) == [200]
    edge.end()


def test_connections_are_bounded() -> None:
    edge = Edge(pool=usual.pool(max_connections=2))
    clients = [edge.client(GET) for _ in range(4)]
    assert len(edge.attempts) == 2
    services = [edge.connect(), edge.connect()]
    for service in services * 2:
        service.feed(OK)
    assert all(statuses(client.take()) == [200] for client in clients)
    assert len(edge.loop.attempts) == 2
    edge.end()


def test_waiting_is_bounded() -> None:
    edge = Edge(pool=usual.pool(max_connections=1, max_pending=2))
    waiting = [edge.client(GET) for _ in range(2)]
    refused = edge.client(GET)
    assert statuses(refused.take()) == [503]
    assert b"pool_full" in b"".join(refused.writes)
    service = edge.connect()
    for client in waiting:
        service.feed(OK)
        assert statuses(client.take()) == [200]
    edge.end()


def test_connection_that_closes_makes_room_for_another() -> None:
    edge = Edge(pool=usual.pool(max_connections=1))
    first, service = edge.pair()
    second = edge.client(GET)
    assert not edge.attempts
    service.feed(OK.replace(b"200 OK", b"200 OK\r\nConnection: close"))
    edge.connect().feed(OK)
    assert statuses(first.take()) == statuses(second.take()) == [200]
    edge.end()


@pytest.mark.parametrize("ending", ["eof", "reset"])
def test_connection_that_closes_while_it_is_opened_counts_once(ending: str) -> None:
    edge = Edge(pool=usual.pool(max_connections=1))
    client = edge.client(GET)
    transport = edge.attempts[0].succeed()
    if ending == "eof":
        transport.feed_eof()
    else:
        transport.lose(ConnectionResetError())
    edge.run()
    assert edge.endpoints[0].pool.size == 0
    # As good as refused: trying again for the same exchange would have no end with a service that always does this.
    assert statuses(client.take()) == [502]
    edge.end()


def test_repr_says_what_there_is() -> None:
    edge = Edge()
    edge.client(GET)
    assert repr(edge.endpoints[0].pool) == "<Pool 127.0.0.1:9000 size=1 idle=0 waiting=1>"
    edge.end()


# --- opening fails


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (ConnectionRefusedError(errno.ECONNREFUSED, "x"), 502, b"connect_refused"),
        (TimeoutError(), 504, b"connect_timeout"),
        (ssl.SSLError(1, "[SSL] internal error (_ssl.c:1006)"), 502, b"tls_failed"),
        (OSError(errno.EHOSTUNREACH, "no route"), 502, b"unreachable"),
        (PermissionError(errno.EACCES, "denied"), 502, b"connect_failed"),
    ],
)
def test_connection_that_cannot_be_opened(error: Exception, status: int, code: bytes) -> None:
    edge = Edge()
    client = edge.client(GET)
    edge.refuse(error)
    got = client.take()
    assert statuses(got) == [status]
    assert code in got
    assert edge.of_endpoint(counters.ENDPOINT_CONNECT_FAILURES) == 1
    assert edge.of_endpoint(counters.ENDPOINT_CAUSES + PLACES[code.decode()]) == 1
    assert edge.of_endpoint(counters.ENDPOINT_REQUESTS) == 0
    [line] = edge.failures()
    assert (line["service"], line["endpoint"], line["cause"]) == ("s", "127.0.0.1:9000", code.decode())
    assert line["detail"] and line["detail"].encode() not in got
    assert not client.is_closing()
    edge.end()


def test_opening_has_a_deadline() -> None:
    edge = Edge(pool=usual.pool(connect_timeout=2))
    client = edge.client(GET)
    edge.loop.advance(1.9)
    assert client.take() == b""
    edge.loop.advance(0.2)
    assert statuses(client.take()) == [504]
    assert edge.loop.attempts[0].is_cancelled
    edge.end()


def test_failure_fails_one_waiter_and_the_next_one_tries_again() -> None:
    edge = Edge(pool=usual.pool(max_connections=1))
    first, second = edge.client(GET), edge.client(GET)
    edge.refuse()
    assert statuses(first.take()) == [502]
    assert second.take() == b""
    edge.connect().feed(OK)
    assert statuses(second.take()) == [200]
    edge.end()


def test_failure_nobody_waits_for_any_more() -> None:
    edge = Edge()
    edge.client(GET).lose()
    edge.refuse()
    assert edge.endpoints[0].pool.size == 0
    edge.end()


@pytest.mark.parametrize("error", [UnicodeError("label too long"), ZeroDivisionError()])
def test_bug_while_opening_fails_the_waiter_and_is_logged(error: Exception) -> None:
    edge = Edge()
    client = edge.client(GET)
    edge.refuse(error)
    assert statuses(client.take()) == [502]
    assert edge.errors == [error]
    assert edge.endpoints[0].pool.size == 0
    edge.end()


# --- warm, retired, closed


def test_warm_connections_are_there_before_anybody_asks() -> None:
    edge = Edge(pool=usual.pool(warm=2, max_connections=3))
    assert len(edge.attempts) == 2
    services = [edge.connect(), edge.connect()]
    assert edge.of_endpoint(counters.ENDPOINT_IDLE) == 2
    edge.client(GET)
    assert services[1].take()
    services[0].feed_eof()
    edge.loop.advance(0.5)
    assert len(edge.attempts) == 1
    edge.end()


def other(edge: Edge) -> Service:
    """A service of another endpoint."""
    return usual.service("t", (edge.endpoint(9100, 5),), edge.service.balancer)


def test_retired_endpoint_keeps_nothing_idle() -> None:
    edge = Edge(pool=usual.pool(warm=1))
    edge.connect()
    busy, service = edge.client(GET), edge.loop.attempts[0].transport
    assert service is not None
    waiting = edge.pair()[1]
    idle = edge.pair()[1]
    idle.feed(OK)
    edge.install(edge.listen(), other(edge), generation=2)
    assert idle.is_aborted
    service.feed(OK)
    waiting.feed(OK)
    assert statuses(busy.take()) == [200]
    assert service.is_aborted
    assert waiting.is_aborted
    edge.loop.advance(1)
    assert not edge.attempts
    edge.end()


def test_retired_endpoint_still_serves_who_waits() -> None:
    edge = Edge()
    client = edge.client(POST + b"hello")
    edge.install(edge.listen(), other(edge), generation=2)
    service = edge.connect()
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert service.is_aborted
    edge.end()


def test_connection_that_nobody_waits_for_at_a_retired_endpoint_is_given_up() -> None:
    edge = Edge()
    edge.client(GET).lose()
    edge.install(edge.listen(), other(edge), generation=2)
    edge.run()
    assert edge.loop.attempts[0].is_cancelled
    assert edge.of_endpoint(counters.ENDPOINT_CONNECT_FAILURES) == 0
    edge.end()


def test_end_of_the_worker_cancels_what_is_being_opened() -> None:
    edge = Edge()
    edge.client(GET)
    edge.run()
    edge.plane.close()
    edge.run()
    assert edge.loop.attempts[0].is_cancelled
    edge.end()
