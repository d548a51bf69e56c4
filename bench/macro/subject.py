"""What is measured: one gateway in one setting, started, checked, metered and stopped."""

from __future__ import annotations

import atexit
import itertools
import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

from bench.macro import procfs
from bench.macro.build import native_program
from bench.macro.certificates import self_signed
from bench.macro.client import connect, exchange
from bench.macro.corpus import chat_request
from bench.macro.errors import BenchError
from bench.macro.paths import BUILD
from bench.macro.peers.base import Peer
from bench.macro.process import GATEWAY_CORE, LOAD_CORE, Program, free_port
from bench.macro.scenario import HOST, Scenario, Wiring, endpoint_addresses, route_table, routes_of

Sample = dict[str, float]  #: metric name -> value of one round
_serial = itertools.count(1)


def fresh_directory(name: str) -> Path:
    """An empty directory of this run, gone when the run ends; what a program printed last is in the error it caused."""
    run = BUILD / "run" / str(os.getpid())
    if not run.exists():
        atexit.register(shutil.rmtree, run, ignore_errors=True)
    path = run / f"{next(_serial):03d}-{name}"
    path.mkdir(parents=True)
    return path


def probe(scenario: Scenario) -> bytes:
    """A request that is answered with 200 as soon as the gateway serves."""
    if scenario.chat:
        return chat_request(Random(1), 200)
    path = route_table(1)[0].path
    return f"GET {path} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: start\r\nConnection: close\r\n\r\n".encode()


class Service:
    """The upstream service of a case, on the load's core."""

    def __init__(self, *, endpoints: int = 0, close: bool = False, port: int = 0) -> None:
        self.port = port or free_port()
        argv = [str(native_program("service")), str(self.port), str(endpoints), *(["close"] if close else [])]
        self.program = Program(argv, core=LOAD_CORE, directory=fresh_directory("service"))
        self.program.wait_port(self.port)


@dataclass(frozen=True, slots=True)
class Meter:
    """What a stretch of work cost the gateway, in seconds, and what else happened on its core."""

    wall: float
    user: float
    system: float
    foreign: float  #: share of the core used by others
    stolen: float  #: share the hypervisor took

    @property
    def total(self) -> float:
        """CPU seconds."""
        return self.user + self.system

    @property
    def busy(self) -> float:
        """Share of its core the gateway used."""
        return self.total / self.wall if self.wall else 0.0


def metered(program: Program, work: Callable[[], object]) -> Meter:
    """Run ``work`` and read what ``program`` spent meanwhile."""
    pids = program.pids()
    busy, stolen = procfs.read_core(GATEWAY_CORE)
    began, before = time.monotonic(), procfs.read_cpu(pids)
    work()
    spent, wall = procfs.read_cpu(pids) - before, time.monotonic() - began
    busy_after, stolen_after = procfs.read_core(GATEWAY_CORE)
    user, system = spent.split()
    foreign = max(0.0, busy_after - busy - spent.total) / wall
    return Meter(wall, user, system, foreign, (stolen_after - stolen) / wall)


class Subject:
    """One gateway in one setting; ``label`` names both in the report."""

    def __init__(self, peer: Peer, scenario: Scenario, service: Service, label: str) -> None:
        self.peer = peer
        self.scenario = scenario
        self.service = service
        self.label = label
        self.wiring: Wiring | None = None
        self._program: Program | None = None

    @property
    def port(self) -> int:
        """Where it listens.  BenchError before ``start``."""
        if self.wiring is None:
            raise BenchError(f"{self.label} was not started")
        return self.wiring.port

    @property
    def program(self) -> Program:
        """Its processes.  BenchError before ``start``."""
        if self._program is None:
            raise BenchError(f"{self.label} was not started")
        return self._program

    def prepare(self, core: int | None = GATEWAY_CORE) -> Callable[[], None]:
        """Write the configuration; what is returned starts the program (on ``core``; None: on all) and does not wait for it."""
        scenario, directory = self.scenario, fresh_directory(self.label.replace(" ", "-").replace(",", ""))
        certificate, key = self_signed() if scenario.tls else (Path(), Path())
        addresses = endpoint_addresses(self.service.port, scenario.endpoints)
        self.wiring = wiring = Wiring(
            scenario, free_port(), addresses, directory, certificate, key, routes_of(scenario)
        )
        launch = self.peer.prepare(wiring)

        def begin() -> None:
            self._program = Program(launch.argv, core=core, directory=directory, env=launch.env, cwd=launch.cwd)

        return begin

    def start(self) -> None:
        """Start and wait until the first request is answered.  BenchError when that does not happen."""
        self.prepare()()
        self.program.wait_port(self.port, self.peer.start_seconds)
        self.program.check_core()
        self.first_answer(self.peer.start_seconds)

    def first_answer(self, seconds: float) -> float:
        """Ask until an answer of 200 comes; the ``time.monotonic()`` of it."""
        request = probe(self.scenario)
        deadline, reason = time.monotonic() + seconds, "no answer"
        while time.monotonic() < deadline and self.program.is_running:
            try:
                with connect(self.port, tls=self.scenario.tls) as connection:
                    answer = exchange(connection, request)
            except (OSError, BenchError) as error:
                reason = str(error)
            else:
                if answer.status == 200:
                    return time.monotonic()
                reason = f"answered {answer.status}"
            time.sleep(0.001)
        raise BenchError(f"{self.label} does not serve ({reason}):\n{self.program.tail()}")

    def stop(self) -> None:
        """End its processes, if any."""
        if self._program is not None:
            self._program.stop()
            self._program = None

    def metered(self, work: Callable[[], object]) -> Meter:
        """Run ``work`` and read what the gateway spent meanwhile."""
        return metered(self.program, work)

    def memory(self) -> procfs.Memory:
        """What its processes hold now."""
        return procfs.read_memory(self.program.pids())


class Direct(Subject):
    """No gateway at all: the service itself, for what the rest of the path costs."""

    def __init__(self, scenario: Scenario, service: Service) -> None:
        super().__init__(Peer(), scenario, service, "direct")

    @property
    def port(self) -> int:
        """The service's."""
        return self.service.port

    @property
    def program(self) -> Program:
        """The service's."""
        return self.service.program

    def start(self) -> None:
        """It runs already."""

    def stop(self) -> None:
        """The case stops it."""
