"""Row 14: large uploads to a service that accepts the connection and never reads."""

from __future__ import annotations

import asyncio

from bench.scenarios.clients import Held, connect_many, drop
from bench.scenarios.harness import Bench, Result, Scenario
from bench.scenarios.measure import kib

SIZE = 52428800
HEAD = b"POST /sink/x HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n\r\n" % SIZE
BLOCK = b"u" * 262144
TARGET = 128 * 1024
"""Bytes per connection."""


async def push(clients: list[Held], seconds: float) -> int:
    """Keep every client's own buffer filled for some seconds; return the bytes the kernel took from all of them."""
    sent = [len(HEAD)] * len(clients)
    for _ in range(int(seconds / 0.05)):
        for at, client in enumerate(clients):
            if client.is_open and not client.transport.get_write_buffer_size() and sent[at] + len(BLOCK) <= SIZE:
                client.transport.write(BLOCK)
                sent[at] += len(BLOCK)
        await asyncio.sleep(0.05)
    return sum(sent) - sum(client.transport.get_write_buffer_size() for client in clients if client.is_open)


async def run(bench: Bench) -> Result:
    """Push until everything between the client and the service is full, and read the memory that holds."""
    count = bench.scale(100, 40)
    async with bench.serving() as stage:
        before = stage.peer.usage()
        clients = await connect_many(stage.ports.edge, count, HEAD)
        taken = await push(clients, bench.scale(8, 3))
        after = stage.peer.usage()
        alive = sum(client.is_open for client in clients)
        await drop(clients)
    each = after.grown_per(before, count)
    return Result(
        f"{kib(each)} ({taken / count / 1048576:.1f} MiB taken of each)",
        each <= TARGET,
        {"bytes_per_connection": round(each), "held": alive, "taken_per_connection": round(taken / count)},
    )


SCENARIO = Scenario(
    "14", "stuck_uploads", "uploads x 50 MiB to a service that never reads: growth per connection", "<= 128 KiB", run
)
