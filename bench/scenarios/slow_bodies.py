"""Row 23: as many slow request bodies as the default pool of a service has connections."""

from __future__ import annotations

import asyncio

from bench.scenarios.clients import Held, connect_many, drop
from bench.scenarios.harness import Bench, Result, Scenario
from bench.scenarios.measure import ms

COUNT = 256
"""Connections of a pool of fastgw by default; nginx and HAProxy have no such bound unless they are given one."""
PATH = b"/pooled/up"
HEAD = b"POST /pooled/up HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8192\r\n\r\n"
PAUSE = 7
"""Seconds between two bytes of a body."""
NOISE = 0.001
"""Seconds by which two p99 of a quiet run may differ on a shared machine."""


async def drip(clients: list[Held]) -> None:
    """Send one byte of each body, again and again."""
    while True:
        for client in clients:
            client.send(b"b")
        await asyncio.sleep(PAUSE)


async def run(bench: Bench) -> Result:
    """Compare good traffic to the same service before and while the bodies drip."""
    seconds = bench.scale(30, 10)
    async with bench.serving() as stage:
        calm = await stage.traffic(bench.scale(10, 4), path=PATH)
        clients = await connect_many(stage.ports.edge, COUNT, HEAD)
        dripping = asyncio.create_task(drip(clients))
        await asyncio.sleep(2)  # whoever waits for a body only for a while has passed it on by now
        during = await stage.traffic(seconds, path=PATH)
        dripping.cancel()
        left = sum(client.is_open for client in clients)
        passed = await stage.services_open("main")
        await drop(clients)
    return Result(
        f"{ms(calm.p99)} -> {ms(during.p99)}, {during.errors} errors ({len(clients)} bodies, {left} left)",
        not during.errors and during.p99 <= max(1.5 * calm.p99, calm.p99 + NOISE) and len(clients) == COUNT,
        {
            "p50_before": calm.p50,
            "p50_during": during.p50,
            "p99_before": calm.p99,
            "p99_during": during.p99,
            "errors": during.errors,
            "requests": len(during.latencies) + during.errors,
            "bodies": len(clients),
            "bodies_left": left,
            "service_connections": passed,
        },
    )


SCENARIO = Scenario(
    "23",
    "slow_bodies",
    "256 bodies, a byte every 7 s: p99 of other requests to the service, errors",
    "+50 % at most (or 1 ms), no errors",
    run,
)
