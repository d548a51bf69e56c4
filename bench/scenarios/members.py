"""Beside the rows: services that register themselves come, leave and are killed, one after another, while users ask.

Each is a process of its own, and joins once: who comes and goes again and again is left out for a while.  Times are those of one clock:
the service says when it began to register or to leave and when its first and last requests came, the scenario when it killed one and when
the gateway said that it is out.
"""

from __future__ import annotations

import asyncio
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

from bench.scenarios.faults.ground import Gateway, Ground, at
from bench.scenarios.faults.load import Seen
from bench.scenarios.harness import Bench, Figure, Result, Scenario
from bench.scenarios.lifecycle import ours_only
from bench.scenarios.measure import ms
from bench.scenarios.registry.cluster import cluster
from bench.scenarios.registry.member import Times
from bench.scenarios.registry.services import Registering, services
from bench.scenarios.registry.watching import Watching

CONFIG = """\
routes: [{{path: /*, service: vision}}]
services:
  vision:
    discovery: {{etcd: {{endpoints: {etcd}, prefix: /services/vision}}}}
    retry: {{attempts: 3, on: [connect, reset]}}
"""
RATE = 500
STEP = 0.4
"""Seconds from one event to the next."""
TTL = 10.0
FIRST_MOST = 0.2
"""Seconds from when it begins to register to its first request, median."""
LAST_MOST = 0.2
"""Seconds from when it begins to leave to its last request."""
OUT_MOST = 1.0
"""Seconds from its death to the word of the gateway that it is not asked any more."""


async def _story(bench: Bench, gateway: Gateway, fleet: list[Registering], killed: int) -> dict[str, Figure]:
    """All but the last come; then ``killed`` of them are killed and the others leave, and the last stays by itself."""
    await fleet[-1].say("register")
    await asyncio.sleep(STEP)
    await gateway.asked(1, RATE)  # what begins with the first requests is no matter of members
    began, came = time.monotonic(), []
    loading = asyncio.ensure_future(gateway.asked((2 * len(fleet) + 6) * STEP + TTL + 3, RATE))
    await at(began, 1.5)
    for place, one in enumerate(fleet[:-1]):
        await at(began, 2 + place * STEP)
        came.append(asyncio.ensure_future(one.say("register")))
    await asyncio.gather(*came)
    await asyncio.sleep(STEP)
    joined = [await one.say("tell") for one in fleet[:-1]]
    watching = Watching(gateway, "vision")
    async with watching.running():
        began = time.monotonic() + STEP
        for place, one in enumerate(fleet[:killed]):
            await at(began, place * STEP)
            one.kill()
        left = []
        for place, one in enumerate(fleet[killed:-1]):
            await at(began, (killed + place) * STEP)
            left.append(asyncio.ensure_future(one.say("leave")))
        times = await asyncio.gather(*left)
        await at(began, (killed - 1) * STEP + TTL + 2)
    seen = (await loading)["get"]
    return _figures(seen, joined, times, fleet[:killed], watching)


def _figures(
    seen: Seen, joined: Sequence[Times], left: Sequence[Times], dead: Sequence[Registering], watching: Watching
) -> dict[str, Figure]:
    first = [one.first - one.began if one.first else float("inf") for one in joined]
    put = [one.there - one.began for one in joined]
    last = [one.last - one.leaving for one in left]
    out = [watching.out(one.address) - one.killed for one in dead]
    gone = [watching.gone(one.address) - one.killed for one in dead]
    return {
        "asked": len(seen.status),
        "failed": seen.failed,
        "joined": len(first),
        "first_median": statistics.median(first),
        "first_most": max(first),
        "put_median": statistics.median(put),
        "last_most": max(last),
        "out_most": max(out),
        "gone_most": max(gone),
        "p99": seen.latency(0.99),
    }


def judge(figures: dict[str, Any]) -> bool:
    """Whether that is what is promised."""
    return bool(
        not figures["failed"]
        and figures["first_median"] <= FIRST_MOST
        and figures["last_most"] <= LAST_MOST
        and figures["out_most"] <= OUT_MOST
        and figures["gone_most"] <= TTL + 1
    )


@ours_only
async def run(bench: Bench) -> Result:
    """Once."""
    if shutil.which("etcd") is None:
        return Result("needs etcd", None)
    count, killed = bench.scale(30, 8), bench.scale(8, 2)
    ground = Ground(bench.options.python, bench.options.quick, bench.cpus)
    with tempfile.TemporaryDirectory(prefix="members-") as name:
        async with cluster(1, Path(name), bench.cpus[-1]) as etcd:
            async with services(count + 1, "vision", etcd.endpoints, bench.cpus[-1], TTL) as fleet:
                async with ground.fastgw(CONFIG.format(etcd=etcd.endpoints), workers=2) as gateway:
                    found = cast(dict[str, Any], await _story(bench, gateway, fleet, killed))
    return Result(
        f"{found['joined']} come: first request after {ms(found['first_median'])} (median; key there after {ms(found['put_median'])}, "
        f"slowest {ms(found['first_most'])}); they leave: last request after {ms(found['last_most'])}; {killed} are killed: out after "
        f"{ms(found['out_most'])}, not known after {found['gone_most']:.1f} s; {found['failed']} failed of {found['asked']}, "
        f"p99 {ms(found['p99'])}",
        judge(found),
        found,
    )


SCENARIO = Scenario(
    "+", "members", "services register in etcd, leave, are killed: first and last request, out by failed connects, by the lease",
    f"median {ms(FIRST_MOST)}; {ms(LAST_MOST)}; {OUT_MOST:g} s; TTL + 1 s; 0 failed", run,
)  # fmt: skip
