"""A service that leaves before it has taken the whole request: what it said is read first."""

from __future__ import annotations

import socket

import pytest

from fastgw.core import counters
from fastgw.testing.edge import GET, OK, POST, Edge, body_of, statuses
from fastgw.testing.mock import MockTransport, QuietSocket

REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope"


def leaving(edge: Edge, said: bytes, request: bytes = POST + b"hel") -> tuple[MockTransport, MockTransport]:
    """A client in the middle of its request, and a transport of the loop that failed to write: ``said`` is in the kernel, unread."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    client = edge.client(request)
    service = edge.connect(extra={"socket": QuietSocket(ours)})
    theirs.sendall(said)
    service.lose(BrokenPipeError())
    theirs.close()
    ours.close()
    edge.run()
    return client, service


def test_answer_that_waits_behind_a_failed_write_is_read() -> None:
    edge = Edge()
    client, _ = leaving(edge, REFUSED)
    answer = client.take()
    assert statuses(answer) == [401]
    assert body_of(answer) == b"nope"
    assert edge.endpoints[0].pool.size == 0
    edge.end()


@pytest.mark.parametrize(("said", "status"), [(b"", 502), (REFUSED[:-1], 401)])
def test_answer_that_is_not_whole_behind_a_failed_write_is_none(said: bytes, status: int) -> None:
    edge = Edge()
    client, _ = leaving(edge, said)
    assert statuses(client.take()) == [status]
    assert edge.of_route(counters.ROUTE_FAULT_UPSTREAM) == 1
    edge.end()


def test_with_tls_nothing_is_read_past_the_transport() -> None:
    edge = Edge()
    ours, theirs = socket.socketpair()
    client = edge.client(POST + b"hel")
    service = edge.connect(extra={"socket": QuietSocket(ours), "sslcontext": object()})
    theirs.sendall(REFUSED)
    service.lose(BrokenPipeError())
    assert statuses(client.take()) == [502]
    theirs.close()
    ours.close()
    edge.end()


def test_rest_of_an_answer_is_not_read_for_a_client_that_does_not_take_it() -> None:
    """It would be queued without a bound."""
    edge = Edge()
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    client = edge.client(GET, capacity=0)
    service = edge.connect(extra={"socket": QuietSocket(ours)})
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 100_000)
    assert not service.is_reading()
    theirs.sendall(b"x" * 100_000)
    service.lose(ConnectionResetError())
    edge.run()
    client.drain()
    assert len(client.take()) < 110_000
    theirs.close()
    ours.close()
    edge.end()


def test_connection_that_takes_nothing_more_is_not_kept() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.protocol.on_broken()  # type: ignore[attr-defined]
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert edge.endpoints[0].pool.idle == []
    assert service.is_aborted
    edge.end()


def test_answer_until_close_that_ends_behind_a_failed_write_is_cut() -> None:
    """A failed write takes the news of the reset; reading ends as if the service had closed in peace."""
    edge = Edge()
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 200 OK\r\n\r\nhalf of it")
    service.protocol.on_broken()  # type: ignore[attr-defined]
    service.feed_eof()
    assert not client.take().endswith(b"0\r\n\r\n")
    assert edge.of_route(counters.ROUTE_FAULT_UPSTREAM) == 1
    edge.end()


def test_service_that_takes_nothing_more_is_read_when_the_client_goes_on() -> None:
    edge = Edge()
    client = edge.client(GET, capacity=0)
    service = edge.connect()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 100001\r\n\r\n" + b"x" * 100_000)
    assert not service.is_reading()
    service.protocol.on_broken()  # type: ignore[attr-defined]
    assert not service.is_aborted
    client.drain()
    edge.run()
    service.feed(b"x")
    assert len(body_of(client.take())) == 100_001
    edge.end()


def test_an_idle_connection_whose_transport_is_slow_holds_nobody() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(OK)
    service.protocol.pause_writing()
    service.protocol.resume_writing()
    assert client.is_reading()
    client.feed(GET)
    service.feed(OK)
    assert statuses(client.take()) == [200, 200]
    edge.end()
