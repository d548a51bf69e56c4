"""The supervisor at work: readiness, deaths, the stop; its workers are played by the test."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from fastgw.config.spec import ShutdownSpec
from fastgw.server import control as module
from fastgw.server.control import Control
from fastgw.server.log import Log
from fastgw.server.messages import Drain, Prepare, Prepared, Reopen
from fastgw.server.workers import DEAD, DRAINING, READY, STARTING
from tests.unit.server.stage import TEXT, FakeWorker, Stage, play


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


def events(log: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in log.read_text().splitlines()]


def done_of(stage: Stage) -> asyncio.Future[int]:
    stage.control._done = stage.control.loop.create_future()
    return stage.control._done


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


# --- stop


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
        stage.control.stop_now()
        stage.control.request_reload()
        stage.control.launch(stage.workers[0])
        assert not stage.control._tasks and stage.workers[0].said.empty()
        assert stage.control._done.result() == 0

    play(story, file, capsys)


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
