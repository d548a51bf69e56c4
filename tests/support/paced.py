"""A paced load beside a test: so many GETs a second on kept connections, whatever becomes of the answers.

``python -m tests.support.paced URL RATE SECONDS CONNECTIONS`` prints what it counted.  It is an open loop: a request is due at its time,
and waits for a connection if none is free, so a gateway that stalls gets no rest (its time counts from when it was due).
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections import deque
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import uvloop

TICK = 0.002  #: seconds between two looks at what is due
PATIENCE = 5.0  #: seconds for the answers that are missing at the end


@dataclass(frozen=True, slots=True)
class Paced:
    """What was counted."""

    requests: int  #: that were due
    failed: int  #: without an answer of status 200
    slowest: float  #: seconds from when one was due to the end of its answer
    statuses: dict[str, int]


class _Connection(asyncio.Protocol):
    def __init__(self, load: _Load) -> None:
        self._load = load
        self._due = 0.0  # of the request under way; 0: none is
        self._got = b""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport
        self._load.on_free(self)

    def ask(self, due: float) -> None:
        self._due = due
        self._transport.write(self._load.request)

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end:
            return
        length = next(int(one[15:]) for one in head.lower().split(b"\r\n") if one.startswith(b"content-length:"))
        if len(body) >= length:
            self._got = b""
            due, self._due = self._due, 0.0
            self._load.on_answer(head[9:12].decode(), due)
            self._load.on_free(self)

    def connection_lost(self, error: Exception | None) -> None:
        if self._due:
            self._load.on_answer("lost", self._due)
        self._load.on_lost(self)


class _Load:
    def __init__(self, url: str, rate: float, seconds: float, connections: int) -> None:
        parts = urlsplit(url)
        self._host, self._port = parts.hostname or "", parts.port or 80
        self.request = f"GET {parts.path or '/'} HTTP/1.1\r\nhost: {parts.netloc}\r\n\r\n".encode()
        self._rate, self._seconds, self._connections = rate, seconds, connections
        self._free: list[_Connection] = []
        self._waiting: deque[float] = deque()
        self._statuses: dict[str, int] = {}
        self._slowest = 0.0
        self._opening: set[asyncio.Task[None]] = set()

    async def run(self) -> Paced:
        self._loop = asyncio.get_running_loop()
        for _ in range(self._connections):
            await self._open()
        began, due = self._loop.time(), 0
        total = int(self._rate * self._seconds)
        while due < total:
            now = self._loop.time()
            while due < total and began + due / self._rate <= now:
                self._waiting.append(began + due / self._rate)
                due += 1
            self._send()
            await asyncio.sleep(TICK)
        limit = self._loop.time() + PATIENCE
        while sum(self._statuses.values()) < total and self._loop.time() < limit:
            await asyncio.sleep(TICK)
        return Paced(total, total - self._statuses.get("200", 0), self._slowest, self._statuses)

    async def _open(self) -> None:
        await self._loop.create_connection(lambda: _Connection(self), self._host, self._port)

    def _send(self) -> None:
        while self._waiting and self._free:
            self._free.pop().ask(self._waiting.popleft())

    def on_free(self, connection: _Connection) -> None:
        self._free.append(connection)
        self._send()

    def on_answer(self, status: str, due: float) -> None:
        self._statuses[status] = self._statuses.get(status, 0) + 1
        self._slowest = max(self._slowest, self._loop.time() - due)

    def on_lost(self, connection: _Connection) -> None:
        if connection in self._free:
            self._free.remove(connection)
        task = self._loop.create_task(self._open())
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)


class PacedLoad:
    """A run in a process of its own; it goes on while the test does other things, until ``result``."""

    def __init__(self, url: str, *, rate: float, seconds: float, connections: int = 16) -> None:
        arguments = [url, str(rate), str(seconds), str(connections)]
        root = Path(__file__).resolve().parents[2]
        self._seconds = seconds
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.paced", *arguments], cwd=root, stdout=subprocess.PIPE, text=True
        )

    def result(self) -> Paced:
        """Wait for its end and return the counts."""
        output, _ = self._process.communicate(timeout=self._seconds + 30)
        assert self._process.returncode == 0, output
        return Paced(**json.loads(output))

    def is_running(self) -> bool:
        """Does the load still go on?"""
        return self._process.poll() is None

    def stop(self) -> None:
        """End it, if it has not ended."""
        if self.is_running():
            self._process.kill()
            self._process.communicate()


async def _main(url: str, rate: str, seconds: str, connections: str) -> None:
    counted = await _Load(url, float(rate), float(seconds), int(connections)).run()
    found = {name: getattr(counted, name) for name in ("requests", "failed", "slowest", "statuses")}
    print(json.dumps(found))


if __name__ == "__main__":
    uvloop.run(_main(*sys.argv[1:]))
