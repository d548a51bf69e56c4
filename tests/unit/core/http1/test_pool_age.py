"""Connections of a pool that grow old."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from fastgw.core import counters
from fastgw.core.http1.pool import PEEK_AFTER
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, statuses

# --- growing old


@pytest.mark.parametrize(("seconds", "is_closed"), [(3.9, False), (4.5, True)])
def test_idle_connection_is_closed_before_the_service_would(seconds: float, is_closed: bool) -> None:
    edge = Edge(pool=usual.pool(idle_timeout=4))
    _, service = edge.pair()
    service.feed(OK)
    edge.loop.advance(seconds)
    assert service.is_lost is is_closed
    assert edge.of_endpoint(counters.ENDPOINT_IDLE) == (not is_closed)
    edge.end()


@pytest.fixture
def both_ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A real pair of sockets: what the kernel knows and the loop has not told yet cannot be mocked."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    with ours, theirs:
        yield ours, theirs


@pytest.mark.parametrize("news", ["nothing", "bytes", "end", "closed"])
def test_idle_connection_is_looked_at_before_it_is_used_again(
    both_ends: tuple[socket.socket, socket.socket], news: str
) -> None:
    ours, theirs = both_ends
    edge = Edge()
    client = edge.client(GET)
    service = edge.connect(extra={"socket": Quiet(ours), "sslcontext": object()})
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.loop.advance(PEEK_AFTER + 0.5)
    if news == "bytes":
        theirs.send(b"HTTP/1.1 408 Request Timeout\r\n")
    elif news == "end":
        theirs.close()
    elif news == "closed":
        ours.close()
    client.feed(GET)
    assert bool(edge.attempts) is (news != "nothing")
    assert service.is_aborted is (news != "nothing")
    edge.end()


def test_connection_that_was_reset_is_not_used_again() -> None:
    """A reset shows as an error of the peek."""
    listener = socket.socket(socket.AF_UNIX)
    edge = Edge()
    client = edge.client(GET)
    with listener:
        service = edge.connect(extra={"socket": Quiet(listener), "sslcontext": object()})
        service.feed(OK)
        edge.loop.advance(PEEK_AFTER + 0.5)
        client.feed(GET)
        assert edge.attempts
    edge.end()


class Quiet:
    """A socket whose options do not matter."""

    def __init__(self, real: socket.socket) -> None:
        self._real = real

    def fileno(self) -> int:
        return self._real.fileno()

    def setsockopt(self, *args: object) -> None:
        """Nodelay means nothing to a unix socket."""


def test_connection_in_the_middle_of_ending_is_not_used_again() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(OK)
    service.feed_eof()  # connection_lost comes on the next turn
    client.feed(GET)
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200, 200]
    edge.end()


def test_idle_connection_too_old_between_two_sweeps_is_not_used_again() -> None:
    edge = Edge(pool=usual.pool(idle_timeout=1.0))
    client, service = edge.pair()
    service.feed(OK)
    edge.loop.advance(1.0)  # exactly as old as it may become: kept, but of no use any more
    assert not service.is_lost
    client.feed(GET)
    assert edge.attempts
    edge.end()
