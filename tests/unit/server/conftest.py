"""Where a test of this folder has its file and its log, and a gateway whose workers it plays."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvloop

from fastgw.server.binding import Plan
from fastgw.server.channel import Channel
from fastgw.server.gateway import Gateway
from fastgw.server.log import Log
from fastgw.server.workers import WorkerProcess
from tests.unit.server.stage import TEXT
from tests.unit.server.worker_stage import Play, Stage, Story

ADDRESS = "127.0.0.1:0"


@pytest.fixture(autouse=True)
def compiling() -> Iterator[None]:
    """A gateway that has ended compiles no module any more; the process of the tests goes on."""
    yield
    if (compiler := sys.modules.get("fastgw.wasm.compiler")) is not None:
        compiler.COMPILERS = compiler.CompilerProcesses()


class Place(WorkerProcess):
    """A place whose process is the test; it never reads, so what was sent is looked up in ``sent``."""

    def __init__(self, index: int) -> None:
        super().__init__(index)
        self.sent: list[tuple[object, int]] = []  #: messages, and how many descriptors came with each
        self.spawn()

    def spawn(self) -> None:
        ours, self.theirs = socket.socketpair()
        self.channel = Channel(ours)
        self.channel.send = lambda message, fds=(): self.sent.append((message, len(fds)))  # type: ignore[method-assign,assign]
        self.prepared = 0
        self.holds.clear()

    def told(self) -> list[object]:
        told = [message for message, _ in self.sent]
        self.sent.clear()
        return told

    def close(self) -> None:
        if self.channel is not None:
            self.channel.close()
        self.theirs.close()
        self.slab.close()


@pytest.fixture
def places() -> Iterator[list[Place]]:
    places = [Place(0), Place(1)]
    yield places
    for place in places:
        place.close()


@pytest.fixture
def gateway(tmp_path: Path, places: list[Place]) -> Iterator[Gateway]:
    file = tmp_path / "gateway.yaml"
    file.write_text(TEXT)
    made = Gateway(str(file), None, {}, [*places])
    yield made
    made.close()


def planned(gateway: Gateway, text: str = TEXT) -> Plan:
    Path(gateway.path).write_text(text)
    return gateway.plan(gateway.load())


def adopted(gateway: Gateway, text: str = TEXT) -> Plan:
    plan = planned(gateway, text)
    gateway.adopt(plan)
    return plan


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "gateway.yaml"


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the supervisor of a stage writes its log."""
    path = tmp_path / "log"
    fd = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    monkeypatch.setattr("tests.unit.server.stage.Log", lambda process, fd=-1, _fd=fd: Log(process, _fd))
    yield path
    os.close(fd)


@pytest.fixture(params=["asyncio", "uvloop"])
def play(request: pytest.FixtureRequest, tmp_path: Path) -> Play:
    """Run a story, with a service that never answers."""

    async def run(story: Story) -> None:
        with socket.create_server(("127.0.0.1", 0)) as service:  # it accepts nobody: requests wait in its queue
            stage = Stage(tmp_path, service.getsockname()[1])
            try:
                await story(stage)
            finally:
                await stage.close()

    factory = uvloop.new_event_loop if request.param == "uvloop" else asyncio.new_event_loop

    def play(story: Story) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(run(story))

    return play
