"""Beside the rows: 5,000 members in 200 services, of which 1,000 a second come, go or change their weight, as keys of etcd.

Slices of ten seconds, by turns: `quiet`, where nothing changes; `elsewhere`, where as much changes under a prefix that nobody watches, so
that what etcd and its clients take of the machine is in it; and `flood`.  Users ask a service of the file (`plain`) and some whose
members change (`listed`), at the same time and of the same worker.

After each flood a few services get one more member: the gateway has converged when that has answered a request of each; all others must be
as etcd lists them soon, too.
"""

from __future__ import annotations

import asyncio
import math
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from random import Random
from typing import Any

from bench.scenarios import peers
from bench.scenarios.clients import until
from bench.scenarios.faults.ground import Gateway, Ground
from bench.scenarios.faults.load import Kind, total
from bench.scenarios.harness import Bench, Figure, Result, Scenario
from bench.scenarios.lifecycle import ours_only
from bench.scenarios.measure import kib, ms, tree, usage
from bench.scenarios.registry import cluster as etcd
from bench.scenarios.registry.changing import Changes, flood
from bench.scenarios.registry.crowd import serving
from bench.scenarios.registry.watching import status, supervisor

CHANGES = 1000
"""A second."""
SLICE = 10
"""Seconds."""
RATE = 400
"""Requests a second, half of them plain."""
ASKED = 10
"""Services whose members change that are asked, and in which convergence is looked for."""
WARM = 2
"""Floods that nothing is measured of."""
LIMIT = 15.0
"""Seconds until we give that up."""
SHARE_MOST = 1.2
"""Of the p99 of plain requests, times that of the slices `elsewhere`."""
CONVERGED_MOST = 1.0
"""Seconds."""
GROWN_MOST = 2 * 1024 * 1024
"""Bytes from the end of the first flood that is measured to that of the last."""
WORDS = ("quiet", "elsewhere", "flood")


class Crowd:
    """The services and their members."""

    def __init__(self, bench: Bench) -> None:
        self.port = peers.free_port()
        self.services, self.each = bench.scale(200, 40), 25
        self._late = 0

    def config(self, endpoints: list[str]) -> str:
        """Routes and services."""
        lines = ["routes:", "  - {path: /plain, service: plain}"]
        lines += [f"  - {{path: /s{n}, service: s{n}}}" for n in range(self.services)]
        lines += ["services:", f'  plain: {{endpoints: ["127.0.0.1:{self.port}"]}}']
        for n in range(self.services):
            lines.append(f"  s{n}: {{discovery: {{etcd: {{endpoints: {endpoints}, prefix: /services/s{n}}}}}}}")
        return "\n".join([*lines, ""])

    def keys(self, prefix: str = "/services") -> list[str]:
        """Of all members; no two have one address."""
        pairs = [(n, m) for n in range(self.services) for m in range(self.each)]
        return [f"{prefix}/s{n}/127.1.{n}.{m + 1}:{self.port}" for n, m in pairs]

    def late(self) -> dict[int, str]:
        """Of services that are asked the address of one more member each."""
        self._late += 1
        return {n: f"127.2.{n}.{self._late}" for n in range(ASKED)}

    def kinds(self) -> tuple[Kind, ...]:
        """What users ask for."""
        listed = [Kind(f"s{n}", 1, path=f"/s{n}") for n in range(ASKED)]
        return (Kind("plain", ASKED, path="/plain"), *listed)


