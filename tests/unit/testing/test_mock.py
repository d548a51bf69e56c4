"""The mock transport and loop behave as uvloop does where the protocols depend on it."""

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
