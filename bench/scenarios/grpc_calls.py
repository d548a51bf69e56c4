"""Beside the rows: processor time of a request over HTTP/2 to a service of HTTP/1.1, and of calls of gRPC; and of JSON that becomes one.

All peers are up at once and asked by turns, so that the machine's mood is that of all: a slice of `h2load -c16 -m8` each. A share is the
median of those of the turns.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

from bench.scenarios import peers as usual
from bench.scenarios.grpc import peers
from bench.scenarios.grpc.service import MESSAGE, MESSAGES
from bench.scenarios.harness import ROOT, Bench, Figure, Result, Scenario, start_services
from bench.scenarios.peers import Ports
from bench.scenarios.tracing import spent

CALL = ("content-type: application/grpc", "te: trailers")
JSON = b'{"text": "' + b"x" * 1000 + b'"}'
MOST = {
    **{f"{case}_of_nginx": 1.2 for case in ("http1", "unary", "stream")},
    "http1_of_envoy": 0.5,
    "unary_of_envoy": 0.5,
    "json_of_envoy": 1.0,
}
"""What fastgw may cost of each."""
ADDED_MOST = 60e-6
"""Seconds that transcoding may add to a call."""


@dataclass(frozen=True, slots=True)
class Case:
    """What is asked."""

    name: str
    path: str
    slice: int
    """Requests of one turn."""
    fields: tuple[str, ...] = ()
    body: bytes = b""
    items: int = 1
    """What a request is divided into: the messages of its answer."""
    is_json: bool = False
    """It becomes a call, which not every peer can do."""


CASES = (
    Case("http1", "/v1/models", 6000),
    Case("unary", "/bench.Bench/Say", 6000, CALL, MESSAGE),
    Case("stream", "/bench.Bench/Tell", 120, CALL, MESSAGE, MESSAGES),
    Case("json", "/bench.Bench/Say", 3000, ("content-type: application/json",), JSON, is_json=True),
)


@dataclass(slots=True)
class Running:
    """A peer that is up."""

    name: str
    ports: tuple[int, int]
    """Of requests and calls; of JSON."""
    process: subprocess.Popen[bytes]
    costs: dict[str, list[float]] = field(default_factory=dict)
    """Seconds of a processor for an item, of each turn, by case."""


def load(port: int, case: Case, folder: Path, cpu: int) -> None:
    """Ask for one slice. Raises RuntimeError if something of it fails."""
    command = ["taskset", "-c", str(cpu), "h2load", "-n", str(case.slice), "-c", "16", "-m", "8"]
    for line in case.fields:
        command += ["-H", line]
    if case.body:
        body = folder / f"{case.name}.body"
        body.write_bytes(case.body)
        command += ["-d", str(body)]
    done = subprocess.run(
        [*command, f"http://127.0.0.1:{port}{case.path}"], capture_output=True, text=True, timeout=120, check=False
    )
    found = re.search(r"(\d+) succeeded, (\d+) failed", done.stdout)
    if found is None or found[1] != str(case.slice) or "2xx, 0 3xx, 0 4xx, 0 5xx" not in done.stdout:
        raise RuntimeError(f"{case.name}: {done.stdout[-400:]}")


@contextlib.contextmanager
def running(bench: Bench, folder: Path, ports: Ports) -> Iterator[dict[str, Running]]:
    """Every peer that there is, with the services behind them."""
    calls = usual.free_port()
    command = ["taskset", "-c", str(bench.cpus[-1]), sys.executable, "-m", "bench.scenarios.grpc.service", str(calls)]
    service = subprocess.Popen(command, stdout=subprocess.PIPE, cwd=ROOT)
    services = start_services(ports, bench.cpus[-1])
    found: dict[str, Running] = {}
    try:
        for name in peers.NAMES:
            if not peers.program(name):
                continue
            own = folder / name
            own.mkdir()
            first = usual.free_port()
            both = (first, usual.free_port() if name == "envoy" else first)
            command = ["taskset", "-c", str(bench.cpus[0]), *peers.launch(name, own, both, ports.main, calls)]
            with (own / "log").open("wb") as log:
                found[name] = Running(name, both, subprocess.Popen(command, stdout=log, stderr=log))
        for one in found.values():
            if not usual.wait_until(lambda port=one.ports[0]: _listens(port), 30.0):  # type: ignore[misc]
                raise RuntimeError(f"{one.name} does not start: {(folder / one.name / 'log').read_text()[-400:]}")
        yield found
    finally:
        for one in found.values():
            one.process.terminate()
        for one in found.values():
            one.process.wait(15)
        for process in (service, services):
            process.kill()
            process.wait()


def _listens(port: int) -> bool:
    done = subprocess.run(
        ["h2load", "-n", "1", f"http://127.0.0.1:{port}/v1/models"],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    return "1 succeeded" in done.stdout


def figures_of(found: dict[str, Running]) -> dict[str, float]:
    """Microseconds of each, and fastgw's share of the others."""
    figures: dict[str, float] = {}
    for case in CASES:
        own = found["fastgw"].costs.get(case.name, [])
        for name, one in found.items():
            costs = one.costs.get(case.name, [])
            if not costs:
                continue
            figures[f"{case.name}_{name}_us"] = statistics.median(costs) * 1e6
            if name != "fastgw":
                figures[f"{case.name}_of_{name}"] = statistics.median(a / b for a, b in zip(own, costs, strict=True))
    return figures


