"""One member is 20 times slower than its two siblings: which balancer notices."""

from __future__ import annotations

from bench.scenarios.faults.ground import Found, Ground, Story, addresses, in_ms
from bench.scenarios.harness import Figure

DELAY, TIMES, SLOTS = 0.01, 20, 8
FASTGW = """\
routes: [{{path: /*, service: main}}]
services:
  main: {{endpoints: {endpoints}, balance: {balance}{more}, pool: {{max_connections: 1024}}}}
"""
BALANCERS = {
    "round_robin": "",
    "least_request": "",
    "peak_ewma": "",
    "engine": ", engine: {interval: 250ms, timeout: 200ms, kind: vllm}",
}


async def _one(ground: Ground, balance: str, is_slow: bool) -> dict[str, Figure]:
    seconds, rate = ground.scale(12, 5), ground.scale(400, 300)
    async with ground.members(3, delay=DELAY, slots=SLOTS) as fleet:
        if is_slow:
            fleet[2].tell(delay=DELAY * TIMES)
        text = FASTGW.format(endpoints=addresses(fleet), balance=balance, more=BALANCERS[balance])
        async with ground.fastgw(text) as gateway:
            seen = (await gateway.asked(seconds, rate))["get"]
        share = fleet[2].requests / sum(one.requests for one in fleet)
    return {
        "p50 ms": in_ms(seen.latency(0.5)),
        "p99 ms": in_ms(seen.latency(0.99, since=1.0)),
        "share of the slow %": round(100 * share, 2),
        "failed": seen.failed,
    }


async def run(ground: Ground) -> Found:
    """Each balancer, with three healthy members and with a slow one."""
    lines, is_met = [], True
    for balance in BALANCERS:
        healthy = await _one(ground, balance, False)
        slow = await _one(ground, balance, True)
        times = float(slow["p99 ms"] or 0) / float(healthy["p99 ms"] or 1)
        lines.append((balance, {"healthy p99 ms": healthy["p99 ms"], **slow, "p99, times": round(times, 2)}))
        is_met = is_met and (balance not in ("peak_ewma", "engine") or times <= 1.5)
    return Found(
        "p99 within 1.5 times the healthy one by peak_ewma and by engine",
        is_met,
        lines,
        ("p99 ms", "ms"),
        ["The first second does not count: nobody knows yet who is slow."],
    )


STORY = Story("outlier", "One of three members is 20 times slower", run)