class Run:
    """One gateway, and what was found of it."""

    def __init__(self, crowd: Crowd, url: str, gateway: Gateway, pid: int) -> None:
        self.crowd = crowd
        self.url = url
        self.gateway = gateway
        self._pid = pid
        self._changes = {
            "elsewhere": Changes(crowd.keys("/elsewhere"), Random(1)),
            "flood": Changes(crowd.keys(), Random(2)),
        }
        self.p99: dict[str, list[float]] = {f"{word}_{of}": [] for word in WORDS for of in ("plain", "listed")}
        self.failed = 0
        self.asked = 0
        self.rates: list[float] = []
        self.converged: list[float] = []
        self.memory: list[int] = []

    async def slice(self, word: str, seconds: float, changes: float) -> None:
        """Ask while that happens."""
        loading = asyncio.ensure_future(self.gateway.asked(seconds, RATE, self.crowd.kinds()))
        await asyncio.sleep(0.5)
        if word in self._changes:
            self.rates.append(await flood(self.url, self._changes[word], changes, seconds))
            ends = self._changes[word].ends()
            if word == "flood":
                self.converged.append(await self._convergence(ends))
            else:
                await self._happen(ends)
        seen = await loading
        plain, listed = seen.pop("plain"), total(list(seen.values()))
        self.p99[f"{word}_plain"].append(plain.latency(0.99))
        self.p99[f"{word}_listed"].append(listed.latency(0.99))
        self.failed += plain.failed + listed.failed
        self.asked += len(plain.status) + len(listed.status)
        await asyncio.sleep(2)
        if word == "flood":
            self.memory.append(usage(self._pid).pss)

    async def warm(self, seconds: float, changes: float) -> None:
        """Let all that happens have happened, so that what is kept of each member is there."""
        await flood(self.url, self._changes["flood"], changes, seconds)
        await self._convergence(self._changes["flood"].ends())

    async def _convergence(self, ends: list[dict[str, Any]]) -> float:
        late = {n: (f"/services/s{n}/{address}:{self.crowd.port}", address) for n, address in self.crowd.late().items()}
        ends += [etcd.put_operation(key, '{"weight": 65535}') for key, _ in late.values()]  # so it is asked at once
        await self._happen(ends)
        began = time.monotonic()
        await asyncio.gather(*(self._answers(n, address, began + LIMIT) for n, (_, address) in late.items()))
        took = time.monotonic() - began
        exact = await until(lambda: asyncio.to_thread(self._is_exact), LIMIT)
        await self._happen([etcd.delete_operation(key) for key, _ in late.values()])
        return took if math.isfinite(exact) else math.inf

    async def _happen(self, operations: list[dict[str, Any]]) -> None:
        for some in etcd.in_hundreds(operations):
            await asyncio.to_thread(etcd.ask, self.url, "/v3/kv/txn", some, 10)

    async def _answers(self, service: int, address: str, deadline: float) -> None:
        """Until the member at ``address`` has answered."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gateway.port)
        body = b""
        while body != address.encode() and time.monotonic() < deadline:
            writer.write(f"GET /s{service} HTTP/1.1\r\nHost: a.test\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            body = await reader.readexactly(int(length[15:]))
        writer.close()

    def _is_exact(self) -> bool:
        """The gateway knows whom etcd lists, and nobody else."""
        services = status(self.gateway)["services"]
        return all(
            sorted(services[f"s{n}"]["endpoints"]) == etcd.listed(self.url, f"/services/s{n}/")
            for n in range(self.crowd.services)
        )

    def figures(self) -> dict[str, float]:
        """Medians and sums of it all."""
        found = {f"{name}_p99": statistics.median(some) for name, some in self.p99.items()}
        return {
            **found,
            "plain_share": found["flood_plain_p99"] / found["elsewhere_plain_p99"],
            "listed_share": found["flood_listed_p99"] / found["elsewhere_listed_p99"],
            "changes": min(self.rates),
            "converged": max(self.converged),
            "failed": self.failed,
            "asked": self.asked,
            "pss": self.memory[-1],
            "grown": self.memory[-1] - self.memory[0],
        }


def judge(figures: dict[str, float]) -> bool:
    """Whether that is what is promised."""
    return (
        figures["plain_share"] <= SHARE_MOST
        and figures["converged"] <= CONVERGED_MOST
        and not figures["failed"]
        and figures["grown"] <= GROWN_MOST
    )


async def _run(bench: Bench, folder: Path) -> dict[str, float]:
    rounds, seconds, changes = bench.scale(3, 2), bench.scale(SLICE, 5), bench.scale(CHANGES, 200)
    crowd = Crowd(bench)
    ground = Ground(bench.options.python, bench.options.quick, bench.cpus)
    async with serving(crowd.port, bench.cpus[-1]), etcd.cluster(1, folder, bench.cpus[-1]) as cluster:
        url = cluster.endpoints[0]
        for prefix in ("/services", "/elsewhere"):
            puts = [etcd.put_operation(key, "active") for key in crowd.keys(prefix)]
            for some in etcd.in_hundreds(puts):
                await asyncio.to_thread(etcd.ask, url, "/v3/kv/txn", some, 10)
        async with ground.fastgw(crowd.config(cluster.endpoints)) as gateway:
            pid = supervisor(await asyncio.to_thread(status, gateway))
            run = Run(crowd, url, gateway, pid)
            await gateway.asked(3, RATE, crowd.kinds())
            for _ in range(WARM):
                await run.warm(seconds, changes)
            for turn in range(rounds):
                for word in (*WORDS[turn % 3 :], *WORDS[: turn % 3]):
                    await run.slice(word, seconds, changes)
            return {**run.figures(), "processes": len(tree(pid))}


@ours_only
async def run(bench: Bench) -> Result:
    """Slices by turns."""
    if shutil.which("etcd") is None:
        return Result("needs etcd", None)
    with tempfile.TemporaryDirectory(prefix="members-flood-") as name:
        found = await _run(bench, Path(name))
    figures: dict[str, Figure] = {**found}
    return Result(
        f"p99 plain {found['plain_share']:.2f} times ({ms(found['flood_plain_p99'])} beside {ms(found['elsewhere_plain_p99'])}, "
        f"{ms(found['quiet_plain_p99'])} where etcd is quiet), of services that change {found['listed_share']:.2f} times "
        f"({ms(found['flood_listed_p99'])} beside {ms(found['elsewhere_listed_p99'])}); {found['changes']:.0f} changes a second, converged "
        f"{found['converged']:.2f} s; {found['failed']:.0f} failed of {found['asked']:.0f}; "
        f"grown {kib(found['grown'])} of {kib(found['pss'])}",
        judge(found),
        figures,
    )


SCENARIO = Scenario(
    "+", "members_flood", "5,000 members in 200 services, 1,000 changes a second: p99 of plain requests, convergence, growth",
    f"<= {SHARE_MOST} times; {CONVERGED_MOST:g} s; <= {kib(GROWN_MOST)}; 0 failed", run,
)  # fmt: skip
