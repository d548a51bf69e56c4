"""Row 22: what the gateway adds to the delay of server-sent events."""

from __future__ import annotations

import asyncio
import re
import time

from bench.scenarios.clients import Held, connect_many, drop
from bench.scenarios.harness import Bench, Result, Scenario
from bench.scenarios.measure import ms, percentile

STREAMS = 200
TARGET = 0.010
"""Seconds at p99."""
_EVENT = re.compile(rb"data: (\d+)\n")


class Listener(Held):
    """A client that compares each event's clock with its own."""

    delays: list[float]

    def data_received(self, data: bytes) -> None:
        """Note the age of each event; an event is small enough to arrive whole."""
        now = time.monotonic_ns()
        super().data_received(data)
        self.delays.extend((now - int(written)) / 1e9 for written in _EVENT.findall(data))


async def listen(port: int, streams: int, seconds: int) -> list[float]:
    """Hold the streams open for their whole life and return the age of every event after the first second."""
    delays: list[float] = []
    request = b"GET /stream/events/%d HTTP/1.1\r\nHost: a.test\r\n\r\n" % (seconds + 1)

    def make() -> Listener:
        listener = Listener()
        listener.delays = delays
        return listener

    clients = await connect_many(port, streams, request, make=make)
    await asyncio.sleep(1)
    delays.clear()
    await asyncio.sleep(seconds - 0.5)
    await drop(clients)
    return delays


async def run(bench: Bench) -> Result:
    """Listen to the service directly, then through the peer."""
    streams = bench.scale(STREAMS, 100)
    seconds = bench.scale(10, 4)
    async with bench.serving() as stage:
        direct = await listen(stage.ports.main, streams, seconds)
        through = await listen(stage.ports.edge, streams, seconds)
    p50, p99 = percentile(through, 0.5), percentile(through, 0.99)
    direct_p50, direct_p99 = percentile(direct, 0.5), percentile(direct, 0.99)
    expected = streams * 20 * (seconds - 0.5)
    return Result(
        f"{ms(p50)} / {ms(p99)} (direct {ms(direct_p50)} / {ms(direct_p99)}; {len(through)} events)",
        p99 - direct_p99 <= TARGET and len(through) >= 0.9 * expected,
        {"p50": p50, "p99": p99, "direct_p50": direct_p50, "direct_p99": direct_p99, "events": len(through)},
    )


SCENARIO = Scenario("22", "events", "SSE 200 streams x 20 events/s: delay p50 / p99", "p99 +10 ms at most", run)
