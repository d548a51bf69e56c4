"""The supervisor at work: readiness, deaths, the stop; its workers are played by the test."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from fastgw.server import control as module
from fastgw.server.control import Control
from fastgw.server.log import Log
from fastgw.server.messages import Prepare, Prepared, Reopen
from fastgw.server.workers import READY, STARTING
from tests.unit.server.stage import TEXT, FakeWorker, Stage, done_of, events, play

# --- start


def test_ready_is_told_when_the_last_worker_serves(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        stage = Stage(file)
        plan = stage.gateway.plan(stage.gateway.load())
        stage.gateway.adopt(plan)
        one, two = stage.workers
        for worker in stage.workers:
            stage.gateway.commit(worker, plan)
            stage.control.attach(worker)
            worker.state = STARTING
        await one.start()
        await stage.until(lambda: one.state == READY)
        assert not stage.gateway.is_started and capsys.readouterr().out == ""
        await two.start()
        await stage.until(lambda: stage.gateway.is_started)
        assert capsys.readouterr().out.count("\n") == 1
        stage.gateway.close()
        for worker in stage.workers:
            worker.close()

    asyncio.run(run())


def test_configuration_that_no_worker_can_use_ends_the_start(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def run() -> None:
        stage = Stage(file)
        done = done_of(stage)
        plan = stage.gateway.plan(stage.gateway.load())
        stage.gateway.adopt(plan)
        worker = stage.workers[0]
        stage.gateway.prepare(worker, plan)
        stage.control.attach(worker)
        await worker.expect(Prepare)
        worker.theirs.send(Prepared(1, ("the key is gone",)))
        assert await asyncio.wait_for(done, 10) == 1
        assert capsys.readouterr().err == "fastgw: cannot start: the key is gone\n"
        stage.gateway.close()
        for one in stage.workers:
            one.close()

    asyncio.run(run())


def test_deaths_in_a_row_end_the_start(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        done = done_of(stage)
        stage.gateway.is_started = False
        worker = stage.workers[0]
        worker.quick_deaths = module.START_DEATHS
        stage.control._on_death(worker, 7, 0.1, 1)
        assert done.result() == 1
        assert "worker 0 died 3 times" in capsys.readouterr().err

    play(story, file, capsys)


def test_predecessor_is_told_to_stop_when_all_serve(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[int, int]] = []
    monkeypatch.setattr(module.os, "kill", lambda pid, number: told.append((pid, number)))

    async def story(stage: Stage) -> None:
        assert told == []
        stage.gateway.predecessor, stage.gateway.is_started = 4711, False
        stage.control._check_started()
        assert told == [(4711, signal.SIGTERM)]

    play(story, file, capsys)


def test_reload_asked_for_during_the_start_is_done_after_it(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        stage.gateway.is_started = False
        stage.control.request_reload()
        assert not stage.control._tasks
        stage.control._check_started()
        for worker in stage.workers:
            await worker.agree(2)
        for worker in stage.workers:
            await worker.follow(2)
        await stage.until(lambda: stage.gateway.generation == 2)

    play(story, file, capsys)


# --- logs


def test_logs_are_reopened_by_every_worker_there_is(file: Path, capsys: pytest.CaptureFixture[str], log: Path) -> None:
    async def story(stage: Stage) -> None:
        one, two = stage.workers
        stage.gateway.workers.remove(two)
        stage.control._reload.leaving.append(two)  # it drains: it writes its lines for long
        three = FakeWorker(0)
        stage.workers.append(three)
        stage.gateway.arriving.append(three)  # it has its files open already
        stage.control.reopen_logs()
        for worker in (one, two, three):
            await worker.expect(Reopen)

    play(story, file, capsys)
    (line,) = events(log)
    assert (line["event"], line["workers"]) == ("the workers open their logs again", 3)


def test_serve_gives_up_what_it_holds(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """From signal handlers to the end: nobody survives, nothing is left blocked that was not."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])

    async def run() -> None:
        stage = Stage(file)
        plan = stage.gateway.plan(stage.gateway.load())
        stage.gateway.adopt(plan)
        control = Control(stage.gateway, [], Log("test", fd=-1))
        serving = asyncio.ensure_future(control.serve())
        for worker in stage.workers:
            stage.gateway.commit(worker, plan)
        await asyncio.sleep(0)
        for worker in stage.workers:
            await worker.start()
        await stage.until(lambda: stage.gateway.is_started)
        os.kill(os.getpid(), signal.SIGTERM)
        assert await asyncio.wait_for(serving, 10) == 0
        assert all(worker.is_killed for worker in stage.workers)
        stage.gateway.close()
        for worker in stage.workers:
            worker.close()

    try:
        asyncio.run(run())
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    assert "generation 1" in capsys.readouterr().out


def test_warnings_of_the_file_are_told_at_the_start_and_at_every_reload(
    file: Path, log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spare = TEXT + "  spare: {endpoints: ['127.0.0.1:1']}\n"

    async def story(stage: Stage) -> None:
        stage.control.tell_warnings()
        assert not [one for one in events(log) if one["level"] == "warning"]
        stage.reload(spare)
        for worker in stage.workers:
            await worker.agree(2)
        for worker in stage.workers:
            await worker.follow(2)
        await stage.until(lambda: stage.gateway.reloads["ok"])
        [told] = [one for one in events(log) if one["event"] == "the configuration has warnings"]
        [line] = told["warnings"]  # type: ignore[misc]
        assert line.endswith(": services.spare: no route leads to this service")
        stage.control.tell_warnings()  # as ``serve`` does
        assert len([one for one in events(log) if one["level"] == "warning"]) == 2

    play(story, file, capsys)
