"""Beside the rows: what traces cost. Gateways that differ in that alone are asked by turns, so that the machine's mood is that of all.

`plain` has no telemetry, `unsampled` records nothing but could, `sampled` records one in a hundred, `traced` all, for a collector
that takes them; `dead` records all for one that takes connections and never answers.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from bench.scenarios import peers
from bench.scenarios.harness import Bench, Figure, Result, Scenario, start_services
from bench.scenarios.measure import kib, ms, percentile, tree, usage
from bench.scenarios.peers import Ports

CONFIG = """\
workers: 1
admin: false
{telemetry}
listeners: [{{name: edge, address: "127.0.0.1:{edge}"}}]
routes: [{{path: "/*", service: main}}]
services: {{main: {{endpoints: ["127.0.0.1:{main}"]}}}}
"""
SAMPLES = {"plain": "", "unsampled": "0%", "sampled": "1%", "traced": "100%", "dead": "100%"}
GET = b"GET /v1/models HTTP/1.1\r\nHost: a.test\r\nUser-Agent: scenario\r\nAccept: */*\r\n\r\n"
LANES = 8
SLICE = 500
"""Requests to one gateway before the next has its turn."""
UNSAMPLED_MOST = 1e-6
"""Seconds of a processor that a request may cost more where traces could be recorded."""
SAMPLED_MOST = 1.05
"""Share of what it costs where one in a hundred is."""
GROWN_MOST = 1024 * 1024
"""Bytes that a gateway may grow once its queue for a dead collector is full."""


class Lane(asyncio.Protocol):
    """One kept connection with one request in flight at a time."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._since = 0.0
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It can be asked."""
        self._transport = cast(asyncio.Transport, transport)
        self._gateway.lanes.append(self)

    def ask(self) -> None:
        """Send a request."""
        self._since = time.perf_counter()
        self._transport.write(GET)

    def data_received(self, data: bytes) -> None:
        """Ask again when the answer is whole, as long as the slice lasts."""
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]):
            return
        self._gateway.latencies.append(time.perf_counter() - self._since)
        self._buffer = b""
        if self._gateway.take():
            self.ask()


class Gateway:
    """One of them, and the connections to it."""

    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self.process = process
        self.port = port
        self.lanes: list[Lane] = []
        self.latencies: list[float] = []
        self.costs: list[float] = []
        """Seconds of a processor for a request, of each slice."""
        self._left = self._out = 0
        self._done = asyncio.Event()

    def take(self) -> bool:
        """Whether there is one more request to be sent; the last answer ends the slice."""
        if self._left > 0:
            self._left -= 1
            return True
        self._out -= 1
        if not self._out:
            self._done.set()
        return False

    async def slice(self, count: int) -> None:
        """Send so many requests."""
        before = spent(self.process.pid)
        self._done.clear()
        self._left, self._out = count - len(self.lanes), len(self.lanes)
        for lane in self.lanes:
            lane.ask()
        await asyncio.wait_for(self._done.wait(), 60.0)
        self.costs.append((spent(self.process.pid) - before) / count)


def spent(root: int) -> float:
    """Seconds of a processor that the processes under `root` have had, by the scheduler's own clock."""
    total = 0
    for pid in tree(root):
        for task in Path(f"/proc/{pid}/task").iterdir():
            total += int((task / "schedstat").read_text().split()[0])
    return total / 1e9


def start(bench: Bench, ports: Ports, folder: Path) -> Gateway:
    """Start the one that is called as `folder`, pinned to the first CPU."""
    folder.mkdir()
    sample, collector, port = (
        SAMPLES[folder.name],
        ports.hole if folder.name == "dead" else ports.main,
        peers.free_port(),
    )
    telemetry = f'telemetry: {{otlp: "http://127.0.0.1:{collector}", traces: {{sample: {sample}}}}}' if sample else ""
    config = folder / "fastgw.yaml"
    config.write_text(CONFIG.format(telemetry=telemetry, edge=port, main=ports.main))
    command = ["taskset", "-c", str(bench.cpus[0]), *peers.command("fastgw", config, bench.options.python)]
    with (folder / "log").open("wb") as log:
        return Gateway(subprocess.Popen(command, stdout=log, stderr=log), port)


