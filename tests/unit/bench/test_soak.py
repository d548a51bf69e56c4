"""What a soak says of what it has seen."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from random import Random
from typing import Any

import pytest

from bench.soak import traffic
from bench.soak.__main__ import faults_of, grown
from bench.soak.growth import slope_of
from bench.soak.stage import started
from bench.soak.traffic import Clients, answer_of


def samples(seconds: int, rate: float) -> list[tuple[float, float]]:
    random = Random(1)
    return [(at, 40e6 + rate * at + random.gauss(0, 50e3)) for at in range(seconds)]


def test_noise_has_no_slope_and_a_leak_has() -> None:
    quiet, leak = slope_of(samples(1000, 0)), slope_of(samples(1000, 300))
    assert quiet is not None and quiet.is_noise
    assert leak is not None and not leak.is_noise
    assert leak.per_hour == pytest.approx(300 * 3600, rel=0.5) and leak.grown == pytest.approx(220e3, rel=0.2)


def test_steps_are_no_leak_unless_they_are_large() -> None:
    def stepped(size: float) -> list[tuple[float, float]]:
        return [(at, value + size * (at > 600)) for at, value in samples(1000, 0)]

    small, large = slope_of(stepped(1e6)), slope_of(stepped(8e6))
    assert small is not None and small.is_noise and small.grown == pytest.approx(1e6, rel=0.1)
    assert large is not None and not large.is_noise


def test_of_a_short_time_no_slope_is_told() -> None:
    assert slope_of(samples(200, 300)) is None
    assert slope_of([]) is None


def inside(**change: Any) -> dict[str, Any]:
    return {"objects": {"Relay": 10}, "tasks": ["sweep"], "descriptors": 20, **change}


@pytest.mark.parametrize(
    "change",
    [{"objects": {"Relay": 2000}}, {"objects": {"Client": 100}}, {"tasks": ["sweep", "left"]}, {"descriptors": 23}],
    ids=str,
)
def test_what_is_left_is_told(change: dict[str, Any]) -> None:
    assert grown(inside(), inside(**change))
    assert not grown(inside(), inside())


def test_a_free_list_may_fill() -> None:
    assert not grown(inside(), inside(objects={"Relay": 1024, "StoredAnswer": 222}))


def found(**change: Any) -> dict[str, Any]:
    usual: dict[str, Any] = {"failed": [], "slopes": {}, "left": {}, "alarms": [], "oldest worker lived": True}
    return {**usual, **change}


def test_everything_that_is_wrong_is_a_line() -> None:
    assert faults_of(found(), 0) == []
    assert len(faults_of(found(), 1)) == 1
    leak = {"worker": slope_of(samples(1000, 300)), "supervisor": None}
    wrong = found(
        failed=["keeps: EOF"], slopes=leak, left={7: {"tasks": ["x"]}}, alarms=["x"], **{"oldest worker lived": False}
    )
    assert len(faults_of(wrong, 0)) == 5


def test_the_oldest_is_known_by_its_start_whatever_its_id() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert started(os.getpid()) < started(child.pid) < started(2**22 + 1)
    finally:
        child.communicate()


async def read(said: bytes, expected: set[int]) -> bytes:
    reader = asyncio.StreamReader()
    reader.feed_data(said)
    reader.feed_eof()
    return await answer_of(reader, expected)


@pytest.mark.parametrize(
    ("said", "body"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", b"hi"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n1\r\n!\r\n0\r\n\r\n", b"hi!"),
    ],
)
def test_an_answer_is_read_whole_or_is_an_error(said: bytes, body: bytes) -> None:
    assert asyncio.run(read(said, {200})) == body
    with pytest.raises(EOFError):
        asyncio.run(read(said[:-1], {200}))
    with pytest.raises(ValueError, match="200, not"):
        asyncio.run(read(said, {404}))


def test_clients_run_each_time_they_are_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    async def once(clients: Clients) -> None:
        await asyncio.sleep(0)

    monkeypatch.setattr(traffic, "KINDS", (once,))

    async def story() -> list[int]:
        clients, seen = Clients(1, Random(1)), []
        for _ in range(2):
            before = clients.done["once"]
            await clients.run(0.01, lanes=1)
            seen.append(clients.done["once"] - before)
        return seen

    assert all(asyncio.run(story()))
