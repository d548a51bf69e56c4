"""A supervisor whose workers are played by the test: it reads what they are told, and answers for them."""

from __future__ import annotations

import asyncio
import json
import os
import socket
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest

from fastgw.core.settings import KeySetSettings
from fastgw.discovery.look_ups import Found
from fastgw.server.channel import Channel
from fastgw.server.control import Control
from fastgw.server.gateway import Gateway
from fastgw.server.key_sets import Fetching
from fastgw.server.log import Log
from fastgw.server.messages import Commit, Committed, Prepare, Prepared
from fastgw.server.names import Names
from fastgw.server.workers import READY, WorkerProcess

M = TypeVar("M")

TEXT = """
workers: 2
listeners:
  - {name: edge, address: "127.0.0.1:0"}
routes:
  - {path: "/*", service: main}
services:
  main: {endpoints: ["127.0.0.1:9"]}
"""


class FakeWorker(WorkerProcess):
    """A place whose process is the test: ``said`` has the messages of the supervisor."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.said: asyncio.Queue[object] = asyncio.Queue()
        self.is_killed = False
        self.fds: list[int] = []
        self.spawn()

    def spawn(self) -> None:
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        self.theirs = Channel(theirs)
        self.theirs.attach(asyncio.get_running_loop(), self._on_message, lambda: None)
        self.state, self.generation, self.prepared = READY, 0, 0
        self.holds.clear()

    def _on_message(self, message: object, fds: list[int]) -> None:
        self.fds += fds
        self.said.put_nowait(message)

    async def expect(self, kind: type[M]) -> M:
        async with asyncio.timeout(10):
            message = await self.said.get()
        assert isinstance(message, kind), message
        return message

    async def start(self) -> None:
        """Play the start: everything goes well."""
        prepare = await self.expect(Prepare)
        assert prepare.has_memory and len(prepare.sockets) == 1 and len(self.fds) == 3
        await self.expect(Commit)
        self.theirs.send(Committed(prepare.generation))

    async def agree(self, generation: int) -> Prepare:
        prepare = await self.expect(Prepare)
        assert prepare.generation == generation
        self.theirs.send(Prepared(generation))
        return prepare

    async def follow(self, generation: int) -> None:
        assert (await self.expect(Commit)).generation == generation
        self.theirs.send(Committed(generation))

    def kill(self) -> None:
        self.is_killed = True

    def close(self) -> None:
        if self.channel is not None:
            self.channel.close()
        self.theirs.close()
        for fd in self.fds:
            os.close(fd)


class Stage:
    """A supervisor with two played workers, past its start."""

    def __init__(self, file: Path) -> None:
        self.file = file
        file.write_text(TEXT)
        self.workers = [FakeWorker(0), FakeWorker(1)]
        places: list[WorkerProcess] = [*self.workers]
        self.gateway = Gateway(str(file), None, {}, places)
        self.control = Control(self.gateway, [], Log("test", fd=-1))
        self.control._operations._socket.move = self.no_socket  # type: ignore[method-assign]
        self.control.loop = asyncio.get_running_loop()

    async def no_socket(self, path: str, *, takeover: bool = False) -> None:
        """The admin socket has tests of its own."""

    async def begin(self) -> None:
        plan = self.gateway.plan(self.gateway.load())
        self.gateway.adopt(plan)
        for worker in self.workers:
            self.gateway.prepare(worker, plan)
            self.gateway.commit(worker, plan)
            self.control.attach(worker)
            await worker.start()
        await self.until(lambda: self.gateway.is_started)

    def reload(self, text: str = TEXT) -> None:
        self.file.write_text(text)
        self.control.request_reload()

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(10):
            while not condition():
                await asyncio.sleep(0)

    def play_names(self) -> list[tuple[str, asyncio.Future[Found]]]:
        """Let the test answer look-ups: each as its name and the future of what is found."""
        asked: list[tuple[str, asyncio.Future[Found]]] = []

        async def look_up(host: str, servers: Sequence[str], limit: float) -> Found:
            future: asyncio.Future[Found] = asyncio.get_running_loop().create_future()
            asked.append((host, future))
            return await future

        self.gateway.names = Names(self.gateway.knowledge.learn, self.control.log, lambda: 0.0, look_up)
        return asked

    def play_keys(self) -> list[tuple[KeySetSettings, asyncio.Future[Any]]]:
        """The same of keys that are fetched."""
        asked: list[tuple[KeySetSettings, asyncio.Future[Any]]] = []

        async def fetch(where: KeySetSettings) -> Any:
            future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
            asked.append((where, future))
            return await future

        self.gateway.fetching = Fetching(self.gateway.knowledge.learn_keys, self.control.log, lambda: 0.0, fetch)
        return asked

    async def refused(self) -> str:
        await self.until(lambda: self.gateway.reloads["refused"])
        assert self.gateway.reloads["ok"] == 0 and self.gateway.generation == 1
        return "\n".join(self.gateway.report.problems)


def play(story: Callable[[Stage], Awaitable[None]], file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        stage = Stage(file)
        try:
            await stage.begin()
            assert "generation 1" in capsys.readouterr().out
            await story(stage)
        finally:
            stage.gateway.close()
            for worker in stage.workers:
                worker.close()
            for task in stage.control._tasks:
                task.cancel()
            if stage.gateway.names is not None:
                stage.gateway.names.close()

    asyncio.run(run())


def events(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def done_of(stage: Stage) -> asyncio.Future[int]:
    return stage.control.stopping.begin()
