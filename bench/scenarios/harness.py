"""The harness: gives a scenario a fresh peer with fresh services, collects results and renders them."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from bench.scenarios import peers
from bench.scenarios.clients import Traffic, good_traffic
from bench.scenarios.peers import Peer, Ports

ROOT = Path(__file__).resolve().parents[2]
Figure = float | int | str | bool | None


@dataclass(frozen=True, slots=True)
class Result:
    """What one scenario found at one peer."""

    text: str
    """The cell of the table."""
    is_met: bool | None
    """The target is met; None when the peer was not judged."""
    figures: dict[str, Figure] = field(default_factory=dict)
    """The same in numbers, for the JSON."""


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line chose."""

    peers: tuple[str, ...]
    quick: bool
    wire: Path
    python: str
    seed: int = 1
    seconds: int = 0
    """Of each part of a scenario that has several (0: as it says)."""
    parts: tuple[str, ...] = ()
    """Those of them that are wanted; empty: all."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """One row of the table."""

    row: str
    name: str
    title: str
    target: str
    run: Callable[[Bench], Awaitable[Result]]


@dataclass(frozen=True, slots=True)
class Bench:
    """What a scenario works with: the options, the name of the peer, and means to start it."""

    name: str
    options: Options
    cpus: tuple[int, ...]

    def scale(self, full: int, quick: int) -> int:
        """Return a count or a number of seconds: `full`, or `quick` in a quick run."""
        return quick if self.options.quick else full

    @contextlib.asynccontextmanager
    async def serving(
        self, *, nofile: int = 0, with_services: bool = True, with_tokens: bool = False
    ) -> AsyncIterator[Stage]:
        """Start services and the peer in front of them; stop both at the end.

        Args:
            nofile: limit of open files of the peer (0: inherited).
            with_services: False leaves the `main` port free for somebody else.
            with_tokens: fastgw has a route for signed tokens.
        """
        ports = Ports(*(peers.free_port() for _ in range(6)))
        with tempfile.TemporaryDirectory(prefix=f"scenario-{self.name}-") as name:
            services = start_services(ports, self.cpus[-1]) if with_services else None
            try:
                peer = await asyncio.to_thread(
                    peers.start, self.name, ports, Path(name), cpu=self.cpus[0], nofile=nofile,
                    python=self.options.python, with_tokens=with_tokens,
                )  # fmt: skip
                try:
                    await asyncio.sleep(0.3)  # the warm-up request's connection is gone by then
                    yield Stage(self, peer, ports)
                finally:
                    await asyncio.to_thread(peer.stop)
            finally:
                if services is not None:
                    services.kill()
                    services.wait()


@dataclass(frozen=True, slots=True)
class Stage:
    """A running peer with its services."""

    bench: Bench
    peer: Peer
    ports: Ports

    async def traffic(
        self, seconds: float, rate: float = 500, connections: int = 20, path: bytes = b"/v1/models"
    ) -> Traffic:
        """Run good traffic through the peer for some seconds."""
        return await good_traffic(self.ports.edge, seconds, rate=rate, connections=connections, path=path)

    async def services_open(self, kind: str) -> int:
        """Return how many connections of a kind the services have open now."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports.control)
        board = json.loads(await reader.readline())
        writer.close()
        return int(board["open"].get(kind, 0))


def start_services(ports: Ports, cpu: int) -> subprocess.Popen[bytes]:
    """Start the services pinned to a CPU and wait until they listen.

    Raises:
        RuntimeError: they did not come up.
    """
    arguments = [str(port) for port in (ports.main, ports.sink, ports.hole, ports.control)]
    process = subprocess.Popen(
        ["taskset", "-c", str(cpu), sys.executable, "-m", "bench.scenarios.services", *arguments],
        stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert process.stdout is not None
    if process.stdout.readline() != b"ready\n":
        process.kill()
        raise RuntimeError("the services did not start")
    return process


async def run_all(
    scenarios: Sequence[Scenario], options: Options, report: Callable[[Scenario, str, Result], None]
) -> dict[str, dict[str, Result]]:
    """Run every scenario against every peer, the peers in turn so that they share the machine's mood."""
    cpus = tuple(sorted(os.sched_getaffinity(0)))
    os.sched_setaffinity(0, {cpus[-1]})
    results: dict[str, dict[str, Result]] = {}
    for scenario in scenarios:
        row = results.setdefault(scenario.name, {})
        for name in options.peers:
            try:
                row[name] = await scenario.run(Bench(name, options, cpus))
            except (OSError, RuntimeError, ValueError) as error:
                row[name] = Result(f"did not run: {str(error).splitlines()[0]}", None, {"error": str(error)})
            report(scenario, name, row[name])
    return results


def render_markdown(
    scenarios: Sequence[Scenario], names: Sequence[str], results: dict[str, dict[str, Result]], heading: str
) -> str:
    """Return the results as a Markdown table, one line per scenario; `(!)` marks a missed target."""
    lines = [heading, "", "| # | figure | target | " + " | ".join(names) + " |", "|---" * (3 + len(names)) + "|"]
    for scenario in scenarios:
        cells = []
        for name in names:
            result = results.get(scenario.name, {}).get(name)
            missed = " (!)" if result is not None and result.is_met is False else ""
            cells.append("-" if result is None else result.text.replace("|", "\\|") + missed)
        lines.append(f"| {scenario.row} | {scenario.title} | {scenario.target} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def render_json(scenarios: Sequence[Scenario], results: dict[str, dict[str, Result]], about: dict[str, Figure]) -> str:
    """Return the results as JSON: `about` the run, and per scenario and peer the text, the verdict and the figures."""
    rows = {
        scenario.name: {
            "row": scenario.row,
            "target": scenario.target,
            "peers": {
                name: {"text": result.text, "is_met": result.is_met, "figures": result.figures}
                for name, result in results.get(scenario.name, {}).items()
            },
        }
        for scenario in scenarios
    }
    return json.dumps({"about": about, "scenarios": rows}, indent=1, default=str) + "\n"
