"""Command line of the measurements of code in the server's own process; see `docs/benchmarks.md`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from bench.inside import batching
from bench.inside.servers import GOALS, REQUEST, SERVERS, Running, Server
from bench.macro.corpus import write_corpus
from bench.macro.errors import BenchError, brief
from bench.macro.loads import LoadResult, run_wrk
from bench.macro.machine import describe_machine
from bench.macro.peers.base import not_installed
from bench.macro.process import LOAD_CORE
from bench.macro.stats import median, paired_ratio
from bench.macro.subject import fresh_directory, metered

CONNECTIONS = 64
Samples = dict[str, list[dict[str, float]]]  #: of each server, a sample for each round


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exits with a message on an unknown server."""
    parser = argparse.ArgumentParser(prog="scripts/inside", description="Code in the server's own process.")
    names = [server.name for server in SERVERS]
    parser.add_argument("--only", action="append", choices=[*names, "batching"], help="only this (repeatable)")
    parser.add_argument("--rounds", type=int, default=3, help="of each server, in turn (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one round (default: %(default)s)")
    return parser.parse_args(arguments)


def measure(servers: Sequence[Server], rounds: int, seconds: float) -> tuple[Samples, dict[str, str]]:
    """Samples of the servers that start, and why the others do not."""
    corpus = fresh_directory("requests") / "hello"
    write_corpus(corpus, [REQUEST])
    running: list[Running] = []
    reasons: dict[str, str] = {}
    samples: Samples = {}
    try:
        for server in servers:
            try:
                reason = server.missing
                if not reason:
                    running.append(server.start())
            except (BenchError, OSError) as error:
                reason = brief(str(error))
            if reason:
                reasons[server.name] = reason
        for _ in range(rounds):
            for one in running:
                samples.setdefault(one.server.name, []).append(_sample(one, corpus, seconds))
    finally:
        for one in running:
            one.program.stop()
    return samples, reasons


def _sample(one: Running, corpus: object, seconds: float) -> dict[str, float]:
    loads: list[LoadResult] = []
    meter = metered(
        one.program, lambda: loads.append(run_wrk(one.port, corpus, connections=CONNECTIONS, seconds=seconds))
    )
    load = loads[0]
    return {
        "rps": load.rate,
        "cpu_us": meter.total / max(load.requests, 1) * 1e6,
        "p99_us": load.p99,
        "busy": meter.busy,
        "foreign": meter.foreign,
        "errors": load.errors,
    }


def table(servers: Sequence[Server], samples: Samples, reasons: dict[str, str]) -> str:
    """Medians, as a Markdown table."""
    lines = [
        "| server | per second | CPU us | p99 ms | core used | by others | errors |",
        "|---|---|---|---|---|---|---|",
    ]
    for server in servers:
        found = samples.get(server.name)
        title = f"{server.title} ({server.version})" if server.version else server.title
        if not found:
            lines.append(f"| {title} | {reasons.get(server.name, 'not measured')} | | | | | |")
            continue
        rps, cpu, p99, busy, foreign = (
            median([one[key] for one in found]) for key in ("rps", "cpu_us", "p99_us", "busy", "foreign")
        )
        errors = sum(one["errors"] for one in found)
        lines.append(
            f"| {title} | {rps:,.0f} | {cpu:.1f} | {p99 / 1e3:.1f} | {busy:.0%} | {foreign:.0%} | {errors:.0f} |"
        )
    return "\n".join(lines)


def ratios(samples: Samples) -> tuple[str, bool]:
    """The goals as a table, and whether all that could be judged are met."""
    lines = ["| | requests a second | goal | | CPU a request, inverse |", "|---|---|---|---|---|"]
    is_met = True
    for one, other, least in GOALS:
        mine, theirs = samples.get(one.name, []), samples.get(other.name, [])
        rate = paired_ratio([x["rps"] for x in mine], [x["rps"] for x in theirs])
        cost = paired_ratio([x["cpu_us"] for x in theirs], [x["cpu_us"] for x in mine])
        if rate is None or cost is None:
            continue
        is_met = is_met and rate.median >= least
        lines.append(
            f"| {one.title} / {other.title} | {rate.median:.2f} ({rate.low:.2f}-{rate.high:.2f}) | {least:g} | "
            f"{'met' if rate.median >= least else 'MISSED'} | {cost.median:.2f} ({cost.low:.2f}-{cost.high:.2f}) |"
        )
    return "\n".join(lines), is_met


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 0 when every goal that could be judged is met, 2 when nothing can be measured here."""
    options = parse(arguments)
    if reason := not_installed("wrk"):
        print(f"scripts/inside: {reason}", file=sys.stderr)
        return 2
    if len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {LOAD_CORE})
    machine = describe_machine()
    print(
        f"{machine['processor']}, {machine['cores']} cores, Python {machine['python']}; load {machine['load before']}\n"
    )
    servers = [server for server in SERVERS if not options.only or server.name in options.only]
    is_met = True
    if servers:
        samples, reasons = measure(servers, options.rounds, options.seconds)
        text, is_met = ratios(samples)
        print(f"{table(servers, samples, reasons)}\n\n{text}\n")
        if reason := not_installed("go"):
            print(f"Go's fasthttp is not beside them: {reason}.\n")
    if not options.only or "batching" in options.only:
        found = batching.measure(max(3.0, options.seconds))
        is_met = is_met and found.is_met
        print(
            f"{batching.CALLS} calls at one time, 4 ms and 0.2 ms an input: one by one {found.one_by_one.rate:,.0f}/s, "
            f"gathered {found.gathered.rate:,.0f}/s, {found.times:.1f} times (goal {batching.TIMES:g}), p99 "
            f"{found.gathered.p99 / 1e3:.0f} ms (bound {batching.P99_MS:.0f}), "
            f"{found.one_by_one.errors + found.gathered.errors} errors: {'met' if found.is_met else 'MISSED'}"
        )
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
