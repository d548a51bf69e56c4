"""The command line: ``python -m bench`` (``scripts/bench``)."""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.macro import report
from bench.macro.cases import CASES
from bench.macro.errors import BenchError
from bench.macro.goals import judge
from bench.macro.machine import describe_machine
from bench.macro.paths import BUILD, RESULTS
from bench.macro.peers import CORE, PEERS
from bench.macro.process import CORES, GATEWAY_CORE, LOAD_CORE
from bench.macro.results import RunResult, load
from bench.macro.runner import CaseRun, Plan, Say

QUICK_ROUNDS, FULL_ROUNDS = 3, 5
QUICK_SECONDS, FULL_SECONDS = 1.0, 3.0


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """Read the command line; ends the program on a mistake."""
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--full", action="store_true", help="every case and peer, at least 5 rounds of 3 s")
    parser.add_argument("--case", action="append", default=[], metavar="NAME", help="only this case (may be repeated)")
    parser.add_argument("--peers", default="", metavar="A,B", help="only these gateways")
    parser.add_argument("--rounds", type=int, default=0, metavar="N")
    parser.add_argument("--seconds", type=float, default=0.0, metavar="S", help="length of one measurement")
    parser.add_argument(
        "--patience",
        type=int,
        default=0,
        metavar="N",
        help="measure up to N times again when others used the gateway's core",
    )
    parser.add_argument("--publish", action="store_true", help="leave the results in bench/results, to be committed")
    parser.add_argument("--render", type=Path, metavar="RESULTS.JSON", help="only write page and charts again")
    parser.add_argument("--list", action="store_true", help="name cases and gateways")
    options = parser.parse_args(argv)
    for name in options.case:
        if name not in CASES:
            parser.error(f"no case {name}; there are {', '.join(CASES)}")
    options.peers = tuple(filter(None, options.peers.split(",")))
    for name in options.peers:
        if name not in PEERS:
            parser.error(f"no gateway {name}; there are {', '.join(PEERS)}")
    return options


def main(argv: Sequence[str]) -> int:
    """Run; 0 when every case asked for was measured."""
    options = parse_arguments(argv)
    if options.list:
        return list_everything()
    if options.render:
        print(report.write(load(options.render), options.render.parent))
        return 0
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    started = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - started:6.1f} s] {text}", flush=True)

    if {GATEWAY_CORE, LOAD_CORE} <= CORES and shutil.which("taskset"):
        os.sched_setaffinity(0, {LOAD_CORE})  # the harness itself stays off the gateway's core
    else:
        say("two cores or taskset are missing: gateway and load share it, and the figures are worth little")
    run, failed = run_cases(options, say)
    print_summary(run)
    print(f"\n{report.write(run, destination(run, options.publish))}")
    return 1 if failed else 0


def run_cases(options: argparse.Namespace, say: Say) -> tuple[RunResult, bool]:
    """Measure what the options ask for; whether a case could not be measured at all."""
    profile = "full" if options.full else "quick"
    missing = {name: why for name, peer in PEERS.items() if (why := peer.missing())}
    asked = options.peers or (
        tuple(PEERS) if options.full or options.case else (*CORE, "go-nethttp", "stdlib-threaded")
    )
    for name in asked:
        if name in missing:
            say(f"without {name}: {missing[name]}")
    peers = tuple(name for name in PEERS if name in asked and name not in missing)
    run = RunResult(
        started=datetime.now(UTC).isoformat(timespec="seconds"),
        profile=profile,
        machine=describe_machine(),
        versions={name: PEERS[name].version() for name in peers},
        missing={name: why for name, why in missing.items() if name in asked},
    )
    plan = Plan(
        profile=profile,
        rounds=options.rounds or (FULL_ROUNDS if options.full else QUICK_ROUNDS),
        seconds=options.seconds or (FULL_SECONDS if options.full else QUICK_SECONDS),
        peers=peers,
        is_asked=bool(options.peers),
        patience=options.patience,
    )
    failed = False
    for case in CASES.values():
        if case.name not in options.case if options.case else not (options.full or case.in_quick):
            continue
        try:
            run.cases.append(CaseRun(case, plan, say).run())
        except (BenchError, OSError) as error:
            say(f"{case.name}: {error}")
            failed = True
    return run, failed


def destination(run: RunResult, publish: bool) -> Path:
    """A directory named after the day and the profile; below ``bench/build`` unless it is to be published."""
    name = f"{run.started[:10]}-{run.profile}"
    return RESULTS / name if publish else BUILD / "results" / f"{name}-{run.started[11:19].replace(':', '')}"


def print_summary(run: RunResult) -> None:
    """The goals, in short."""
    print()
    for verdict in judge(run):
        if verdict.value is not None:
            mark = "held " if verdict.is_held else "MISSED"
            print(
                f"{mark:7} {verdict.goal.text}: {verdict.value:,.2f} {verdict.goal.unit} (at most {verdict.goal.most:g})"
            )


def list_everything() -> int:
    """Names of cases and gateways, with the reason of those that cannot run here."""
    for case in CASES.values():
        print(f"{case.name:18} {case.title}{'' if case.in_quick else ' (only with --full or --case)'}")
    print()
    for peer in PEERS.values():
        print(f"{peer.name:18} {peer.missing() or peer.version()}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
