"""What both sides have in common: writing past the transport and in order, holding and releasing."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any

import pytest

from fastgw.core.net.connection import HOLD_PEER, HOLD_PENDING, HOLD_PIPELINE, WRITE_HIGH, WRITE_LOW, Connection
from fastgw.testing.edge import new_loop
from fastgw.testing.mock import MockLoop, MockTransport


class Side(Connection):
    """The protocol's part that a transport calls."""

    def connection_made(self, transport: Any) -> None:
        """Take it."""
        self.attach(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """Nothing."""

    def pause_writing(self) -> None:
        """Nothing."""

    def resume_writing(self) -> None:
        """Nothing."""


def connected(**extra: Any) -> tuple[MockLoop, MockTransport, Side]:
    loop = new_loop()
    side = Side()
    made: Any = lambda: side  # noqa: E731
    return loop, loop.accept(made, extra=extra), side


@pytest.fixture
def both_ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """A real pair of sockets, since bytes go past the transport to a descriptor."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.setblocking(False)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    with ours, theirs:
        yield ours, theirs


def fill(side: Side, transport: MockTransport) -> bytes:
    """Write until the transport has to queue; return what was written."""
    transport.capacity = 0
    written = b""
    while not transport.get_write_buffer_size():
        written += bytes([65 + len(written) % 26]) * 1000
        side.write(written[-1000:])
    return written


def drain(theirs: socket.socket) -> bytes:
    received = b""
    while True:
        try:
            received += theirs.recv(65536)
        except BlockingIOError:
            return received


def test_limits_of_the_write_buffer() -> None:
    _, transport, _ = connected()
    assert transport.get_write_buffer_limits() == (WRITE_LOW, WRITE_HIGH)


def test_bytes_go_to_the_kernel_at_once(both_ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = both_ends
    _, transport, side = connected(socket=ours)
    side.write(b"hello")
    assert theirs.recv(100) == b"hello"
    assert transport.write_calls == 0


def test_what_the_kernel_does_not_take_is_queued_in_order(both_ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = both_ends
    _, transport, side = connected(socket=ours)
    written = fill(side, transport)
    side.write(b"END")
    first = drain(theirs)
    transport.drain()
    assert first + transport.take() == written + b"END"
    side.write(b"direct again")
    assert drain(theirs) == b"direct again"
    assert transport.take() == b""


@pytest.mark.parametrize("extra", [{"sslcontext": object()}, {"socket": None}])
def test_tls_and_what_has_no_socket_is_written_through(extra: dict[str, Any]) -> None:
    _, transport, side = connected(**extra)
    side.write(b"a")
    side.write(b"b")
    assert transport.take() == b"ab"
    assert transport.write_calls == 2


def test_broken_peer_is_learned_of_by_reading(both_ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = both_ends
    _, transport, side = connected(socket=ours)
    theirs.close()
    side.write(b"a")
    assert not transport.is_aborted  # it may have answered before it closed
    side.write(b"b")
    assert transport.write_calls == 0


def test_broken_peer_that_is_not_read_is_aborted(both_ends: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = both_ends
    _, transport, side = connected(socket=ours)
    side.hold(HOLD_PEER)
    theirs.close()
    side.write(b"a")
    assert transport.is_aborted
    assert side.is_closed


def test_reading_resumes_with_the_last_release() -> None:
    _, transport, side = connected()
    side.hold(HOLD_PEER)
    side.hold(HOLD_PENDING)
    side.hold(HOLD_PENDING)
    assert not transport.is_reading()
    side.release(HOLD_PENDING)
    side.release(HOLD_PIPELINE)
    assert not transport.is_reading()
    side.release(HOLD_PEER)
    assert transport.is_reading()
    side.release(HOLD_PEER)
    assert transport.is_reading()


def test_several_holds_are_released_together() -> None:
    _, transport, side = connected()
    side.hold(HOLD_PENDING)
    side.hold(HOLD_PIPELINE)
    side.release(HOLD_PENDING | HOLD_PIPELINE)
    assert transport.is_reading()


def test_close_sends_what_is_queued_and_nothing_more() -> None:
    loop, transport, side = connected()
    transport.capacity = 0
    side.write(b"last")
    side.close()
    side.close()
    side.write(b"lost")
    transport.drain()
    loop.run_ready()
    assert transport.take() == b"last"
    assert transport.is_lost
    assert transport.dropped == b""


def test_abort_loses_what_is_queued() -> None:
    loop, transport, side = connected()
    transport.capacity = 0
    side.write(b"lost")
    side.abort()
    loop.run_ready()
    assert transport.take() == b""
    assert transport.is_lost


def test_closed_connection_is_neither_held_nor_released() -> None:
    _, transport, side = connected()
    side.hold(HOLD_PEER)
    side.close()
    side.release(HOLD_PEER)
    side.hold(HOLD_PEER)
    assert not transport.is_reading()


def test_connection_that_never_was_can_be_aborted() -> None:
    side = Side()
    side.abort()
    assert side.is_closed
