"""Row 21: a thousand requests stuck on a service that never answers."""

from __future__ import annotations

from bench.scenarios.clients import connect_many, drop, until
from bench.scenarios.harness import Bench, Result, Scenario
from bench.scenarios.measure import ms

REQUEST = b"GET /hole/x HTTP/1.1\r\nHost: a.test\r\n\r\n"
NOISE = 0.001
"""Seconds by which two p99 of a quiet run may differ on a shared machine."""


async def run(bench: Bench) -> Result:
    """Compare good traffic before and while the requests hang."""
    count = bench.scale(1000, 300)
    seconds = bench.scale(10, 4)
    async with bench.serving() as stage:
        calm = await stage.traffic(seconds)
        before = stage.peer.usage()
        clients = await connect_many(stage.ports.edge, count, REQUEST)

        async def are_stuck() -> bool:
            return await stage.services_open("hole") >= count

        await until(are_stuck, 5)
        stuck = await stage.services_open("hole")
        during = await stage.traffic(seconds)
        after = stage.peer.usage()
        await drop(clients)
    return Result(
        f"{ms(calm.p99)} -> {ms(during.p99)}, {during.errors} errors ({stuck} stuck)",
        during.p99 <= max(1.2 * calm.p99, calm.p99 + NOISE) and not during.errors and stuck == count,
        {
            "p50_before": calm.p50,
            "p50_during": during.p50,
            "p99_before": calm.p99,
            "p99_during": during.p99,
            "errors": during.errors,
            "stuck": stuck,
            "bytes_per_request": round(after.grown_per(before, count)),
        },
    )


SCENARIO = Scenario(
    "21", "black_hole", "1000 requests stuck on a black-hole service: p99 of others", "+20 % at most (or 1 ms)", run
)
