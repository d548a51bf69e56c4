"""Thirty seconds of damaged requests and answers at full speed: nothing may leak, grow or be logged as a traceback."""

from __future__ import annotations

import asyncio
import contextlib
import re
import time
from random import Random

from bench.scenarios.clients import GOOD, connect_many, drop, until
from bench.scenarios.harness import Bench, Result, Scenario, Stage
from bench.scenarios.measure import tree
from bench.scenarios.mutate import mutated_request

CLIENTS = 24
GROWTH = 1024 * 1024
"""Bytes the peer may have gained between the middle and the end (its buffers are warm by the middle)."""
_ALARM = re.compile(
    r"Traceback \(most recent call last\)|exited on signal|\[alert\]|\[ALERT\]|never retrieved|Task was destroyed"
)


async def attack(port: int, rng: Random, until_time: float) -> int:
    """Send damaged requests on connection after connection until a moment; return how many connections it took."""
    count = 0
    while time.monotonic() < until_time:
        count += 1
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(OSError, TimeoutError, RuntimeError):
            for _ in range(rng.choice((1, 1, 2, 5))):
                if rng.random() < 0.25:
                    # A sound request for a damaged answer.
                    data = b"GET /mutated/%d HTTP/1.1\r\nHost: a.test\r\n\r\n" % rng.randrange(1 << 30)
                else:
                    data = mutated_request(rng)
                cut = rng.randrange(len(data))
                writer.write(data[:cut])
                if rng.random() < 0.3:
                    await asyncio.sleep(0)
                writer.write(data[cut:])
                if not await asyncio.wait_for(reader.read(65536), 0.03):
                    break
        if rng.random() < 0.5:
            writer.transport.abort()
        else:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()
    return count


async def volley(stage: Stage, seconds: float, seed: int) -> int:
    """Run all clients for some seconds; return the number of connections made."""
    end = time.monotonic() + seconds
    return sum(await asyncio.gather(*(attack(stage.ports.edge, Random(seed + at), end) for at in range(CLIENTS))))


async def settled(stage: Stage, sockets: int) -> float:
    """Wait until the peer's open sockets are back to a count; return the seconds (infinity after 15)."""
    return await until(lambda: stage.peer.usage().sockets <= sockets, 15, 0.25)


async def run(bench: Bench) -> Result:
    """Warm up, count, attack in two halves, count again once pooled connections had time to expire."""
    seconds = bench.scale(30, 6)
    seed = bench.options.seed
    async with bench.serving() as stage:
        processes = tree(stage.peer.process.pid)
        cold = stage.peer.usage()
        connections = await volley(stage, seconds / 2, seed)
        await asyncio.sleep(1)
        middle = stage.peer.usage()
        connections += await volley(stage, seconds / 2, seed + CLIENTS)
        took = await settled(stage, cold.sockets)
        end = stage.peer.usage()
        good = await connect_many(stage.ports.edge, 20, GOOD)
        await until(lambda: all(client.status == 200 for client in good), 3)
        answered = sum(client.status == 200 for client in good)
        await drop(good)
        open_upstream = await stage.services_open("upload") + await stage.services_open("mutated")
        is_same = tree(stage.peer.process.pid) == processes
        alarms = _ALARM.findall(stage.peer.log())
    grown = end.pss - middle.pss
    is_met = is_same and not alarms and end.fds <= cold.fds and grown < GROWTH and answered == 20
    text = f"{connections} connections: {len(alarms)} alarms, fds {cold.fds} -> {end.fds}, {grown / 1024:+.0f} KiB"
    return Result(
        text + ("" if is_same else ", a process DIED") + ("" if answered == 20 else f", then {answered}/20 answered"),
        is_met,
        {
            "connections": connections,
            "alarms": len(alarms),
            "fds_before": cold.fds,
            "fds_after": end.fds,
            "sockets_settled": took,
            "pss_cold": cold.pss,
            "pss_middle": middle.pss,
            "pss_end": end.pss,
            "upstream_open": open_upstream,
            "answered": answered,
            "is_same": is_same,
        },
    )


SCENARIO = Scenario(
    "+", "mutated", "30 s of mutated traffic: log alarms, descriptors before -> after, growth", "0, equal, < 1 MiB", run
)
