"""Beside the rows: what becomes of requests, and of what the gateway knows, when etcd dies, in five ways, under 2,000 requests a second.

    leader      the one that leads three of them is killed with ``kill -9``, and started again
    one_wiped   another is killed and comes back as a new member, without its data, as an operator replaces it
    away        all three are killed, and are away for a minute
    compacted   all three are killed; while the gateway cannot see them members come and go and the history is compacted
    wiped       all three are killed and come back with empty disks: services register again by themselves

Members are processes that register themselves and keys that somebody has put.  The cluster is back when a key can be put; the gateway has
converged when it knows the members that are in etcd then, and of those that register themselves all.
"""

from __future__ import annotations

import asyncio
import math
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast

from bench.scenarios import peers
from bench.scenarios.faults.ground import Gateway, Ground, at
from bench.scenarios.harness import Bench, Figure, Result, Scenario
from bench.scenarios.lifecycle import ours_only
from bench.scenarios.measure import ms
from bench.scenarios.registry import cluster as etcd
from bench.scenarios.registry.cluster import Cluster
from bench.scenarios.registry.member import OTHERS
from bench.scenarios.registry.services import Registering, services
from bench.scenarios.registry.watching import status

PREFIX = "/services/vision/"
CONFIG = f"""\
routes: [{{{{path: /*, service: vision}}}}]
services:
  vision:
    discovery: {{{{etcd: {{{{endpoints: {{etcd}}, prefix: {PREFIX}}}}}}}}}
    retry: {{{{attempts: 3, on: [connect, reset]}}}}
"""
RATE, QUICK_RATE = 2000, 300
REGISTERING, PUT = 4, 2
"""Members that register themselves, and that somebody has put."""
AWAY = 60.0
"""Seconds for which all of etcd is away."""
CONVERGED_MOST = 2.0
"""Seconds from the return of the cluster until the gateway knows what is in it."""
LIMIT = 15.0
"""Seconds until we give that up."""


class Story:
    """The cluster, the members, and the gateway that knows them."""

    def __init__(self, bench: Bench, cluster: Cluster, gateway: Gateway, fleet: list[Registering]) -> None:
        self.cluster = cluster
        self.gateway = gateway
        self.fleet = fleet
        self.is_quick = bench.options.quick
        self.rate = bench.scale(RATE, QUICK_RATE)
        self._put = 0

    def url(self) -> str:
        """Of one that runs."""
        return next(one.url for one in self.cluster.members if one.process is not None)

    def another(self) -> str:
        """The key of a member that nobody has heard of: another address of a service that runs."""
        self._put += 1
        return f"{PREFIX}{OTHERS[self._put - 1]}:{self.fleet[0].port}"

    async def begin(self) -> None:
        """All members are there, and the gateway knows them."""
        for one in self.fleet:
            await one.say("register")
        for _ in range(PUT):
            await asyncio.to_thread(etcd.put, self.url(), self.another())
        if math.isinf(await self.converged(time.monotonic())):
            raise RuntimeError("the gateway does not find the members")
        await self.gateway.asked(1, self.rate)

    async def converged(self, since: float) -> float:
        """Seconds from ``since`` until the gateway knows whom etcd lists, and that is who registers, at least; infinity: not in time."""
        own = {one.address for one in self.fleet}
        while (now := time.monotonic()) < since + LIMIT:
            try:
                there = set(await asyncio.to_thread(etcd.listed, self.url(), PREFIX))
                endpoints = (await asyncio.to_thread(status, self.gateway))["services"]["vision"]["endpoints"]
            except (OSError, ValueError):
                there = set()
            else:
                if own <= there == set(endpoints):
                    return now - since
            await asyncio.sleep(0.02)
        return math.inf

    async def told(self, during: Callable[[float], Awaitable[float]], seconds: float) -> dict[str, float]:
        """Let it happen under load: ``during`` is told when that began, and returns in how many seconds the gateway has converged."""
        loading = asyncio.ensure_future(self.gateway.asked(seconds, self.rate))
        took = await during(time.monotonic())
        seen = (await loading)["get"]
        return {"failed": seen.failed, "asked": len(seen.status), "converged": took, "p99": seen.latency(0.99)}


async def _leader(story: Story) -> dict[str, float]:
    async def during(began: float) -> float:
        await at(began, 2)
        leader = await asyncio.to_thread(story.cluster.leader)
        leader.kill()
        took = await story.converged(await story.cluster.returned(story.another()))
        leader.launch(story.cluster.peers, is_new=False)
        return took

    return await story.told(during, 8)


