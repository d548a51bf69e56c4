"""The gateway of a run: its configurations, what is done to it, and how it is looked at."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.scenarios import peers
from bench.scenarios.harness import ROOT
from bench.scenarios.measure import parse_pss, tree
from bench.scenarios.peers import Ports
from bench.soak.traffic import HOST, answer_of

WORKERS = 2
CACHE_BYTES = 256 * 1024
"""What the cache of a route may keep."""
CONFIGURATION = """\
workers: {workers}
shutdown: {{grace: 5s}}
admin: {{address: "127.0.0.1:{admin}"}}
listeners:
  - {{name: edge, address: "127.0.0.1:{edge}", timeouts: {{head: 2s, idle: 5s}}}}
routes:
  - {{path: /inside, service: main, filters: [inside]}}
  - {{path: /kept/*, service: main, cache: {{ttl: 5s, shared: true, max_bytes: {cache}, max_entry: 16KiB}}}}
  - {{path: /rare, service: main, filters: [rare]}}
  - {{path: /said, reply: {{status: 200, body: "{said}"}}}}
  - {{path: /half, service: half}}
  - {{path: /gone, service: gone}}
  - {{path: /up, service: main}}
  - {{path: /bytes/*, service: main}}
  - {{path: /events/*, service: {events}}}
  - {{path: /v1/*, service: main, filters: [log]}}
services:
  main: {{endpoints: ["127.0.0.1:{main}"], pool: {{idle_timeout: 2s}}}}
  {events}: {{endpoints: ["127.0.0.1:{main}"], pool: {{idle_timeout: 2s}}}}
  half: {{endpoints: ["127.0.0.1:{main}", "127.0.0.1:{dead}"], pool: {{idle_timeout: 2s}}, retry: {{attempts: 3}}}}
  gone: {{endpoints: ["127.0.0.1:{dead}"], pool: {{idle_timeout: 2s}}}}
filters:
  inside: {{type: "bench.soak.inside:Inside"}}
  rare: {{type: rate_limit, limits: [{{rate: 50/s}}]}}
  log: {{type: access_log, path: {folder}/access.log}}
"""


def started(pid: int) -> int:
    """When a process began, in ticks since the host did: ids begin anew after some ten thousand.  One that is gone is the youngest."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    except OSError:
        return 2**63


@dataclass(slots=True)
class Stage:
    """A gateway that runs, with its services."""

    process: subprocess.Popen[bytes]
    services: subprocess.Popen[bytes]
    ports: Ports
    folder: Path
    deaths: list[float] = field(default_factory=list)
    """When workers were killed (monotonic)."""
    reloads: int = 0
    _turn: int = 0

    @property
    def workers(self) -> list[int]:
        """Their process ids, the oldest first."""
        return sorted((pid for pid in tree(self.process.pid) if pid != self.process.pid), key=started)

    def reload(self) -> None:
        """Another configuration, now and then one that is refused."""
        self._turn += 1
        said = f"turn {self._turn}"
        text = rendered(self.ports, self.folder, said, f"events{self._turn % 3}")
        if self._turn % 4 == 3:
            text = text.replace("routes:", "rooutes:")
        target = self.folder / "fastgw.yaml"
        target.with_suffix(".new").write_text(text)
        target.with_suffix(".new").rename(target)
        self.process.send_signal(signal.SIGHUP)
        self.reloads += 1

    def kill_worker(self) -> None:
        """The youngest: the oldest is looked at from its beginning to its end."""
        self.deaths.append(time.monotonic())
        os.kill(self.workers[-1], signal.SIGKILL)

    def memory(self) -> dict[int, int]:
        """Proportional set size of each process, bytes."""
        found = {}
        for pid in [self.process.pid, *self.workers]:
            try:
                found[pid] = parse_pss(Path(f"/proc/{pid}/smaps_rollup").read_text())
            except OSError:
                continue  # gone between the listing and the reading
        return found

    async def inside(self) -> dict[int, dict[str, Any]]:
        """What each worker has now.

        Raises:
            RuntimeError: one does not tell.
        """
        found: dict[int, dict[str, Any]] = {}
        for _ in range(400):
            reader, writer = await asyncio.open_connection("127.0.0.1", self.ports.edge)
            try:
                writer.write(b"GET /inside HTTP/1.1\r\nConnection: close\r\n" + HOST + b"\r\n")
                told = json.loads(await answer_of(reader, {200}))
            finally:
                writer.close()
            found[told["pid"]] = told
            if set(found) >= set(self.workers):
                return {pid: found[pid] for pid in self.workers}
        raise RuntimeError(f"of the workers {self.workers} only {sorted(found)} tell what they have")

    @property
    def log(self) -> str:
        """What the gateway has written."""
        return (self.folder / "log").read_text(errors="replace")

    def stop(self) -> int | None:
        """End both; the exit status of the gateway, None if it had to be killed."""
        pids = tree(self.process.pid)
        self.process.terminate()
        try:
            status: int | None = self.process.wait(15)
        except subprocess.TimeoutExpired:
            status = None
            for pid in pids:
                os.kill(pid, signal.SIGKILL)
        self.services.kill()
        self.services.wait()
        return status


def rendered(ports: Ports, folder: Path, said: str, events: str) -> str:
    """A configuration."""
    return CONFIGURATION.format(
        workers=WORKERS, admin=ports.admin, edge=ports.edge, main=ports.main, dead=ports.hole,
        said=said, events=events, folder=folder, cache=CACHE_BYTES,
    )  # fmt: skip


def start(folder: Path, python: str) -> Stage:
    """Start services and gateway.

    Raises:
        RuntimeError: it does not come up; with what it has written.
    """
    ports = Ports(*(peers.free_port() for _ in range(6)))
    arguments = [
        str(port) for port in (ports.main, ports.sink, peers.free_port(), ports.control)
    ]  # nobody is at ``hole``
    services = subprocess.Popen(
        [sys.executable, "-m", "bench.scenarios.services", *arguments], stdout=subprocess.PIPE, cwd=ROOT
    )
    assert services.stdout is not None
    services.stdout.readline()
    (folder / "fastgw.yaml").write_text(rendered(ports, folder, "turn 0", "events0"))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with (folder / "log").open("wb") as log:
        command = [python, "-m", "fastgw", "run", "-c", str(folder / "fastgw.yaml")]
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT, env=environment)
    stage = Stage(process, services, ports, folder)
    if (
        not peers.wait_until(lambda: " ready: " in stage.log or process.poll() is not None, 20)
        or process.poll() is not None
    ):
        services.kill()
        process.kill()
        raise RuntimeError(f"the gateway does not start: {stage.log[-1500:]}")
    return stage
