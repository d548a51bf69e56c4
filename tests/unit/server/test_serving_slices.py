"""A worker that prepares a configuration in slices: what happens between two of them."""

from __future__ import annotations

import asyncio
import functools
import socket
from pathlib import Path

import pytest
import uvloop

from fastgw.core.live.news import Answer
from fastgw.server import serving, slices
from fastgw.server.binding import Plan
from fastgw.server.messages import Abort, Drain, Endpoints, Prepared
from tests.unit.server.worker_stage import TEXT, Play, Stage, Story


class Pause:
    """The pauses between slices: that behind the first new service lasts until it is over."""

    def __init__(self) -> None:
        self.is_over = False
        self.stage: Stage | None = None

    async def rest(self) -> None:
        await asyncio.sleep(0)
        while not self.is_over and self.stage is not None and "other" in self.stage.plane.registry._members:
            await asyncio.sleep(0)


@pytest.fixture
def pause(monkeypatch: pytest.MonkeyPatch) -> Pause:
    """Every step is a slice."""
    found = Pause()
    monkeypatch.setattr(slices, "SLICE", -1.0)
    monkeypatch.setattr(serving, "in_slices", functools.partial(slices.in_slices, rest=found.rest))
    return found


@pytest.fixture
def play(tmp_path: Path) -> Play:
    """Run a story."""

    async def run(story: Story) -> None:
        with socket.create_server(("127.0.0.1", 0)) as service:
            stage = Stage(tmp_path, service.getsockname()[1])
            try:
                await story(stage)
            finally:
                await stage.close()

    def play(story: Story) -> None:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(run(story))

    return play


async def begun(stage: Stage, pause: Pause) -> Plan:
    """The worker serves, and is in the middle of preparing a configuration with another service."""
    await stage.serve()
    pause.stage = stage
    plan = stage.plan(TEXT.replace("127.0.0.1:$port", "127.0.0.9:9").replace("main", "other"))
    stage.gateway.prepare(stage.place, plan)
    await stage.until(lambda: "other" in stage.plane.registry._members)
    return plan


async def say(stage: Stage, message: object) -> None:
    """Say it, and wait until it has come."""
    stage.say(message)
    await stage.until(lambda: stage.worker._messages)


def test_requests_are_answered_between_slices(play: Play, pause: Pause) -> None:
    async def story(stage: Stage) -> None:
        await begun(stage, pause)
        assert b" 404 " in await stage.ask(await stage.client())
        assert stage.told == []
        pause.is_over = True
        assert await stage.hear(Prepared) == Prepared(2)
        assert stage.plane.snapshot.generation == 1

    play(story)


def test_an_abort_between_slices_leaves_nothing(play: Play, pause: Pause) -> None:
    async def story(stage: Stage) -> None:
        plan = await begun(stage, pause)
        await say(stage, Abort(plan.generation))
        stage.gateway.discard(plan)
        pause.is_over = True
        await stage.until(lambda: not stage.worker._messages and stage.worker._task is None)
        assert stage.worker._standby is None and stage.told == []
        assert list(stage.plane.registry._members) == ["main"] and len(stage.plane.registry) == 1
        await stage.serve()  # the next one can be used
        assert stage.plane.snapshot.generation == 3

    play(story)


def test_a_drain_does_not_wait_for_what_is_prepared(play: Play, pause: Pause) -> None:
    async def story(stage: Stage) -> None:
        await begun(stage, pause)
        await say(stage, Drain(5.0))
        pause.is_over = True
        await stage.until(lambda: stage.worker.is_stopped)
        assert stage.worker.status == 0 and stage.told == [] and stage.worker._standby is None

    play(story)


def test_news_are_heard_between_slices(play: Play, pause: Pause) -> None:
    async def story(stage: Stage) -> None:
        await begun(stage, pause)
        await say(stage, Endpoints({"a.example": Answer(("127.0.0.1",))}))
        heard: list[bool] = []

        def send(message: object) -> None:
            heard.append("a.example" in stage.plane.names)

        stage.worker.channel.send = send  # type: ignore[method-assign]
        pause.is_over = True
        await stage.until(lambda: heard)
        assert heard == [True]  # before it said that it had prepared

    play(story)


def test_a_worker_that_serves_nobody_prepares_at_once(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "in_slices", lambda *_: 1 / 0)

    async def story(stage: Stage) -> None:
        assert await stage.prepare(stage.plan()) == Prepared(1)

    play(story)