async def _one_wiped(story: Story) -> dict[str, float]:
    cluster = story.cluster
    one = cluster.members[0]

    async def during(began: float) -> float:
        await at(began, 1)
        one.kill()
        one.wipe()
        for _ in range(2):  # once more where a leader has to be elected first
            if await asyncio.to_thread(_replace, story.url(), one.name, one.peer):
                break
            await asyncio.sleep(2.5)
        one.launch(cluster.peers, is_new=False)
        return await story.converged(await cluster.returned(story.another()))

    return await story.told(during, 10)


def _replace(url: str, name: str, peer: str) -> bool:
    """Let a member that has lost its data be a new one, as an operator does; whether that was done."""
    try:
        members = etcd.ask(url, "/v3/cluster/member/list", {}, 3)["members"]
        for number in [one["ID"] for one in members if one.get("name") == name]:
            etcd.ask(url, "/v3/cluster/member/remove", {"ID": number}, 3)
        etcd.ask(url, "/v3/cluster/member/add", {"peerURLs": [peer]}, 3)
    except (OSError, ValueError):
        return False
    return True


async def _away(story: Story) -> dict[str, float]:
    away = 8.0 if story.is_quick else AWAY

    async def during(began: float) -> float:
        await at(began, 1)
        story.cluster.kill()
        await at(began, 1 + away)
        story.cluster.launch(is_new=False)
        return await story.converged(await story.cluster.returned(story.another()))

    return await story.told(during, away + 10)


async def _compacted(story: Story) -> dict[str, float]:
    cluster = story.cluster

    async def during(began: float) -> float:
        await at(began, 1)
        cluster.kill()
        ports = [peers.free_port() for _ in cluster.members]  # where the gateway does not look
        cluster.launch(is_new=False, ports=ports)
        await asyncio.to_thread(_rewrite, f"http://127.0.0.1:{ports[0]}", story.another(), story.another())
        cluster.kill()
        cluster.launch(is_new=False)
        return await story.converged(await cluster.returned(story.another()))

    return await story.told(during, 15)


def _rewrite(url: str, one: str, other: str) -> None:
    """Somebody comes, somebody comes and goes, and nothing of that is history any more."""
    deadline = time.monotonic() + etcd.START
    while not etcd.is_put(url, one):
        if time.monotonic() > deadline:
            raise RuntimeError("the cluster of etcd does not answer")
        time.sleep(0.02)
    etcd.put(url, other)
    etcd.delete(url, other)
    revision = etcd.put(url, one)
    etcd.ask(url, "/v3/kv/compaction", {"revision": str(revision), "physical": True}, 5)


async def _wiped(story: Story) -> dict[str, float]:
    async def during(began: float) -> float:
        await at(began, 1)
        story.cluster.kill()
        for one in story.cluster.members:
            one.wipe()
        story.cluster.launch(is_new=True)
        return await story.converged(await story.cluster.returned(story.another()))

    return await story.told(during, 12)


STORIES = {"leader": _leader, "one_wiped": _one_wiped, "away": _away, "compacted": _compacted, "wiped": _wiped}


def judge(found: dict[str, dict[str, float]]) -> bool:
    """Whether that is what is promised."""
    return all(not one["failed"] and one["converged"] <= CONVERGED_MOST for one in found.values())


@ours_only
async def run(bench: Bench) -> Result:
    """All of them, one after the other, with the same gateway."""
    if shutil.which("etcd") is None:
        return Result("needs etcd", None)
    ground = Ground(bench.options.python, bench.options.quick, bench.cpus)
    found: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory(prefix="registry-faults-") as name:
        async with etcd.cluster(3, Path(name), bench.cpus[-1]) as cluster:
            async with services(REGISTERING, "vision", cluster.endpoints, bench.cpus[-1]) as fleet:
                async with ground.fastgw(CONFIG.format(etcd=cluster.endpoints), workers=2) as gateway:
                    story = Story(bench, cluster, gateway, fleet)
                    await story.begin()
                    for word, happen in STORIES.items():
                        found[word] = await happen(story)
    texts = [
        f"{word} {one['failed']:.0f} failed of {one['asked']:.0f}, converged {one['converged']:.2f} s later, p99 {ms(one['p99'])}"
        for word, one in found.items()
    ]
    figures = {f"{word}_{key}": value for word, one in found.items() for key, value in one.items()}
    return Result("; ".join(texts), judge(found), cast(dict[str, Any] | dict[str, Figure], figures))


SCENARIO = Scenario(
    "+", "registry_faults", "three of etcd, under load: the leader killed, one replaced, all away for a minute, back compacted, back wiped",
    f"0 failed; converged {CONVERGED_MOST:g} s after its return", run,
)  # fmt: skip
