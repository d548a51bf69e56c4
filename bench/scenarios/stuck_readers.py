"""Row 13: clients that ask for a large stream and never read it."""

from __future__ import annotations

import asyncio

from bench.scenarios.clients import connect_many, drop
from bench.scenarios.harness import Bench, Result, Scenario
from bench.scenarios.measure import kib, ms

REQUEST = b"GET /stream/bytes/52428800 HTTP/1.1\r\nHost: a.test\r\n\r\n"
TARGET = 128 * 1024
"""Bytes per connection."""
NOISE = 0.001
"""Seconds by which two p99 of a quiet run may differ on a shared machine."""


async def run(bench: Bench) -> Result:
    """Compare good traffic before and while the readers are stuck, and read the memory they pin."""
    count = bench.scale(200, 60)
    seconds = bench.scale(8, 3)
    async with bench.serving() as stage:
        calm = await stage.traffic(seconds)
        before = stage.peer.usage()
        clients = await connect_many(stage.ports.edge, count, REQUEST, is_reading=False)
        await asyncio.sleep(3)  # until every buffer on the way is full and the services are quiet again
        during = await stage.traffic(seconds)
        after = stage.peer.usage()
        alive = sum(client.is_open for client in clients)
        await drop(clients)
    each = after.grown_per(before, count)
    return Result(
        f"{kib(each)}; p99 of others {ms(calm.p99)} -> {ms(during.p99)}, {during.errors} errors",
        each <= TARGET and during.p99 <= max(2 * calm.p99, calm.p99 + NOISE) and not during.errors,
        {
            "bytes_per_connection": round(each),
            "held": alive,
            "p99_before": calm.p99,
            "p99_during": during.p99,
            "errors": during.errors,
        },
    )


SCENARIO = Scenario(
    "13", "stuck_readers", "non-reading clients x 50 MiB, streaming route: memory per connection; others' p99",
    "<= 128 KiB; p99 < x2", run,
)  # fmt: skip
