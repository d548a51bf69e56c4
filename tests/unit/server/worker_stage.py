"""A worker without its process: a played supervisor at one end of its channel, real clients at its sockets."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastgw.core.dataplane import DataPlane
from fastgw.server.binding import Plan
from fastgw.server.channel import Channel
from fastgw.server.gateway import Gateway
from fastgw.server.log import Log
from fastgw.server.messages import Committed, Prepared, Report
from fastgw.server.serving import Worker
from fastgw.server.workers import WorkerProcess

TEXT = """
workers: 1
admin: false
shutdown: {grace: 7s}
listeners:
  - {name: edge, address: "127.0.0.1:0"}
routes:
  - {path: "/held", service: main}
services:
  main: {endpoints: ["127.0.0.1:$port"]}
"""
GET = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
HELD = b"GET /held HTTP/1.1\r\nHost: a\r\n\r\n"


class Played(Worker):
    """A worker whose end is noted instead of leaving the loop."""

    is_stopped = False

    def stop(self) -> None:
        self.is_stopped = True

    def _settle_memory(self, plane: DataPlane) -> None:
        """The memory here is that of the tests."""


class Stage:
    """The supervisor's side of one worker; ``told`` has what the worker said."""

    def __init__(self, folder: Path, port: int) -> None:
        self.file = folder / "gateway.yaml"
        self.log = folder / "log"
        self.port = port
        self.place = WorkerProcess(0)
        self.gateway = Gateway(str(self.file), None, {}, [self.place])
        self.plans: list[Plan] = []
        self.told: list[object] = []
        self.reports: list[Report] = []  # they come when they come
        self.loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        self.place.channel = Channel(ours)
        self.place.channel.attach(self.loop, self._on_message, lambda: None)
        self.worker = Played(self.loop, Channel(theirs), 0)
        self._log = os.open(self.log, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        self.worker.log = Log("worker 0", self._log)
        self.clients: list[asyncio.StreamWriter] = []

    def _on_message(self, message: object, _: list[int]) -> None:
        if isinstance(message, Report):
            self.reports.append(message)
        else:
            self.told.append(message)

    async def close(self) -> None:
        if (acceptance := self.worker._acceptance) is not None:
            for accepting in acceptance.at_work.values():  # the end of a process does that
                accepting.server.close()
            for sock in acceptance.sockets.values():
                sock.close()
        for client in self.clients:
            client.close()
        self.worker.close()
        assert self.place.channel is not None
        self.place.channel.close()
        for plan in self.plans:
            self.gateway.discard(plan)
        self.gateway.close()
        self.place.slab.close()
        os.close(self._log)
        for _ in range(10):
            await asyncio.sleep(0)

    def plan(self, text: str = TEXT) -> Plan:
        self.file.write_text(text.replace("$port", str(self.port)))
        self.plans.append(self.gateway.plan(self.gateway.load()))
        return self.plans[-1]

    async def prepare(self, plan: Plan) -> Prepared:
        self.gateway.prepare(self.place, plan)
        return await self.hear(Prepared)

    async def serve(self, text: str = TEXT) -> Plan:
        """Prepare and commit."""
        plan = self.plan(text)
        assert await self.prepare(plan) == Prepared(plan.generation)
        self.gateway.adopt(plan)
        self.gateway.commit(self.place, plan)
        assert await self.hear(Committed) == Committed(plan.generation)
        return plan

    def say(self, message: object) -> None:
        assert self.place.channel is not None
        self.place.channel.send(message)

    async def hear(self, kind: type[Any]) -> Any:
        await self.until(lambda: self.told)
        message = self.told.pop(0)
        assert isinstance(message, kind), message
        return message

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(20):
            while not condition():
                await asyncio.sleep(0)

    async def client(self, address: str = "") -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        plan = self.gateway.plan_in_use
        bound = plan.listenings[address or next(iter(plan.listenings))].bound
        if bound.startswith("unix:"):
            pair = await asyncio.open_unix_connection(bound.removeprefix("unix:"))
        else:
            host, _, port = bound.rpartition(":")
            pair = await asyncio.open_connection(host, int(port))
        self.clients.append(pair[1])
        return pair

    async def ask(self, pair: tuple[asyncio.StreamReader, asyncio.StreamWriter], data: bytes = GET) -> bytes:
        """The head of the answer; its body is read too."""
        reader, writer = pair
        writer.write(data)
        async with asyncio.timeout(20):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            await reader.readexactly(int(length[15:]))
        return head

    @property
    def plane(self) -> Any:
        return self.worker._plane

    @property
    def sockets(self) -> list[str]:
        """Where the worker holds one."""
        assert self.worker._acceptance is not None
        return list(self.worker._acceptance.sockets)

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


Story = Callable[[Stage], Awaitable[None]]
Play = Callable[[Story], None]
