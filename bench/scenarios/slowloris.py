"""Row 10: thousands of connections that send their head one line at a time, while good traffic goes on."""

from __future__ import annotations

import asyncio

from bench.scenarios.clients import Held, connect_many, drop, until
from bench.scenarios.harness import Bench, Result, Scenario
from bench.scenarios.measure import ms

START = b"GET / HTTP/1.1\r\nHost: a.test\r\n"
LINE = b"X-a: b\r\n"
EVERY = 2.0
"""Seconds between two lines of one attacker."""
GONE = 15.0
"""Seconds within which all attackers must be gone."""


async def drip(clients: list[Held]) -> None:
    """Send every attacker's next line, a slice of them at a time, until cancelled."""
    slices = 40
    while True:
        for start in range(slices):
            for client in clients[start::slices]:
                client.send(LINE)
            await asyncio.sleep(EVERY / slices)


async def run(bench: Bench) -> Result:
    """Compare good traffic before and during the attack, and time how long the last attacker survives."""
    count = bench.scale(3000, 600)
    patience = bench.scale(35, 16)
    async with bench.serving() as stage:
        before = await stage.traffic(bench.scale(8, 3))
        good = asyncio.ensure_future(stage.traffic(bench.scale(12, 5)))
        await asyncio.sleep(0.5)
        clients = await connect_many(stage.ports.edge, count, START)
        dripping = asyncio.ensure_future(drip(clients))
        during = await good
        await until(lambda: not any(client.is_open for client in clients), patience, 0.1)
        left = sum(client.is_open for client in clients)
        lives = [client.closed_at - client.opened_at for client in clients if client.closed_at]
        dripping.cancel()
        await drop(clients)
    gone = max(lives, default=0.0)
    text = f"{ms(before.p99)} -> {ms(during.p99)}, {during.errors} errors; "
    text += f"{left} of {count} still there after {patience} s" if left else f"all gone after {gone:.1f} s"
    is_met = during.p99 <= max(4 * before.p99, 0.002) and not during.errors and not left and gone <= GONE
    return Result(
        text,
        is_met,
        {
            "connections": len(clients),
            "p99_before": before.p99,
            "p99_during": during.p99,
            "errors": during.errors,
            "left": left,
            "longest_life": gone,
        },
    )


SCENARIO = Scenario(
    "10", "slowloris", "slowloris: good traffic's p99 before -> during; attackers gone",
    "p99 x4 at most, 0 errors, gone <= 15 s", run,
)  # fmt: skip
