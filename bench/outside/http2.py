"""HTTP/2 by h2load, which nghttp2 measures its own servers with: fastgw, nginx and HAProxy with prior knowledge, beside HTTP/1.1.

    python -m bench.outside.http2 --rounds 5 --seconds 2

All lead to the benchmark's own service by HTTP/1.1.  Each is started for either protocol, has one core, and is asked in turns.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from bench.macro.errors import BenchError, brief
from bench.macro.loads import LoadResult, parse_h2load
from bench.macro.machine import describe_machine
from bench.macro.peers import PEERS
from bench.macro.peers.base import not_installed
from bench.macro.process import CORES, GATEWAY_CORE, LOAD_CORE, Program, free_port, run_tool
from bench.macro.stats import median
from bench.macro.subject import Service, fresh_directory, metered
from bench.outside.gateways import GATEWAYS, HTTP2, missing

PATH = "/api/greeting"  #: which no model is asked for at


@dataclass(frozen=True, slots=True)
class Shape:
    """How h2load asks."""

    name: str
    connections: int
    streams: int  #: at once on each; 0: HTTP/1.1

    def argv(self, port: int, seconds: int, log: Path) -> list[str]:
        """Its command line."""
        how = ["-m", str(self.streams)] if self.streams else ["--h1"]
        timed = ["-c", str(self.connections), "-D", str(seconds), f"--log-file={log}"]
        return ["h2load", *how, *timed, f"http://127.0.0.1:{port}{PATH}"]


SHAPES = (
    Shape("HTTP/1.1, 128 connections", 128, 0),
    Shape("HTTP/2, 16 connections of 8 streams", 16, 8),
    Shape("HTTP/2, 1 connection of 64 streams", 1, 64),
)
Sample = tuple[LoadResult, float]  #: and microseconds of the gateway's core for each answer
Samples = Mapping[tuple[str, str], Sequence[Sample]]  #: by gateway and shape


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exits with a message on a mistake."""
    parser = argparse.ArgumentParser(prog="python -m bench.outside.http2", description="HTTP/2 by h2load.")
    parser.add_argument("--rounds", type=int, default=3, help="of each, in turn (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=1, help="of one round (default: %(default)s)")
    parser.add_argument("--only", action="append", choices=list(HTTP2), help="only this gateway (repeatable)")
    return parser.parse_args(arguments)


def start(name: str, service: int, *, is_http2: bool) -> tuple[Program, int]:
    """The program and its port.  BenchError when it does not listen."""
    definition = GATEWAYS[name].define(fresh_directory(f"{name}-{'h2' if is_http2 else 'h1'}"), Path())
    definition = replace(definition, constants={"HTTP2": HTTP2[name] if is_http2 else ""})
    port = free_port()
    launch = definition.launch(port, service, str(GATEWAY_CORE))
    program = Program(launch.argv, core=GATEWAY_CORE, directory=definition.directory, env=launch.env, cwd=launch.cwd)
    try:
        program.wait_port(port, PEERS[name].start_seconds)
    except BenchError:
        program.stop()
        raise
    return program, port


def ask(program: Program, port: int, shape: Shape, seconds: int) -> Sample:
    """One round."""
    found: list[LoadResult] = []

    def work() -> None:
        with tempfile.TemporaryDirectory(prefix="bench-h2load-") as name:
            log = Path(name) / "log"
            text = run_tool(shape.argv(port, seconds, log), timeout=seconds + 60)
            found.append(parse_h2load(text, log.read_text()))

    meter = metered(program, work)
    return found[0], meter.total / max(found[0].requests, 1) * 1e6


def measure(names: Sequence[str], rounds: int, seconds: int) -> tuple[Samples, dict[str, str]]:
    """Samples of those that start, and why the others do not."""
    service = Service()
    running: dict[tuple[str, bool], tuple[Program, int]] = {}
    samples: dict[tuple[str, str], list[Sample]] = {}
    reasons: dict[str, str] = {}
    try:
        for name in names:
            try:
                reason = missing(GATEWAYS[name])
                if not reason:
                    for is_http2 in (False, True):
                        running[name, is_http2] = start(name, service.port, is_http2=is_http2)
            except (BenchError, OSError) as error:
                reason = brief(str(error))
            if reason:
                reasons[name] = reason
        for _ in range(rounds):
            for shape in SHAPES:
                for name in names:
                    found = running.get((name, shape.streams > 0))
                    if found is not None:
                        samples.setdefault((name, shape.name), []).append(ask(*found, shape, seconds))
    finally:
        for program, _ in running.values():
            program.stop()
        service.program.stop()
    return samples, reasons


def table(samples: Samples) -> str:
    """Medians, as a Markdown table."""
    lines = ["| | | per second | p50 ms | p99 ms | CPU us | errors |", "|---|---|---:|---:|---:|---:|---:|"]
    for shape in SHAPES:
        for (name, asked), found in samples.items():
            if asked != shape.name:
                continue
            rate, p50, p99 = (median([getattr(load, key) for load, _ in found]) for key in ("rate", "p50", "p99"))
            cost, errors = median([cpu for _, cpu in found]), sum(load.errors for load, _ in found)
            figures = f"{rate:,.0f} | {p50 / 1e3:.2f} | {p99 / 1e3:.2f} | {cost:.1f} | {errors}"
            lines.append(f"| {shape.name} | {name} | {figures} |")
    return "\n".join(lines)


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 1 when requests were lost, 2 when nothing can be measured here."""
    options = parse(arguments)
    if reason := not_installed("h2load"):
        print(f"bench.outside.http2: {reason}", file=sys.stderr)
        return 2
    if {GATEWAY_CORE, LOAD_CORE} <= CORES:
        os.sched_setaffinity(0, {LOAD_CORE})
    machine = describe_machine()
    print(f"{machine['processor']}, {machine['cores']} cores, {machine['h2load']}; load {machine['load before']}\n")
    try:
        samples, reasons = measure(options.only or tuple(HTTP2), options.rounds, options.seconds)
    except BenchError as error:
        print(f"bench.outside.http2: {error}", file=sys.stderr)
        return 2
    print(table(samples))
    for name, reason in reasons.items():
        print(f"\nwithout {name}: {reason}")
    if not samples:
        return 2
    return 1 if any(load.errors for found in samples.values() for load, _ in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
