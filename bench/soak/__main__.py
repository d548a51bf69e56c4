"""Command line of the soak; see `docs/scenarios.md`."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import sys
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from bench.scenarios import peers
from bench.scenarios.__main__ import raise_file_limit
from bench.scenarios.harness import ROOT
from bench.soak.growth import Slope, slope_of
from bench.soak.stage import CACHE_BYTES, Stage, start
from bench.soak.traffic import Clients
from fastgw.core.dataplane import FREE_EXCHANGES_MAX

RELOAD_EVERY = 5.0
KILL_EVERY = 47.0
LOOK_EVERY = 1.0
REST = 8.0
"""Seconds behind the last client until what is kept alive for a while must be gone: more than idle timeouts and grace."""
WARM_UP = 20.0
"""Seconds of traffic before anything is judged: a cache fills, and free lists."""
#: Of what is kept for reuse, or for an answer, how many there may be, whatever there were before.
BOUNDS = {
    **dict.fromkeys(("Relay", "Request", "RequestBody", "Response"), FREE_EXCHANGES_MAX),
    **dict.fromkeys(("StoredAnswer", "Life"), CACHE_BYTES // 512),  # what one takes at least
}
OF_A_DEATH = 1.0
"""A request that fails so soon after a worker was killed was its own."""


async def disturb(stage: Stage, seconds: float, say: Any) -> dict[int, list[tuple[float, float]]]:
    """Reload, kill workers, and look at memory, for so long; samples of (seconds, bytes) by process."""
    samples: dict[int, list[tuple[float, float]]] = {}
    began = time.monotonic()
    at_reload, at_kill, at_say = RELOAD_EVERY, KILL_EVERY / 2, 60.0
    while (elapsed := time.monotonic() - began) < seconds:
        for pid, size in stage.memory().items():
            samples.setdefault(pid, []).append((elapsed, size))
        if elapsed >= at_reload:
            stage.reload()
            at_reload += RELOAD_EVERY
        if elapsed >= at_kill:
            stage.kill_worker()
            at_kill += KILL_EVERY
        if elapsed >= at_say:
            say(f"{elapsed:.0f} of {seconds:.0f} s")
            at_say += 60.0
        await asyncio.sleep(LOOK_EVERY)
    return samples


def grown(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    """What a worker has more of than before, by name."""
    found: dict[str, Any] = {}
    for name, count in after["objects"].items():
        was = before["objects"].get(name, 0)
        if count > max(
            2 * was, was + 50, BOUNDS.get(name, 0)
        ):  # free lists and tables have grown to what the traffic needs
            found[name] = f"{was} -> {count}"
    if len(after["tasks"]) > len(before["tasks"]):
        found["tasks"] = after["tasks"]
    if after["descriptors"] > before["descriptors"] + 2:
        found["descriptors"] = f"{before['descriptors']} -> {after['descriptors']}"
    return found


async def soak(stage: Stage, seconds: float, seed: int) -> dict[str, Any]:
    """Run it, and tell what was found."""

    def say(text: str) -> None:
        failed = sum(not is_own(stage, at) for at, _, _ in clients.failed)
        print(f"{text}: {clients.done.total()} clients done, {failed} failed, {stage.reloads} reloads, "
              f"{len(stage.deaths)} deaths", file=sys.stderr, flush=True)  # fmt: skip

    clients = Clients(stage.ports.edge, Random(seed))
    await clients.run(min(WARM_UP, seconds))
    await asyncio.sleep(REST)
    before = await stage.inside()
    first = next(pid for pid in stage.workers if pid in before)
    samples, _ = await asyncio.gather(disturb(stage, seconds, say), clients.run(seconds))
    await asyncio.sleep(REST)
    after = await stage.inside()
    say("at rest")
    return {
        "done": dict(clients.done),
        "failed": [f"{kind}: {how}" for at, kind, how in clients.failed if not is_own(stage, at)],
        "failed with their worker": sum(is_own(stage, at) for at, _, _ in clients.failed),
        "reloads": stage.reloads,
        "refused reloads": stage.log.count("the new configuration is refused"),
        "deaths": len(stage.deaths),
        "slopes": {
            name: slope_of(samples.get(pid, ())) for name, pid in (("supervisor", stage.process.pid), ("worker", first))
        },
        "left": {pid: grown(before[first], told) for pid, told in after.items()},
        "oldest worker lived": first in after,
        "alarms": [line for line in stage.log.splitlines() if '"level":"critical"' in line or "Traceback" in line],
    }


def is_own(stage: Stage, at: float) -> bool:
    """Who fails then was with a worker that was killed."""
    return any(death <= at <= death + OF_A_DEATH for death in stage.deaths)


def faults_of(found: dict[str, Any], status: int | None) -> list[str]:
    """What is not as it must be, in words."""
    wrong = []
    if found["failed"]:
        wrong.append(f"{len(found['failed'])} clients failed: {found['failed'][:5]}")
    wrong += [
        f"the {name} grows by {told(slope)}" for name, slope in found["slopes"].items() if slope and not slope.is_noise
    ]
    wrong += [f"worker {pid} has more than at first: {left}" for pid, left in found["left"].items() if left]
    wrong += [f"alarm: {line[:300]}" for line in found["alarms"][:5]]
    if not found["oldest worker lived"]:
        wrong.append("a worker died that nobody killed")
    if status != 0:
        wrong.append(f"the exit status is {status}")
    return wrong


def told(slope: Slope | None) -> str:
    """In KiB."""
    if slope is None:
        return "too short"
    steady, error, grown = (round(one / 1024) for one in (slope.per_hour, slope.error, slope.grown))
    return f"{steady:+} KiB/h (error {error}), {grown:+} KiB in all"


def main(arguments: list[str] | None = None) -> int:
    """Soak, print what was found, and return the exit status: 1 if something is not as it must be."""
    parser = argparse.ArgumentParser(
        prog="scripts/soak",
        description="Mixed traffic with reloads, deaths and aborts, on loopback: what grows, what is left.",
    )
    parser.add_argument("--seconds", type=float, default=1800.0, help="of traffic (default: %(default)s)")
    parser.add_argument("--out", type=Path, help="write what was found to this file, as JSON")
    parser.add_argument("--python", default=sys.executable, help="interpreter that runs fastgw")
    parser.add_argument("--seed", type=int, default=1, help="of the clients' chance")
    chosen = parser.parse_args(arguments)
    os.chdir(ROOT)
    raise_file_limit()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        stage = start(Path(folder), chosen.python)
        status: int | None = None
        try:
            found = asyncio.run(soak(stage, chosen.seconds, chosen.seed))
        finally:
            status = stage.stop()
        wrong = faults_of(found, status)
    found["slopes"] = {name: told(slope) for name, slope in found["slopes"].items()}
    about = (
        f"{peers.version('fastgw')}, {chosen.seconds:.0f} s, {time.strftime('%Y-%m-%d %H:%M')}, "
        f"{os.cpu_count()} CPUs, Python {platform.python_version()}"
    )
    text = json.dumps({"about": about, **found, "wrong": wrong}, indent=1)
    print(text)
    if chosen.out:
        chosen.out.write_text(text + "\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
