"""Row 12: clients that ask for three large answers at once and read them very slowly."""

from __future__ import annotations

import asyncio

from bench.scenarios.clients import Held, connect_many, drop
from bench.scenarios.harness import Bench, Result, Scenario
from bench.scenarios.measure import kib

REQUEST = b"GET /bytes/1048576 HTTP/1.1\r\nHost: a.test\r\n\r\n"
RECEIVE_BUFFER = 2048
TARGET = 128 * 1024
"""Bytes per connection."""


async def sip(clients: list[Held]) -> None:
    """Let every client read once; with its small buffer that is a few KiB."""
    for client in clients:
        if client.is_open:
            client.transport.resume_reading()
    await asyncio.sleep(0.05)


async def run(bench: Bench) -> Result:
    """Hold the readers for some seconds, one sip each per second, and read the highest PSS."""
    count = bench.scale(1000, 200)
    async with bench.serving() as stage:
        before = stage.peer.usage()
        clients = await connect_many(
            stage.ports.edge, count, REQUEST * 3, is_reading=False, receive_buffer=RECEIVE_BUFFER
        )
        peak = before
        for _ in range(bench.scale(8, 3)):
            await sip(clients)
            await asyncio.sleep(1)
            now = stage.peer.usage()
            peak = now if now.pss > peak.pss else peak
        alive = sum(client.is_open for client in clients)
        await drop(clients)
        await asyncio.sleep(1)
        after = stage.peer.usage()
    each = peak.grown_per(before, count)
    return Result(
        f"{kib(each)} ({alive} held)",
        each <= TARGET and alive == count,
        {"bytes_per_connection": round(each), "held": alive, "kept_afterwards": after.pss - before.pss},
    )


SCENARIO = Scenario(
    "12", "slow_readers", "slow readers, 3 x 1 MiB pipelined each: memory per connection", "<= 128 KiB", run
)
