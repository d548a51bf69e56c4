"""Row 19: four times as many clients as there are file descriptors."""

from __future__ import annotations

import asyncio

from bench.scenarios.clients import GOOD, Held, connect, connect_many, drop, until
from bench.scenarios.harness import Bench, Result, Scenario, Stage
from bench.scenarios.measure import tree

DESCRIPTORS = 150
CONNECTIONS = 600
BUSY = 0.10
"""Cores the peer may spend while it is out of descriptors."""
RELIEF = 1.0
"""Seconds to the first answer after the clients have gone."""


async def first_answer(stage: Stage, seconds: float) -> float:
    """Return the seconds until a new client gets a 200 (infinity: none within `seconds`)."""

    async def is_answered() -> bool:
        client = await connect(stage.ports.edge, Held, patience=1)
        if client is None:
            return False
        client.send(GOOD)
        await until(lambda: client.status != 0 or not client.is_open, 0.5, 0.005)
        client.abort()
        return client.status == 200

    return await until(is_answered, seconds, 0.01)


async def run(bench: Bench) -> Result:
    """Exhaust the descriptors for some seconds, watch the CPU, let go, and wait for service to come back."""
    async with bench.serving(nofile=DESCRIPTORS) as stage:
        processes = tree(stage.peer.process.pid)
        clients = await connect_many(stage.ports.edge, CONNECTIONS, GOOD)
        await asyncio.sleep(1)
        before = stage.peer.usage()
        await asyncio.sleep(bench.scale(5, 3))
        after = stage.peer.usage()
        served = sum(client.status == 200 for client in clients)
        for client in clients:
            client.abort()
        relief = await first_answer(stage, 15)
        is_same = tree(stage.peer.process.pid) == processes
        await drop(clients)
    share = after.cpu_share(before)
    return Result(
        f"{'alive' if is_same else 'DIED'}, {share:.0%} CPU, {relief:.2f} s ({served} served meanwhile)",
        is_same and share < BUSY and relief < RELIEF,
        {"is_same": is_same, "cpu": share, "relief": relief, "fds": after.fds, "served": served},
    )


SCENARIO = Scenario(
    "19", "descriptors", "EMFILE (150 descriptors, 600 clients): alive, CPU, first 200 after relief",
    "alive, < 10 %, < 1 s", run,
)  # fmt: skip
