"""Command line of the scenarios; see `docs/scenarios.md`."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import sys
import time
from pathlib import Path

import uvloop

from bench.scenarios import (
    aborts,
    black_hole,
    descriptors,
    events,
    fleet,
    forged,
    grpc_calls,
    http2_floods,
    idle_connections,
    large_reloads,
    lifecycle,
    members,
    members_flood,
    mutated,
    names_change,
    peers,
    picks,
    registry_faults,
    shared_limits,
    slow_bodies,
    slow_readers,
    slow_requests,
    slowloris,
    split,
    stuck_readers,
    stuck_uploads,
    tracing,
    wire,
)
from bench.scenarios.harness import ROOT, Options, Result, Scenario, render_json, render_markdown, run_all

SCENARIOS: tuple[Scenario, ...] = tuple(
    module.SCENARIO
    for module in (
        wire, split, idle_connections, slowloris, slow_requests, slow_readers, stuck_readers, stuck_uploads,
        descriptors, aborts, black_hole, slow_bodies, events, mutated, forged, http2_floods, shared_limits, tracing, grpc_calls,
        members, registry_faults, members_flood, names_change, picks, fleet,
    )
) + lifecycle.SCENARIOS + large_reloads.SCENARIOS  # fmt: skip
NEEDED = 12000
"""Open files one process of the largest scenario needs."""


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line; exits with a message on an unknown scenario or peer."""
    parser = argparse.ArgumentParser(prog="scenarios", description="Load and attack scenarios, on loopback only.")
    names = [scenario.name for scenario in SCENARIOS]
    parser.add_argument("--only", action="append", choices=names, help="run this scenario (repeatable)")
    parser.add_argument("--peers", default="fastgw,nginx,haproxy", help="comma-separated (default: %(default)s)")
    parser.add_argument("--quick", action="store_true", help="smaller counts, shorter times: a check, not a figure")
    parser.add_argument("--wire", type=Path, default=ROOT.parent / "shared" / "wire", help="directory of wirecheck.py")
    parser.add_argument("--out", type=Path, help="write PATH.md and PATH.json")
    parser.add_argument("--python", default=sys.executable, help="interpreter that runs fastgw")
    parser.add_argument("--seed", type=int, default=1, help="seed of the mutated traffic")
    parser.add_argument("--seconds", type=int, default=0, help="of each attack of http2_floods (default: 60)")
    parser.add_argument("--part", action="append", help="this attack of http2_floods alone (repeatable)")
    parser.add_argument("--strict", action="store_true", help="exit 1 if fastgw missed a target")
    parsed = parser.parse_args(arguments)
    parsed.peers = tuple(parsed.peers.split(","))
    unknown = set(parsed.peers) - {"fastgw", "nginx", "haproxy"}
    if unknown:
        parser.error(f"unknown peers: {', '.join(sorted(unknown))}")
    return parsed


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one and return it; warn if scenarios will not fit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if hard < NEEDED:
        print(f"warning: {hard} open files, the full scenarios need {NEEDED}; use --quick", file=sys.stderr)
    return hard


def main(arguments: list[str] | None = None) -> int:
    """Run the chosen scenarios, print the table, and return the exit status."""
    chosen = parse(sys.argv[1:] if arguments is None else arguments)
    os.chdir(ROOT)  # fastgw and the services are found from here
    limit = raise_file_limit()
    names = tuple(name for name in chosen.peers if peers.available(name))
    for name in set(chosen.peers) - set(names):
        print(f"skipped: {name} is not installed", file=sys.stderr)
    scenarios = [scenario for scenario in SCENARIOS if not chosen.only or scenario.name in chosen.only]
    options = Options(
        names, chosen.quick, chosen.wire, chosen.python, chosen.seed, chosen.seconds, tuple(chosen.part or ())
    )

    def report(scenario: Scenario, name: str, result: Result) -> None:
        mark = {True: "ok", False: "MISSED", None: "-"}[result.is_met]
        print(f"{scenario.name:14} {name:8} {mark:7} {result.text}", file=sys.stderr, flush=True)

    started = time.strftime("%Y-%m-%d %H:%M")
    versions = [peers.version(name) for name in names]
    results = uvloop.run(run_all(scenarios, options, report))
    heading = (
        f"{', '.join(versions)}; {'quick run' if chosen.quick else 'full run'}, {started}, {os.cpu_count()} CPUs, "
        f"{limit} open files, Python {platform.python_version()}"
    )
    table = render_markdown(scenarios, names, results, heading)
    print(table)
    if chosen.out:
        chosen.out.parent.mkdir(parents=True, exist_ok=True)
        chosen.out.with_suffix(".md").write_text(table)
        about = {"when": started, "quick": chosen.quick, "open_files": limit, "versions": ", ".join(versions)}
        chosen.out.with_suffix(".json").write_text(render_json(scenarios, results, about))
    missed = any(row["fastgw"].is_met is not True for row in results.values() if "fastgw" in row)
    return 1 if missed and chosen.strict else 0


if __name__ == "__main__":
    sys.exit(main())
