"""The processes of ``member``, from outside."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Sequence

from bench.scenarios import peers
from bench.scenarios.harness import ROOT
from bench.scenarios.registry.member import Times


class Registering:
    """One of them."""

    def __init__(self, port: int, process: Process) -> None:
        self.port = port
        self.killed = 0.0
        """Monotonic seconds of its ``kill -9``."""
        self._process = process

    @property
    def address(self) -> str:
        """As its key has it."""
        return f"127.0.0.1:{self.port}"

    async def say(self, word: str) -> Times:
        """Tell it a word (``member``), and return what it answers when that is done.  Raises RuntimeError: it has ended."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(word.encode() + b"\n")
        line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError("a service that registers itself has ended")
        return Times(**json.loads(line))

    def kill(self) -> None:
        """``kill -9``, if it still runs."""
        if self._process.returncode is None and not self.killed:
            self.killed = time.monotonic()
            self._process.kill()

    async def wait(self) -> None:
        """Until it has ended."""
        await self._process.wait()


@contextlib.asynccontextmanager
async def services(
    count: int, name: str, etcd: Sequence[str], cpu: int, ttl: float = 10.0
) -> AsyncIterator[list[Registering]]:
    """So many services called ``name``, which serve and are not registered yet."""
    fleet: list[Registering] = []
    try:
        for _ in range(count):
            port = peers.free_port()
            command = [
                sys.executable,
                "-m",
                "bench.scenarios.registry.member",
                str(port),
                name,
                ",".join(etcd),
                str(ttl),
            ]
            process = await asyncio.create_subprocess_exec(
                "taskset", "-c", str(cpu), *command, stdin=PIPE, stdout=PIPE, stderr=asyncio.subprocess.DEVNULL, cwd=ROOT
            )  # fmt: skip
            fleet.append(Registering(port, process))
        for one in fleet:
            assert one._process.stdout is not None
            if await one._process.stdout.readline() != b"ready\n":
                raise RuntimeError("a service that registers itself did not start")
        yield fleet
    finally:
        for one in fleet:
            one.kill()
        for one in fleet:
            await one.wait()
