"""One of three members is killed with ``kill -9`` under load, and comes back."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Sequence
from itertools import pairwise

from bench.scenarios.faults.ground import Fleeting, Found, Gateway, Ground, Story, addresses, at, in_ms
from bench.scenarios.faults.load import Kind
from bench.scenarios.harness import Figure

FASTGW = """\
routes: [{{path: /*, service: main}}]
services:
  main:
    endpoints: {endpoints}
    retry: {{on: [connect, reset], methods: [GET, POST]}}
    health: {{path: /, interval: 500ms}}
    slow_start: 2s
"""
KINDS = (Kind("get", 3), Kind("post", 1, "POST", body='{"prompt":"hello"}'))
STEP = 0.1
"""Seconds between two looks at how many requests a member has got."""


@contextlib.asynccontextmanager
async def _gateway(ground: Ground, name: str, fleet: Sequence[Fleeting]) -> AsyncIterator[Gateway]:
    if name == "nginx":
        made = ground.nginx(fleet)
    elif name == "haproxy":
        made = ground.haproxy(fleet)
    else:
        made = ground.fastgw(FASTGW.format(endpoints=addresses(fleet)))
    async with made as gateway:
        yield gateway


async def _watch(fleet: Sequence[Fleeting], began: float, seconds: float) -> tuple[float, float, int]:
    """When, after its return, the third member got its first request; the most that it got in a ``STEP``, for each that one of
    the others got in it; and how many the last second had."""
    counts: list[tuple[float, list[int]]] = []
    while (now := time.monotonic()) < began + seconds:
        counts.append((now - began, [one.requests for one in fleet]))
        await asyncio.sleep(STEP)
    first, burst = float("inf"), 0.0
    for (_, before), (when, after) in pairwise(counts):
        got = [late - early for early, late in zip(before, after, strict=True)]
        if got[2] > 1 and first == float("inf"):  # one may be a probe
            first = when
        others = (got[0] + got[1]) / 2
        if others >= 10:  # else the figure is one of chance
            burst = max(burst, got[2] / others)
    return first, burst, counts[-1][1][2]


async def _one(ground: Ground, name: str) -> dict[str, Figure]:
    seconds, rate = ground.scale(14, 8), ground.scale(2000, 500)
    async with ground.members(3, delay=0.005) as fleet, _gateway(ground, name, fleet) as gateway:
        load = asyncio.ensure_future(gateway.asked(seconds, rate, KINDS))
        began = time.monotonic()
        await at(began, seconds * 0.25)
        fleet[2].kill()
        await at(began, seconds * 0.5)
        await asyncio.to_thread(fleet[2].start)
        first, burst, _ = await _watch(fleet, time.monotonic(), seconds * 0.35)
        seen = await load
        return {
            "failed GET": seen["get"].failed,
            "failed POST": seen["post"].failed,
            "of": len(seen["get"].at) + len(seen["post"].at),
            "p99 ms": in_ms(max(seen["get"].latency(0.99), seen["post"].latency(0.99))),
            "slowest ms": in_ms(max(seen["get"].latency(1.0), seen["post"].latency(1.0))),
            "back after s": round(first, 2),
            "burst": round(burst, 2),
        }


async def run(ground: Ground) -> Found:
    """fastgw, nginx and HAProxy."""
    lines = [(name, await _one(ground, name)) for name in ("fastgw", "nginx", "haproxy")]
    own = lines[0][1]
    is_met = not own["failed GET"] and not own["failed POST"] and float(own["back after s"] or 0) <= 2
    return Found(
        "no failed GET, no failed POST; back within 2 s, without a burst",
        is_met and float(own["burst"] or 0) <= 1.5,
        lines,
        ("slowest ms", "ms"),
        ["burst: most requests of a tenth of a second at the member that is back, for each that one of the others got"],
    )


STORY = Story("killed", "One of three members is killed under 2,000 requests a second, and comes back", run)
