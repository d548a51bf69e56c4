"""Row 9: what an idle keep-alive connection costs in memory."""

from __future__ import annotations

import asyncio

from bench.scenarios.clients import GOOD, connect_many, drop, until
from bench.scenarios.harness import Bench, Result, Scenario

TARGET = 2048
"""Bytes per connection."""


async def run(bench: Bench) -> Result:
    """Open connections to a cold peer, let each make one request, and read PSS while they are held."""
    count = bench.scale(5000, 1000)
    async with bench.serving() as stage:
        before = stage.peer.usage()
        clients = await connect_many(stage.ports.edge, count, GOOD, batch=50)
        await until(lambda: all(client.status == 200 for client in clients), 10)
        await asyncio.sleep(1)
        held = sum(client.is_open and client.status == 200 for client in clients)
        after = stage.peer.usage()
        await drop(clients)
    each = after.grown_per(before, held)
    return Result(
        f"{each / 1024:.1f} kB ({held} held)",
        each <= TARGET and held == count,
        {"bytes_per_connection": round(each), "held": held, "pss_before": before.pss, "pss_after": after.pss},
    )


SCENARIO = Scenario("9", "idle", "memory per idle keep-alive connection (PSS, cold)", "<= 2 KiB, all held", run)
