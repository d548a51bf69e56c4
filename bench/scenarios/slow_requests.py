"""Row 11: what a connection costs that sends its head, or its body, very slowly."""

from __future__ import annotations

import asyncio

from bench.scenarios.clients import Held, connect_many, drop
from bench.scenarios.harness import Bench, Result, Scenario
from bench.scenarios.measure import kib

HEAD = b"POST /up HTTP/1.1\r\nHost: a.test\r\nUser-Agent: slow/1.0\r\nReferer: http://a.test/some/page\r\n"
LINE = b"X-header-line: some-value-of-it\r\n"
BODY = HEAD + b"Content-Type: application/octet-stream\r\nContent-Length: 1048576\r\n\r\n" + b"b" * 256
PIECE = b"b" * 64
TARGET = 16 * 1024
"""Bytes per connection."""


async def hold(bench: Bench, payload: bytes, more: bytes) -> tuple[float, int]:
    """Return (bytes per connection, connections alive) after a few seconds of dripping `more`."""
    count = bench.scale(1000, 300)
    async with bench.serving() as stage:
        before = stage.peer.usage()
        clients: list[Held] = await connect_many(stage.ports.edge, count, payload)
        for _ in range(bench.scale(6, 3)):
            await asyncio.sleep(1)
            for client in clients:
                client.send(more)
        alive = sum(client.is_open for client in clients)
        after = stage.peer.usage()
        await drop(clients)
    return after.grown_per(before, alive), alive


async def run(bench: Bench) -> Result:
    """Measure slow heads, then slow bodies, each on a cold peer."""
    head, heads = await hold(bench, HEAD, LINE)
    body, bodies = await hold(bench, BODY, PIECE)
    return Result(
        f"{kib(head)} / {kib(body)} ({heads} / {bodies} held)",
        max(head, body) <= TARGET and bool(heads and bodies),
        {"head_bytes": round(head), "body_bytes": round(body), "heads": heads, "bodies": bodies},
    )


SCENARIO = Scenario("11", "slow_requests", "memory per slow-head / slow-body connection", "<= 16 KiB", run)
