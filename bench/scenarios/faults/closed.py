"""All members refuse, or swallow what they get: how soon users are told, how often the members are asked, and when it is over."""

from __future__ import annotations

import asyncio
import time

from bench.scenarios.faults.ground import Fleeting, Found, Ground, Story, addresses, at, in_ms
from bench.scenarios.harness import Figure

FASTGW = """\
routes: [{{path: /*, service: main, answer_timeout: 1s}}]
services:
  main:
    endpoints: {endpoints}
    pool: {{max_connections: 2048}}
    retry: {{on: [connect]}}
    breaker: {{scope: service, failures: 50%, minimum: 20, window: 5s}}
"""
SETTLED = 3.0
"""Seconds after which the breaker is open for sure: a black hole is known by the time-outs of the first requests."""


def _refuse(fleet: list[Fleeting]) -> None:
    for one in fleet:
        one.kill()


def _swallow(fleet: list[Fleeting]) -> None:
    for one in fleet:
        one.tell(is_mute=True)


async def _again(fleet: list[Fleeting], is_refusing: bool) -> None:
    if is_refusing:
        for one in fleet:
            await asyncio.to_thread(one.start)
    else:
        for one in fleet:
            one.tell(is_mute=False)


async def _one(ground: Ground, is_refusing: bool) -> dict[str, Figure]:
    seconds, rate = ground.scale(16, 12), ground.scale(1000, 300)
    broken, mended = 2.0, seconds - 4.0
    async with ground.members(3) as fleet, ground.fastgw(FASTGW.format(endpoints=addresses(fleet))) as gateway:
        load = asyncio.ensure_future(gateway.asked(seconds, rate))
        began = time.monotonic() + 0.3
        await at(began, broken)
        (_refuse if is_refusing else _swallow)(fleet)
        await at(began, broken + SETTLED)
        page = _attempts(gateway.metrics())
        await at(began, mended - 0.5)
        attempts = _attempts(gateway.metrics()) - page
        await at(began, mended)
        await _again(fleet, is_refusing)
        seen = (await load)["get"]
    dark = [
        (took, status) for at_, took, status in zip(seen.at, seen.took, seen.status, strict=True)
        if broken + SETTLED + 0.5 <= at_ < mended - 0.5
    ]  # fmt: skip
    good = [at_ for at_, status in zip(seen.at, seen.status, strict=True) if at_ > mended and status == 200]
    bad = [at_ for at_, status in zip(seen.at, seen.status, strict=True) if at_ > mended and status != 200]
    took = sorted(took for took, _ in dark)
    return {
        "answered 503 %": round(100 * sum(status == 503 for _, status in dark) / len(dark), 2),
        "p99 ms": in_ms(took[int(len(took) * 0.99)]),
        "tries per request": round(attempts / (rate * (mended - 0.5 - broken - SETTLED)), 4),
        "first good after s": round(min(good, default=float("inf")) - mended, 2),
        "last bad after s": round(max(bad, default=mended) - mended, 2),
    }


def _attempts(page: str) -> float:
    """How often endpoints were asked, by the metrics: on new connections, on kept ones, and in vain for one."""
    kinds = ("connects", "connect_failures", "reused")
    names = tuple(f"fastgw_endpoint_{kind}_total" for kind in kinds)
    return sum(float(line.rpartition(" ")[2]) for line in page.splitlines() if line.startswith(names))


async def run(ground: Ground) -> Found:
    """Refusing, then swallowing."""
    lines = [("all refuse", await _one(ground, True)), ("all swallow", await _one(ground, False))]
    is_met = all(
        float(line["p99 ms"] or 0) < 5 and float(line["tries per request"] or 0) <= 0.05
        and float(line["last bad after s"] or 0) <= 2 and float(line["answered 503 %"] or 0) >= 99
        for _, line in lines
    )  # fmt: skip
    return Found(
        "503 with a p99 under 5 ms; at most 0.05 tries for each request; over within 2 s",
        is_met,
        lines,
        ("p99 ms", "ms"),
    )


STORY = Story("closed", "All members refuse, or swallow requests: with a breaker", run)