@asynccontextmanager
async def gateways(bench: Bench, ports: Ports, folder: Path) -> AsyncIterator[dict[str, Gateway]]:
    """All of them, with their connections."""
    found: dict[str, Gateway] = {}
    transports: list[asyncio.BaseTransport] = []
    try:
        for name in SAMPLES:
            found[name] = start(bench, ports, folder / name)
        loop = asyncio.get_running_loop()
        for name, one in found.items():
            if not await asyncio.to_thread(peers.wait_until, lambda port=one.port: peers.answers(port), 30.0):
                raise RuntimeError(f"the gateway {name} does not start: {(folder / name / 'log').read_text()[-300:]}")
            for _ in range(LANES):
                made, _ = await loop.create_connection(lambda of=one: Lane(of), "127.0.0.1", one.port)
                transports.append(made)
        yield found
    finally:
        for transport in transports:
            cast(asyncio.Transport, transport).abort()
        for one in found.values():
            one.process.terminate()
        for one in found.values():
            one.process.wait(15)


def over(costs: Sequence[float], others: Sequence[float]) -> tuple[float, float]:
    """How much more `costs` are than `others`, slice by slice: the median of the differences, and of the shares."""
    pairs = list(zip(costs, others, strict=True))
    return statistics.median(one - other for one, other in pairs), statistics.median(
        one / other for one, other in pairs
    )


def judge(figures: dict[str, float]) -> bool:
    """Whether what was found keeps what is promised."""
    slow, usual = figures["dead_p99"], figures["traced_p99"]
    return (
        figures["unsampled_more"] <= UNSAMPLED_MOST
        and figures["sampled_share"] <= SAMPLED_MOST
        and (slow <= 1.2 * usual or slow <= usual + 0.001)
        and figures["dead_grown"] <= GROWN_MOST
    )


async def run(bench: Bench) -> Result:
    """Warm all of them up until the queue of `dead` is full, then ask by turns."""
    if bench.name != "fastgw":
        return Result("is not asked", None)
    rounds, warm = bench.scale(120, 10), bench.scale(12_000, 12_000)
    ports = Ports(*(peers.free_port() for _ in range(6)))
    services = start_services(ports, bench.cpus[-1])
    try:
        with tempfile.TemporaryDirectory(prefix="tracing-") as name:
            async with gateways(bench, ports, Path(name)) as found:
                for one in found.values():
                    await one.slice(warm)
                    one.costs, one.latencies = [], []
                before = usage(found["dead"].process.pid).pss
                for turn in range(rounds):
                    order = list(found.values())
                    for one in order[turn % len(order) :] + order[: turn % len(order)]:
                        await one.slice(SLICE)
                grown = usage(found["dead"].process.pid).pss - before
    finally:
        services.kill()
        services.wait()
    plain = found["plain"].costs
    figures: dict[str, float] = {"plain_cost": statistics.median(plain), "dead_grown": max(0, grown)}
    for name, one in found.items():
        figures[f"{name}_more"], figures[f"{name}_share"] = over(one.costs, plain)
        figures[f"{name}_p50"], figures[f"{name}_p99"] = (percentile(one.latencies, share) for share in (0.5, 0.99))
    text = (
        f"{figures['plain_cost'] * 1e6:.1f} us of a processor for a request without; unsampled {figures['unsampled_more'] * 1e6:+.2f} us, "
        f"1 % {figures['sampled_share']:.3f} times, all {figures['traced_share']:.2f} times; collector dead: p99 {ms(figures['dead_p99'])} "
        f"beside {ms(figures['traced_p99'])}, grown {kib(figures['dead_grown'])}"
    )
    return Result(text, judge(figures), cast(dict[str, Figure], figures))


SCENARIO = Scenario(
    "+", "tracing", "traces: CPU for a request where none, 1 % and all are recorded; p99 and growth where the collector is dead",
    "<= 1 us; <= 1.05 times; p99 as alive; <= 1 MiB", run,
)  # fmt: skip
