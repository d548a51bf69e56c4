"""The mock transport behaves as that of uvloop does where the protocols depend on it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastgw.testing.mock import MockLoop, MockTransport


class Recorder(asyncio.Protocol):
    """Writes down what is called on it."""

    def __init__(self) -> None:
        self.calls: list[Any] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.calls.append("made")

    def data_received(self, data: bytes) -> None:
        self.calls.append(data)

    def eof_received(self) -> bool | None:
        self.calls.append("eof")
        return None

    def pause_writing(self) -> None:
        self.calls.append("pause")

    def resume_writing(self) -> None:
        self.calls.append("resume")

    def connection_lost(self, exc: Exception | None) -> None:
        self.calls.append(("lost", exc))


def connected(**options: Any) -> tuple[MockLoop, MockTransport, Recorder]:
    loop = MockLoop()
    protocol = Recorder()
    return loop, loop.accept(lambda: protocol, **options), protocol


def test_close_is_told_on_the_next_turn_and_once() -> None:
    loop, transport, protocol = connected()
    transport.write(b"bye")
    transport.close()
    transport.close()
    transport.write(b"too late")
    assert protocol.calls == ["made"] and transport.is_closing()
    loop.run_ready()
    assert protocol.calls == ["made", ("lost", None)]
    assert transport.take() == b"bye" and transport.dropped == b"too late"


def test_bytes_wait_while_reading_is_paused() -> None:
    loop, transport, protocol = connected()
    transport.pause_reading()
    transport.feed(b"one")
    transport.feed_eof()
    assert protocol.calls == ["made"] and transport.unread == 3 and not transport.is_reading()
    transport.resume_reading()
    loop.run_ready()
    assert protocol.calls == ["made", b"one", "eof", ("lost", None)]


def test_a_peer_that_does_not_read_pauses_writing_once() -> None:
    loop, transport, protocol = connected(capacity=4)
    transport.set_write_buffer_limits(high=8, low=2)
    transport.write(b"0123")
    transport.write(b"456789abcdef")
    transport.writelines([b"gh", b"ij"])
    assert transport.take() == b"0123" and transport.get_write_buffer_size() == 16
    assert protocol.calls == ["made", "pause"]
    transport.close()
    transport.drain(14)
    assert protocol.calls == ["made", "pause", "resume"]
    transport.drain()
    loop.run_ready()
    assert transport.take() == b"456789abcdefghij" and transport.is_lost


def test_direct_sends_are_short_when_the_peer_is_slow() -> None:
    _, transport, _ = connected(capacity=3)
    socket = transport.get_extra_info("socket")
    assert socket.send(b"12345") == 3
    with pytest.raises(BlockingIOError):
        socket.send(b"45")
    transport.write(b"45")
    transport.send_error = ConnectionResetError()
    with pytest.raises(ConnectionResetError):
        socket.send(b"6")
    assert transport.writes == [b"123"] and transport.get_write_buffer_size() == 2


def test_a_buffered_protocol_is_fed_through_its_buffer() -> None:
    class Buffered(asyncio.BufferedProtocol):
        def __init__(self) -> None:
            self.memory = bytearray(4)
            self.seen = b""

        def get_buffer(self, sizehint: int) -> bytearray:
            return self.memory

        def buffer_updated(self, nbytes: int) -> None:
            self.seen += self.memory[:nbytes]

    protocol = Buffered()
    MockLoop().accept(lambda: protocol).feed(b"0123456789")
    assert protocol.seen == b"0123456789"