def judge(figures: dict[str, float]) -> bool:
    """Whether fastgw costs no more than it may."""
    added = figures.get("json_fastgw_us", 0.0) - figures.get("unary_fastgw_us", 0.0)
    return added <= ADDED_MOST * 1e6 and all(figures.get(key, 0.0) <= most for key, most in MOST.items())


def told(figures: dict[str, float]) -> str:
    """The cell of the table."""
    parts = []
    for case in CASES:
        own = figures.get(f"{case.name}_fastgw_us")
        if own is None:
            continue
        others = [
            f"{figures[f'{case.name}_of_{name}']:.2f} of {name} ({figures[f'{case.name}_{name}_us']:.1f})"
            for name in peers.NAMES
            if f"{case.name}_of_{name}" in figures
        ]
        parts.append(f"{case.name} {own:.1f} us, " + ", ".join(others))
    return "; ".join(parts)


def ask(bench: Bench, found: dict[str, Running], folder: Path, turns: int) -> None:
    """All of them, by turns; the first is to warm up."""
    for turn in range(turns + 1):
        order = list(found.values())
        for case in CASES:
            for one in order[turn % len(order) :] + order[: turn % len(order)]:
                if case.is_json and one.name not in peers.TRANSCODERS:
                    continue
                before = spent(one.process.pid)
                load(one.ports[case.is_json], case, folder, bench.cpus[-1])
                cost = (spent(one.process.pid) - before) / case.slice / case.items
                if turn:
                    one.costs.setdefault(case.name, []).append(cost)


async def run(bench: Bench) -> Result:
    """Start all of them, and ask."""
    if bench.name != "fastgw":
        return Result("is asked beside fastgw", None)
    if shutil.which("h2load") is None:
        return Result("needs h2load", None)
    ports = Ports(*(usual.free_port() for _ in range(6)))
    with tempfile.TemporaryDirectory(prefix="grpc-") as name, running(bench, Path(name), ports) as found:
        await asyncio.to_thread(ask, bench, found, Path(name), bench.scale(12, 2))
        versions = {f"{one}_version": peers.version(one) for one in found}
    figures = figures_of(found)
    return Result(told(figures), judge(figures), cast(dict[str, Figure], {**figures, **versions}))


SCENARIO = Scenario(
    "+", "grpc", "HTTP/2 to HTTP/1.1, calls of gRPC, messages of a stream, JSON to gRPC: processor time, beside nginx and Envoy",
    "<= 1.2 of nginx; <= 0.5 of Envoy but for streams; JSON no more than Envoy, and 60 us more than a call", run,
)  # fmt: skip
