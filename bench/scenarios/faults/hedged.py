"""One of three members stalls one answer of a hundred for a second: what hedging makes of it."""

from __future__ import annotations

from bench.scenarios.faults.ground import Found, Ground, Story, addresses, in_ms
from bench.scenarios.harness import Figure

FASTGW = """\
routes: [{{path: /*, service: main}}]
services:
  main:
    endpoints: {endpoints}
    pool: {{max_connections: 1024}}
"""
HEDGE = "    hedge: {quantile: 99%, max_share: 3%}\n"


async def _one(ground: Ground, more: str, is_stalling: bool) -> dict[str, Figure]:
    seconds, rate = ground.scale(50, 8), ground.scale(2000, 500)
    async with ground.members(3, delay=0.005) as fleet:
        if is_stalling:
            fleet[2].tell(stall=1.0, stall_share=0.01)
        async with ground.fastgw(FASTGW.format(endpoints=addresses(fleet)) + more) as gateway:
            seen = (await gateway.asked(seconds, rate))["get"]
        asked = sum(one.requests for one in fleet)
    return {
        "requests": len(seen.at),
        "p50 ms": in_ms(seen.latency(0.5)),
        "p99.9 ms": in_ms(seen.latency(0.999)),
        "more load %": round(100 * (asked / len(seen.at) - 1), 2),
        "failed": seen.failed,
    }


async def run(ground: Ground) -> Found:
    """Healthy; stalling without; stalling with a hedge."""
    lines = [
        ("healthy", await _one(ground, "", False)),
        ("stalling", await _one(ground, "", True)),
        ("stalling, hedge", await _one(ground, HEDGE, True)),
    ]
    healthy, without, hedged = (float(line["p99.9 ms"] or 0) for _, line in lines)
    return Found(
        "p99.9 at most 3 times the healthy one at no more than 3 % of load, which fails without",
        hedged <= 3 * healthy < without and float(lines[2][1]["more load %"] or 0) <= 3,
        lines,
        ("p99.9 ms", "ms"),
    )


STORY = Story("hedged", "One of three members stalls one answer of a hundred for a second", run)
