"""Gateways that are nodes of one fleet, each a process with one worker, and a client of each that asks it all the time."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from bench.scenarios import peers
from bench.scenarios.harness import ROOT

KEY = "/fastgw/bench"
EVERY = 0.01
"""Seconds between two requests to a gateway."""
PATIENCE = 3.0
"""Seconds for one answer."""
GET = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"

CONFIG = """\
workers: 1
admin: {{address: "127.0.0.1:${{FLEET_ADMIN}}"}}
listeners: [{{name: edge, address: "127.0.0.1:${{FLEET_PORT}}"}}]
reload: {{guard: {guard}, min_requests: 50, max_error_increase: 5%}}
shutdown: {{grace: 1s}}
routes: [{{path: "/*", reply: {{status: {status}, body: "{word}"}}}}]
"""


def configuration(word: str, *, status: int = 200, guard: str = "0s", more: str = "") -> str:
    """One that answers ``word``."""
    return CONFIG.format(word=word, status=status, guard=guard) + more


class Node:
    """One gateway."""

    def __init__(self, name: str, folder: Path, etcd: str, python: str, cpus: tuple[int, ...]) -> None:
        self.name = name
        self.port, self.admin_port = peers.free_port(), peers.free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._log = folder / f"{name}.log"
        self._command = ["taskset", "-c", ",".join(map(str, cpus)), python, "-m", "fastgw", "run", "--etcd", etcd]
        self._command += ["--key", KEY, "--node", name, "--copy", str(folder / f"{name}.yaml")]
        trust = folder / "trust.yaml"
        trust.write_text("environment: [FLEET_*]\n")
        self._command += ["--trust", str(trust)]
        self.extra: dict[str, str] = {}
        """More of its environment."""

    def launch(self) -> None:
        """Start it, without waiting."""
        ports = {"FLEET_PORT": str(self.port), "FLEET_ADMIN": str(self.admin_port), "PYTHONPATH": str(ROOT)}
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                self._command, env={**os.environ, **ports, **self.extra}, stdout=log, stderr=log
            )

    def kill(self) -> None:
        """``kill -9``; nothing if it does not run.  Its worker ends by itself."""
        self.end(signal.SIGKILL)

    def end(self, how: signal.Signals = signal.SIGTERM, limit: float = 15.0) -> None:
        """End it, and wait."""
        if self.process is not None:
            self.process.send_signal(how)
            try:
                self.process.wait(limit)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def log(self) -> str:
        """The end of what it has written."""
        return self._log.read_text(errors="replace")[-1500:]


class Asking:
    """What one gateway answers, over time."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.answers: list[tuple[float, int, str]] = []
        """When it began to answer something else: monotonic seconds, status, body."""
        self.requests = self.failed = 0
        self.errors = 0
        """Answers of 5xx."""

    @property
    def now(self) -> str:
        """What it answered last."""
        return self.answers[-1][2] if self.answers else ""

    def since(self, word: str, begin: float) -> float:
        """When it began to answer that, behind ``begin``; infinity: it has not."""
        return next((when for when, _, body in self.answers if body == word and when >= begin), float("inf"))

    async def run(self) -> None:
        """Ask until it is cancelled."""
        while True:
            writer: asyncio.StreamWriter | None = None
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
                while True:
                    async with asyncio.timeout(PATIENCE):
                        await self._one(reader, writer)
                    await asyncio.sleep(EVERY)
            except (OSError, EOFError, ValueError):
                self.failed += 1
                await asyncio.sleep(EVERY)
            finally:
                if writer is not None:
                    writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(GET)
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        status, body = int(head[9:12]), (await reader.readexactly(length)).decode()
        self.requests += 1
        self.errors += status >= 500
        if not self.answers or self.answers[-1][1:] != (status, body):
            self.answers.append((time.monotonic(), status, body))
        if b"connection: close" in head.lower():
            raise EOFError


@contextlib.asynccontextmanager
async def asked(nodes: list[Node]) -> AsyncIterator[dict[str, Asking]]:
    """Ask each of them meanwhile; by name."""
    asking = {one.name: Asking(one.port) for one in nodes}
    tasks = [asyncio.ensure_future(one.run()) for one in asking.values()]
    try:
        yield asking
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def nodes_of(count: int, folder: Path, etcd: str, python: str, cpus: tuple[int, ...]) -> Iterator[list[Node]]:
    """So many, started and not ready; all but the last have a variable ``FLEET_ZONE``."""
    found = [Node(f"edge-{number}", folder, etcd, python, cpus) for number in range(1, count + 1)]
    try:
        for one in found:
            one.extra = {"FLEET_ZONE": "a"} if one is not found[-1] else {}
            one.launch()
        yield found
    finally:
        for one in found:
            one.kill()
