"""Command line of the comparison by another harness; see `docs/benchmarks.md`."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from bench.macro.errors import BenchError, brief
from bench.macro.machine import describe_machine
from bench.macro.paths import BUILD, RESULTS
from bench.macro.peers import PEERS
from bench.macro.process import CORES, GATEWAY_CORE, LOAD_CORE, Program, free_port
from bench.macro.subject import fresh_directory
from bench.outside import measure, report
from bench.outside.definitions import Definition
from bench.outside.gateways import GATEWAYS, Gateway, missing
from bench.outside.loaders import Loader, Order, loader_of
from bench.outside.measure import QUICK, Effort, as_published
from bench.outside.mock import STREAMED, Mock
from bench.outside.published import Published, read
from bench.outside.report import CellResult, GatewayResult, OutsideRun

NOTES = (
    "each gateway has one core; the service and the load share another",
    "`>`: no more clients were tried; `*`: the service alone gives hardly more, so this is a limit of the machine",
)
CELLS = ("openai/openai", "anthropic/anthropic", "anthropic/openai", "openai/anthropic")
Say = Callable[[str], None]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Parse the command line; exits with a message on a mistake."""
    parser = argparse.ArgumentParser(
        prog="python -m bench.outside", description="fastgw and its peers by the scenarios of another harness."
    )
    parser.add_argument(
        "--checkout", type=Path, required=True, metavar="PATH", help="a clone of github.com/GetBusbar/benchmarking"
    )
    parser.add_argument(
        "--loader", default="wrk", metavar="PATH", help="their otb or ugen, built by what they say, or wrk (default)"
    )
    parser.add_argument("--gateways", default="", metavar="A,B", help=f"only these of {', '.join(GATEWAYS)}")
    parser.add_argument(
        "--cells",
        default=CELLS[0],
        metavar="A/B,C/D",
        help=f"dialect of clients / of the service (default: {CELLS[0]})",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="windows of two seconds, one at each step, shorter ladders; the results say so",
    )
    parser.add_argument("--no-memory", action="store_true", help="leave the windows of memory out")
    parser.add_argument("--publish", action="store_true", help="leave the results in bench/results, to be committed")
    parser.add_argument(
        "--note",
        action="append",
        default=[],
        help="a line for the page, such as which state of theirs this was (repeatable)",
    )
    parser.add_argument(
        "--define",
        type=Path,
        metavar="DIRECTORY",
        help="only write the definitions, for gateways/ of a checkout, and end",
    )
    options = parser.parse_args(arguments)
    options.gateways = tuple(filter(None, options.gateways.split(","))) or tuple(GATEWAYS)
    options.cells = [tuple(cell.split("/")) for cell in options.cells.split(",")]
    for name in options.gateways:
        if name not in GATEWAYS:
            parser.error(f"no gateway {name}; there are {', '.join(GATEWAYS)}")
    return options


class Started:
    """A gateway that serves."""

    def __init__(self, gateway: Gateway, definition: Definition, mock: Mock) -> None:
        self.port = free_port()
        self.definition = definition
        launch = definition.launch(self.port, mock.port, str(GATEWAY_CORE), gateway.program)
        self.program = Program(
            launch.argv, core=GATEWAY_CORE, directory=definition.directory, env=launch.env, cwd=launch.cwd
        )
        try:
            self.program.wait_port(self.port, PEERS[gateway.peer].start_seconds)
        except BenchError:
            self.program.stop()
            raise

    def serves(self, order: Order, seconds: float) -> None:
        """Ask until it answers 200.  BenchError with its last words when it does not."""
        deadline, reason = time.monotonic() + seconds, ""
        while time.monotonic() < deadline and self.program.is_running:
            try:
                status, body = measure.ask(order)
            except (BenchError, OSError) as error:
                reason = str(error)
            else:
                if status == 200:
                    return
                reason = f"{status} {body[:200]!r}"
            time.sleep(0.05)
        raise BenchError(f"does not serve ({reason}):\n{self.program.tail()}")


