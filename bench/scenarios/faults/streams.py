"""The time to the first event of 64 event streams at a time, on four members of unequal speed."""

from __future__ import annotations

from bench.scenarios.faults.ground import Found, Ground, Story, addresses, in_ms
from bench.scenarios.faults.load import Kind
from bench.scenarios.harness import Figure

LANES, TOKENS = 64, 20
SPEEDS = ((0.005, 32), (0.005, 16), (0.01, 16), (0.02, 8))
"""Of each member: seconds between two tokens, and how many streams it has at a time."""
FASTGW = """\
routes: [{{path: /*, service: main}}]
services:
  main: {{endpoints: {endpoints}, balance: {balance}}}
"""
ENGINE = "engine, engine: {interval: 100ms, timeout: 80ms, kind: vllm}"


async def _one(ground: Ground, balance: str) -> dict[str, Figure]:
    async with ground.members(len(SPEEDS)) as fleet:
        for one, (delay, slots) in zip(fleet, SPEEDS, strict=True):
            one.tell(tokens=TOKENS, token_delay=delay, delay=delay, slots=slots)
        async with ground.fastgw(FASTGW.format(endpoints=addresses(fleet), balance=balance)) as gateway:
            kinds = (Kind("stream", path="/events"),)
            seconds = ground.scale(12, 5)
            seen = (await gateway.asked(seconds, kinds=kinds, lanes=LANES))["stream"]
    return {
        "streams a second": round(len(seen.at) / seconds),
        "first event p50 ms": in_ms(seen.latency(0.5)),
        "first event p99 ms": in_ms(seen.latency(0.99)),
        "failed": seen.failed,
    }


async def run(ground: Ground) -> Found:
    """Engine-aware against round robin, with those between."""
    lines = [(name, await _one(ground, name)) for name in ("round_robin", "least_request", "peak_ewma")]
    lines.append(("engine", await _one(ground, ENGINE)))
    figures = dict(lines)
    own, other = figures["engine"]["first event p99 ms"], figures["round_robin"]["first event p99 ms"]
    return Found(
        "first events come sooner by engine than by round_robin",
        float(own or 0) < float(other or 0),
        lines,
        ("first event p99 ms", "ms"),
    )


STORY = Story("streams", "64 event streams on four members of unequal speed", run)
