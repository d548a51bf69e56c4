"""The stop: a drain within its graces, one at once, and workers that do not end by themselves."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.config.spec import ShutdownSpec
from fastgw.server import stopping as module
from fastgw.server.messages import Drain
from fastgw.server.workers import DEAD, DRAINING, READY
from tests.unit.server.stage import Stage, done_of, events, play


def test_stop_drains_every_worker_and_ends_with_the_last(
    file: Path, capsys: pytest.CaptureFixture[str], log: Path
) -> None:
    async def story(stage: Stage) -> None:
        done = done_of(stage)
        one, two = stage.workers
        one.pid, two.pid = 1_000_000_001, 1_000_000_002
        stage.control.stop()
        assert stage.gateway.is_draining
        for worker in stage.workers:
            assert await worker.expect(Drain) == Drain(30.0)
            assert worker.state == DRAINING and worker.is_retiring
        assert not stage.gateway.plan_in_use.listenings["127.0.0.1:0"].sockets
        one.pid, one.state = 0, DEAD
        stage.control._on_death(one, 1_000_000_001, 60.0, 0)
        assert not done.done()
        two.pid, two.state = 0, DEAD
        stage.control._on_death(two, 1_000_000_002, 60.0, 1)
        assert done.result() == 0

    play(story, file, capsys)
    assert [line["event"] for line in events(log)] == ["draining", "a worker did not end cleanly", "stopped"]


def test_same_signal_twice_is_one_and_a_later_one_does_not_wait(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(stage: Stage) -> None:
        done = done_of(stage)
        stage.workers[0].pid = 1_000_000_001
        stage.control.stop()
        monkeypatch.setattr(module, "SAME_SIGNAL", 1e9)
        stage.control.stop()
        assert not done.done()
        monkeypatch.setattr(module, "SAME_SIGNAL", -1.0)
        stage.control.stop()
        assert done.result() == 0

    play(story, file, capsys)


def test_worker_that_outlives_the_grace_is_killed(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KILL_AFTER", 0.0)
    monkeypatch.setattr(module, "END_LIMIT", 0.0)

    async def story(stage: Stage) -> None:
        one, two = stage.workers
        two.state = DEAD
        stage.control.retire([one, two], ShutdownSpec(0.0))
        assert await one.expect(Drain) == Drain(0.0)
        await stage.until(lambda: one.is_killed)

    play(story, file, capsys)


def test_the_next_process_of_a_place_does_not_die_for_the_last_one(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KILL_AFTER", 0.0)
    monkeypatch.setattr(module, "END_LIMIT", 0.0)

    async def story(stage: Stage) -> None:
        one, two = stage.workers
        one.pid, two.pid = 1_000_000_001, 1_000_000_002
        stage.control.retire([one, two], ShutdownSpec(0.0))
        one.pid, one.state = 1_000_000_003, READY  # it has drained, and the place was given to another at once
        await stage.until(lambda: two.is_killed)
        assert not one.is_killed

    play(story, file, capsys)


def test_a_stop_waits_for_those_that_drain_since_a_reload(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        done = done_of(stage)
        one, two = stage.workers
        one.pid, two.pid = 1_000_000_001, 1_000_000_002
        stage.gateway.workers.remove(two)
        stage.control._reload.leaving.append(two)
        two.is_retiring = True
        stage.control.stop()
        await one.expect(Drain)
        one.pid, one.state = 0, DEAD
        stage.control._on_death(one, 1_000_000_001, 60.0, 0)
        assert not done.done()
        two.pid, two.state = 0, DEAD
        stage.control._on_death(two, 1_000_000_002, 60.0, 0)
        assert done.result() == 0

    play(story, file, capsys)


def test_nothing_is_reloaded_or_started_during_the_stop(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        done_of(stage)
        stage.control.stopping.stop_now()
        stage.control.request_reload()
        stage.control.launch(stage.workers[0])
        assert not stage.control._tasks and stage.workers[0].said.empty()
        assert stage.control.stopping.done.result() == 0

    play(story, file, capsys)


class Registered:
    """In the place of what registers the gateway; it was registered if ``drain`` is not 0."""

    def __init__(self, drain: float) -> None:
        self.drain, self.is_closed, self.has_left = drain, False, False

    async def leave(self) -> float:
        self.has_left = True
        return self.drain

    def close(self) -> None:
        self.is_closed = True


@pytest.mark.parametrize("drain", [0.0, 0.05])
def test_who_is_registered_is_not_any_more_before_the_listeners_end(
    file: Path, capsys: pytest.CaptureFixture[str], drain: float
) -> None:
    async def story(stage: Stage) -> None:
        done_of(stage)
        registered: Any = Registered(drain)
        stage.gateway.registering = registered
        stage.control.stop()
        assert stage.gateway.is_draining and not stage.control.stopping.is_stopping
        await asyncio.sleep(0)
        assert registered.has_left and stage.control.stopping.is_stopping == (not drain)
        assert bool(stage.gateway.plan_in_use.listenings["127.0.0.1:0"].sockets)
        for worker in stage.workers:
            assert await worker.expect(Drain) == Drain(30.0)
        assert stage.control.stopping.is_stopping

    play(story, file, capsys)


def test_a_successor_goes_on_with_what_is_registered(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        done_of(stage)
        registered: Any = Registered(5.0)
        stage.gateway.registering = registered
        stage.control.stopping._upgrade = SimpleNamespace(abandon=lambda: None, has_successor=True)  # type: ignore[assignment]
        stage.control.stop()
        assert stage.control.stopping.is_stopping and registered.is_closed and not registered.has_left
        for worker in stage.workers:
            await worker.expect(Drain)

    play(story, file, capsys)


def test_a_module_that_is_compiled_holds_up_no_end(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[bool] = []
    compilers = SimpleNamespace(end=lambda: ended.append(True))
    compiler = SimpleNamespace(COMPILERS=compilers, CompilerProcesses=lambda: compilers)
    monkeypatch.setitem(sys.modules, "fastgw.wasm.compiler", compiler)  # type: ignore[arg-type]

    async def story(stage: Stage) -> None:
        done = done_of(stage)
        stage.control.stopping.stop_now()
        assert done.result() == 0

    play(story, file, capsys)
    assert ended
