"""Deaths of workers: what the supervisor does about them; its workers are played by the test."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from fastgw.core.live.board import NAMED, Board
from fastgw.core.live.holds import sit_down
from fastgw.server import control as module
from fastgw.server.messages import Commit, Prepare, Prepared
from fastgw.server.workers import backoff
from tests.unit.server.stage import Stage, events, play


def done_of(stage: Stage) -> asyncio.Future[int]:
    return stage.control.stopping.begin()


# --- deaths


def test_places_that_a_dead_worker_held_are_free_again_and_told(
    file: Path, capsys: pytest.CaptureFixture[str], log: Path
) -> None:
    async def story(stage: Stage) -> None:
        seats = [sit_down(Board(stage.gateway.board.fd)) for _ in range(2)]
        for seat in seats:
            seat.take(NAMED, 7, 5)
        worker = stage.workers[0]
        worker.close()
        worker.fds.clear()
        seats[0].board.close()
        stage.control._on_death(worker, 4711, 60.0, -9)
        assert stage.gateway.board.view.used(NAMED) == 1
        seats[1].board.close()  # somebody whose end nobody tells us of
        stage.control._look()
        assert stage.gateway.board.view.used(NAMED) == 0

    play(story, file, capsys)
    found = [line for line in events(log) if line["event"] == "places that dead workers held are free again"]
    assert [line["places"] for line in found] == [1, 1]


def test_worker_that_died_comes_back_and_gets_everything(
    file: Path, capsys: pytest.CaptureFixture[str], log: Path
) -> None:
    async def story(stage: Stage) -> None:
        worker = stage.workers[0]
        worker.close()
        worker.fds.clear()
        stage.control._on_death(worker, 4711, 60.0, -9)
        prepare = await worker.expect(Prepare)
        assert prepare.has_memory and await worker.expect(Commit) == Commit(1)
        assert worker.restarts == 1

    play(story, file, capsys)
    (line,) = events(log)
    assert (line["event"], line["signal"]) == ("a worker died and is started again", "SIGKILL")
    assert (line["exited"], line["restarts"], line["delay"]) == (4711, 1, 0.0)


def test_worker_that_dies_again_and_again_waits(file: Path, capsys: pytest.CaptureFixture[str], log: Path) -> None:
    async def story(stage: Stage) -> None:
        worker = stage.workers[0]
        worker.quick_deaths = 4
        stage.control._on_death(worker, 4711, 0.1, 3)
        assert worker.said.empty()  # the next start is some time away

    play(story, file, capsys)
    (line,) = events(log)
    assert (line["delay"], line["status"]) == (backoff(4), 3)


def test_start_that_the_system_refuses_is_tried_again(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, log: Path
) -> None:
    async def story(stage: Stage) -> None:
        worker = stage.workers[0]
        later: list[float] = []
        monkeypatch.setattr(worker, "spawn", lambda: (_ for _ in ()).throw(OSError(11, "no more processes")))
        monkeypatch.setattr(stage.control.loop, "call_later", lambda delay, *_: later.append(delay))
        stage.control.launch(worker)
        assert worker.quick_deaths == 1 and later == [1.0]
        worker.is_retiring = True
        stage.control.launch(worker)
        assert worker.quick_deaths == 1

    play(story, file, capsys)
    (line,) = events(log)
    assert line["event"] == "a worker cannot be started" and "no more processes" in str(line["error"])


def test_configuration_that_a_returning_worker_cannot_use_is_logged(
    file: Path, capsys: pytest.CaptureFixture[str], log: Path
) -> None:
    async def story(stage: Stage) -> None:
        stage.workers[0].theirs.send(Prepared(1, ("the key is gone",)))
        await stage.until(lambda: log.read_text())

    play(story, file, capsys)
    (line,) = events(log)
    assert line["event"] == "a worker cannot use the configuration" and line["problems"] == ["the key is gone"]


def test_worker_that_closes_its_channel_and_stays_is_killed(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KILL_AFTER", 0.0)

    async def story(stage: Stage) -> None:
        one, two = stage.workers
        one.theirs.close()
        await stage.until(lambda: one.is_killed)
        assert not two.is_killed

    play(story, file, capsys)


def test_task_that_fails_is_logged(file: Path, capsys: pytest.CaptureFixture[str], log: Path) -> None:
    async def story(stage: Stage) -> None:
        async def fail() -> None:
            raise RuntimeError("lost")

        stage.control.spawn_task(fail())
        await stage.until(lambda: not stage.control._tasks)

    play(story, file, capsys)
    (line,) = events(log)
    assert line["event"] == "a task of the supervisor failed" and "lost" in str(line["error"])


def test_what_no_callback_caught_is_a_line_of_the_log(
    file: Path, capsys: pytest.CaptureFixture[str], log: Path
) -> None:
    async def story(stage: Stage) -> None:
        serving = asyncio.ensure_future(stage.control.serve())
        await asyncio.sleep(0)
        stage.control.loop.call_soon(lambda: 1 / 0)
        await stage.until(lambda: "ZeroDivisionError" in log.read_text())
        stage.control.stopping.done.set_result(0)
        await serving

    before = signal.pthread_sigmask(signal.SIG_BLOCK, [])
    try:
        play(story, file, capsys)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    (line,) = (line for line in events(log) if line["event"] == "an exception escaped")
    assert line["level"] == "error" and "test_control" in str(line["traceback"])