class Rig:
    """The service, the loader, and how long."""

    def __init__(self, published: Published, loader: Loader, effort: Effort, say: Say, with_memory: bool) -> None:
        self.published, self.loader, self.effort, self.say, self.with_memory = (
            published,
            loader,
            effort,
            say,
            with_memory,
        )
        self.mock = Mock(published)
        self.direct: dict[str, float] = {}

    def alone(self, clients: int) -> None:
        """The service without a gateway at so many clients, once."""
        if str(clients) not in self.direct:
            order = self.order(self.mock.port, "openai", "m", "")
            self.direct[str(clients)] = self.loader.window(order, clients, self.effort.seconds).rate

    def order(self, port: int, dialect: str, model: str, auth: str) -> Order:
        """A request of a dialect."""
        return measure.order_of(port, self.published.dialects[dialect], model, auth)

    def gateway(self, gateway: Gateway, checkout: Path, cells: Sequence[tuple[str, str]]) -> GatewayResult:
        """All of one gateway.  BenchError when it does not start."""
        definition = gateway.define(fresh_directory(gateway.name), checkout)
        result = GatewayResult(gateway.name, definition.display, PEERS[gateway.peer].version())
        started = Started(gateway, definition, self.mock)
        try:
            started.serves(
                self.order(started.port, "openai", definition.model, definition.auth), PEERS[gateway.peer].start_seconds
            )
            result.grid = measure.probe(self.published, started.port, definition)
            served = {(cell.ingress, cell.egress) for cell in result.grid if cell.is_served}
            for ingress, egress in cells:
                if (ingress, egress) in served:
                    self.say(f"{gateway.name}: {ingress} at {egress}")
                    result.cells.append(self.cell(started, ingress, egress))
        finally:
            started.program.stop()
        if self.with_memory and result.cells:
            result.cells[0].memory = self.memory(gateway, definition, result.cells[0])
        return result

    def cell(self, started: Started, ingress: str, egress: str) -> CellResult:
        """Latency added, throughput by bounds, and streams; what cannot be measured is a complaint of the cell."""
        definition, effort = started.definition, self.effort
        result = CellResult(ingress, egress)
        order = self.order(started.port, ingress, definition.model_for(egress), definition.auth)
        straight = self.order(self.mock.port, ingress, definition.model, definition.auth)
        try:
            pairs = [
                (self.loader.window(order, 1, effort.seconds), self.loader.window(straight, 1, effort.seconds))
                for _ in range(effort.windows)
            ]
            result.latency = measure.added([one for one, _ in pairs], [one for _, one in pairs])
        except BenchError as error:
            result.complaints.append(f"latency: {brief(str(error))}")
        try:
            result.rungs = measure.climb(self.loader, order, started.program, effort)
        except BenchError as error:
            result.complaints.append(f"throughput: {brief(str(error))}")
        result.frontier = measure.frontier(result.rungs, self.published.bounds_us)
        lost = [
            f"{rung.window.fail} of {rung.window.fail + rung.window.ok} at {rung.clients}"
            for rung in result.rungs
            if rung.window.fail
        ]
        if lost:
            result.complaints.append(f"requests lost: {', '.join(lost)} clients")
        for reading in result.frontier:
            self.alone(reading.clients)
        if self.loader.has_streams and ingress in STREAMED:
            self.streams(result, measure.streamed(order), measure.streamed(straight))
        return result

    def streams(self, result: CellResult, order: Order, straight: Order) -> None:
        """What a gateway adds to a stream, and how many it carries."""
        published, seconds = self.published, self.effort.seconds
        try:
            stall = published.stall_multiplier * published.interval_ms * 1000
            through, alone = (
                self.loader.streams(one, 1, seconds, published.frames, stall) for one in (order, straight)
            )
            result.streams = {
                "added_ttft_p50_us": through.ttft_p50_us - alone.ttft_p50_us,
                "added_gap_p99_us": through.gap_p99_us - alone.gap_p99_us,
            }
            seen, last = measure.climb_streams(self.loader, order, published, self.effort)
            result.streams["sustained"] = last
        except BenchError as error:
            result.complaints.append(f"streams: {brief(str(error))}")
            return
        clients, window = seen[-1]
        if not measure.holds(window, published):
            facts = f"{window.delivered:.2%} of the frames, {window.stalled} stood still, {window.fail} failed"
            result.complaints.append(f"streams: {clients} did not hold ({facts})")

    def memory(self, gateway: Gateway, definition: Definition, cell: CellResult) -> dict[str, float]:
        """Of a process of its own, which has not served yet."""
        started = Started(gateway, definition, self.mock)
        try:
            order = self.order(started.port, cell.ingress, definition.model_for(cell.egress), definition.auth)
            return measure.memory(self.loader, order, started.program, self.published, self.effort)
        except BenchError as error:
            cell.complaints.append(f"memory: {brief(str(error))}")
            return {}
        finally:
            started.program.stop()


def run(options: argparse.Namespace, command: str, say: Say) -> OutsideRun:
    """Measure.  BenchError when the checkout or the loader is not what it should be."""
    published, loader = read(options.checkout), loader_of(options.loader)
    effort = QUICK if options.quick else as_published(published)
    notes = [
        *options.note,
        f"{effort.name}: windows of {effort.seconds} s, {effort.windows} at each step, up to {effort.most_clients} clients",
    ]
    notes += NOTES
    now = datetime.now(UTC).isoformat(timespec="seconds")
    found = OutsideRun(now, effort.name, command, loader.title, notes, describe_machine(), published.bounds_us, {})
    rig = Rig(published, loader, effort, say, not options.no_memory)
    found.direct = rig.direct
    try:
        for name in options.gateways:
            gateway = GATEWAYS[name]
            reason = missing(gateway)
            if not reason:
                try:
                    found.gateways.append(rig.gateway(gateway, options.checkout, options.cells))
                except (BenchError, OSError) as error:
                    reason = brief(str(error))
            if reason:
                say(f"without {name}: {reason}")
                found.missing[name] = reason
    finally:
        rig.mock.program.stop()
    return found


def define(options: argparse.Namespace) -> int:
    """Write what stands under ``gateways/`` of a checkout."""
    for name in options.gateways:
        print(GATEWAYS[name].define(options.define / name, options.checkout).directory)
    return 0


def main(arguments: Sequence[str]) -> int:
    """Measure and print; 1 when a gateway that is here could not be measured, 2 without checkout or loader."""
    options = parse(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is stopped
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"[{time.monotonic() - began:6.1f} s] {text}", flush=True)

    if {GATEWAY_CORE, LOAD_CORE} <= CORES:
        os.sched_setaffinity(0, {LOAD_CORE})
    try:
        if options.define:
            return define(options)
        found = run(options, shlex.join(["python", "-m", "bench.outside", *arguments]), say)
    except BenchError as error:
        print(f"bench.outside: {error}", file=sys.stderr)
        return 2
    directory = (RESULTS if options.publish else BUILD / "results") / f"{found.started[:10]}-outside"
    page = report.write(found, directory)
    print(f"\n{report.render(found)}\n{page}")
    here = [name for name in options.gateways if not missing(GATEWAYS[name])]
    return 0 if len(found.gateways) == len(here) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
