"""Three times as many requests as a service can serve, with admission and without."""

from __future__ import annotations

from bench.scenarios.faults.ground import Found, Ground, Story, addresses, in_ms
from bench.scenarios.faults.load import Kind, Seen, total
from bench.scenarios.harness import Figure

SLOTS, DELAY = 20, 0.05
CAPACITY = SLOTS / DELAY
"""Requests a second."""
PATIENCE = 1.0
"""Seconds in which an answer is of use: what comes later counts for nothing."""
DEADLINE = 0.25
"""Of the queue, in seconds."""
FASTGW = """\
routes: [{{path: /*, service: main}}]
services:
  main:
    endpoints: {endpoints}
    pool: {{max_connections: 4096, max_pending: 10000}}
"""
ADMISSION = f"""\
    admission:
      limit: {SLOTS}
      queue: {{size: 200, timeout: {DEADLINE * 1000:.0f}ms}}
      priority: {{key: "${{header.x-priority}}", classes: [{{name: high, reserved: 10%}}, {{name: usual}}]}}
"""
KINDS = (Kind("high", 1, headers="X-Priority: high\r\n"), Kind("usual", 19))


def _useful(seen: Seen) -> int:
    return sum(status == 200 and took <= PATIENCE for took, status in zip(seen.took, seen.status, strict=True))


async def _one(ground: Ground, more: str, times: float) -> dict[str, Figure]:
    seconds = ground.scale(15, 6)
    async with ground.members(1, delay=DELAY, slots=SLOTS) as fleet:
        async with ground.fastgw(FASTGW.format(endpoints=addresses(fleet)) + more) as gateway:
            seen = await gateway.asked(seconds, CAPACITY * times, KINDS)
    every = total(list(seen.values()))
    return {
        "goodput %": round(100 * _useful(every) / (CAPACITY * seconds), 1),
        "p99 of 200 ms": in_ms(every.latency(0.99, 200)),
        "high: useful %": round(100 * _useful(seen["high"]) / len(seen["high"].at), 2),
        "high: p99 ms": in_ms(seen["high"].latency(0.99, 200)),
        "refused %": round(100 * every.failed / len(every.at), 1),
    }


async def run(ground: Ground) -> Found:
    """At half of the capacity, and at three times as much without and with admission."""
    calm = await _one(ground, ADMISSION, 0.5)
    lines = [
        ("half the capacity", calm),
        ("3x, without", await _one(ground, "", 3)),
        ("3x, admission", await _one(ground, ADMISSION, 3)),
    ]
    own = lines[2][1]
    bound = in_ms(DEADLINE + DELAY) + 50
    is_met = float(own["goodput %"] or 0) >= 95 and float(own["p99 of 200 ms"] or 0) <= bound
    return Found(
        f"95 % of the capacity; p99 of the admitted at most {bound} ms; the high class is served",
        is_met and float(own["high: useful %"] or 0) >= 99.9,
        lines,
        ("p99 of 200 ms", "ms"),
        [f"Useful is an answer within {PATIENCE} s. One request of twenty is of the high class."],
    )


STORY = Story("overload", "Three times the capacity of a service", run)
