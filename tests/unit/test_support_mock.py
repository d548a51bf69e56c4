"""The mock transport and loop behave as uvloop does where the protocols depend on it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.support.mock import MockLoop, MockTransport


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


def test_timers_fire_in_order_at_their_own_time() -> None:
    loop = MockLoop()
    seen: list[tuple[str, float]] = []
    start = loop.time()

    def note(name: str) -> None:
        seen.append((name, loop.time() - start))

    loop.call_later(2.0, note, "two")
    loop.call_later(1.0, note, "one")
    loop.call_later(3.0, note, "never").cancel()
    assert len(loop.timers) == 2
    loop.advance(5.0)
    assert seen == [("one", 1.0), ("two", 2.0)] and loop.time() - start == 5.0 and loop.timers == []


def test_connections_are_answered_by_the_test() -> None:
    loop = MockLoop()
    protocol = Recorder()
    good = loop.create_task(loop.create_connection(lambda: protocol, "10.0.0.1", 80))
    bad = loop.create_task(loop.create_unix_connection(lambda: protocol, "/run/x"))
    loop.run_ready()
    assert [attempt.target for attempt in loop.attempts] == [{"host": "10.0.0.1", "port": 80}, {"path": "/run/x"}]
    transport = loop.attempts[0].succeed()
    loop.attempts[1].fail(ConnectionRefusedError())
    loop.run_ready()
    assert good.result() == (transport, protocol) and isinstance(bad.exception(), ConnectionRefusedError)


def test_an_escaped_exception_fails_the_story() -> None:
    loop = MockLoop(on_connect=lambda attempt: attempt.succeed())
    loop.call_soon(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        loop.run_ready()
    transport, _ = loop.run(loop.create_connection(Recorder))
    assert isinstance(transport, MockTransport)


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
