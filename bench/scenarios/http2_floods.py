"""Beside the rows: attacks by frames of HTTP/2, one after the other, on one gateway that others use meanwhile.

Attackers are some connections at a time, opened again as soon as they are ended (``http2_peers``).  Others ask over HTTP/1.1 and HTTP/2,
at a fixed rate: their p99 during an attack stands beside that of the seconds before it.  So an attack costs us what connections cost, and
what each may do until it is thrown out.
"""

from __future__ import annotations

import asyncio
import re
import statistics
from typing import Any

from bench.scenarios import peers
from bench.scenarios.clients import Traffic, good_traffic
from bench.scenarios.faults.ground import Gateway, Ground
from bench.scenarios.harness import Bench, Figure, Result, Scenario, start_services
from bench.scenarios.http2_peers import ATTACKS, told
from bench.scenarios.lifecycle import ours_only
from bench.scenarios.measure import kib, ms, usage
from bench.scenarios.peers import Ports
from bench.scenarios.registry.watching import status, supervisor

SECONDS = 60
CALM = 8
RATE = 200
"""Requests a second of each protocol."""
CONNECTIONS = 8
SHARE_MOST = 2.0
NOISE = 0.001
"""Seconds by which two p99 of a quiet run may differ on a shared machine."""
GROWN_MOST = 24 * 1024 * 1024
"""Bytes of all processes, at any time, beyond what they had before the first attack."""
LIFE_MOST = 1.0
"""Seconds that half of the attackers' connections live at most, and of a slow window all of them ``SLOW_LIFE_MOST``."""
SLOW_LIFE_MOST = 20.0
CONFIG = """\
routes:
  - {{path: "/*", service: main}}
services:
  main: {{endpoints: ["127.0.0.1:{main}"]}}
"""
_COUNTERS = re.compile(r"^fastgw_(http2_\w+|bad_requests_total) (\d+)\.0$", re.MULTILINE)


async def others(port: int, seconds: float) -> Traffic:
    """Requests of both protocols."""
    one, two = await asyncio.gather(good_traffic(port, seconds, rate=RATE), told("users", port, seconds, RATE))
    return Traffic(one.latencies + two["latencies"], one.errors + two["errors"])


async def peak(pid: int, during: asyncio.Task[Any]) -> int:
    """The most memory of a gateway until that is done, looked at twice a second."""
    most = 0
    while not during.done():
        most = max(most, usage(pid).pss)
        await asyncio.wait((during,), timeout=0.5)
    return most


def counted(gateway: Gateway) -> dict[str, int]:
    """What it counts of HTTP/2."""
    return {name: int(value) for name, value in _COUNTERS.findall(gateway.metrics())}


async def _attack(kind: str, gateway: Gateway, pid: int, seconds: float, calm: float) -> dict[str, Any]:
    before, was = await others(gateway.port, calm), await asyncio.to_thread(counted, gateway)
    cpu = usage(pid)
    attack = asyncio.ensure_future(told(kind, gateway.port, seconds, CONNECTIONS))
    watching = asyncio.ensure_future(peak(pid, attack))
    await asyncio.sleep(0.5)
    during = await others(gateway.port, seconds - 1)
    seen, most = await attack, await watching
    busy = usage(pid).cpu_share(cpu)
    now = await asyncio.to_thread(counted, gateway)
    lives = seen["lives"] + seen["alive"]
    return {
        "p99_before": before.p99,
        "p99": during.p99,
        "share": during.p99 / before.p99,
        "failed": before.errors + during.errors,
        "asked": len(during.latencies),
        "connections": len(lives),
        "alive": len(seen["alive"]),
        "refused": seen["refused"],
        "life": statistics.median(lives) if lives else 0.0,
        "life_most": max(lives, default=0.0),
        "codes": seen["codes"],
        "mib_sent": seen["bytes"] / 2**20,
        "busy": busy,
        "peak": most,
        "counted": {name: now[name] - was.get(name, 0) for name in now if now[name] > was.get(name, 0)},
    }


def judge(kind: str, one: dict[str, Any], resting: int) -> bool:
    """Whether that is what is promised; ``resting``: bytes that the gateway had before any attack."""
    is_slow = kind == "slow_window"
    return (
        (one["share"] <= SHARE_MOST or one["p99"] - one["p99_before"] <= NOISE)
        and not one["failed"]
        and one["peak"] - resting <= GROWN_MOST
        and (one["life_most"] <= SLOW_LIFE_MOST if is_slow else one["life"] <= LIFE_MOST)
    )


def said(kind: str, one: dict[str, Any], resting: int) -> str:
    """In a few words."""
    return (
        f"{kind}: p99 {ms(one['p99_before'])} -> {ms(one['p99'])}, {one['failed']} failed; "
        f"{one['connections']} connections of {ms(one['life'])} (longest {ms(one['life_most'])}), "
        f"worker {one['busy']:.0%} busy, +{kib(one['peak'] - resting)}"
    )


@ours_only
async def run(bench: Bench) -> Result:
    """One attack after the other."""
    seconds, calm = bench.options.seconds or bench.scale(SECONDS, 6), bench.scale(CALM, 4)
    ports = Ports(*(peers.free_port() for _ in range(6)))
    services = start_services(ports, bench.cpus[-1])
    figures: dict[str, Any] = {}
    try:
        ground = Ground(bench.options.python, bench.options.quick, bench.cpus)
        async with ground.fastgw(
            CONFIG.format(main=ports.main), listener="protocols: [http/1.1, h2], timeouts: {write: 10s}"
        ) as gateway:
            pid = supervisor(await asyncio.to_thread(status, gateway))
            await others(gateway.port, 2)
            resting = usage(pid).pss
            for kind in bench.options.parts or ATTACKS:
                figures[kind] = await _attack(kind, gateway, pid, seconds, calm)
    finally:
        services.kill()
        services.wait()
    flat: dict[str, Figure] = {
        f"{kind}_{name}": value if isinstance(value, (int, float)) else str(value)
        for kind, one in figures.items()
        for name, value in one.items()
    }
    return Result(
        "; ".join(said(kind, one, resting) for kind, one in figures.items()),
        all(judge(kind, one, resting) for kind, one in figures.items()),
        {**flat, "resting": resting},
    )


SCENARIO = Scenario(
    "+", "http2_floods", "attacks by frames of HTTP/2: p99 of others before -> during, attackers' connections, growth",
    f"<= {SHARE_MOST:g} times; 0 failed; <= {LIFE_MOST:g} s; <= {kib(GROWN_MOST)}", run,
)  # fmt: skip
