"""New code comes in by new processes, with workers that are played by the test."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from fastgw.core import counters
from fastgw.core.live.news import Answer, Finding
from fastgw.server import rolling as module
from fastgw.server.messages import Abort, Commit, Committed, Drain, Endpoints, Prepare, Prepared
from fastgw.server.workers import DRAINING, READY
from tests.unit.server.stage import TEXT, FakeWorker, Stage, play

CHANGED = Prepared(2, changed=("my_filter",))


class Newcomer(FakeWorker):
    """A place that gets its process when it is started."""

    def __init__(self, index: int, stage: Stage, *, fails: bool = False) -> None:
        self.stage = stage
        self.fails = fails
        self.is_spawned = False
        super().__init__(index)

    def spawn(self) -> None:
        if not self.is_spawned:  # by what it is made of
            self.is_spawned = True
            self.state = "dead"
            return
        if self.fails:
            raise OSError("no room")
        super().spawn()
        self.pid = 1 << 30  # of nobody
        self.is_retiring = False

    def reaped(self) -> int | None:
        return None

    def close(self) -> None:
        if self.pid:
            super().close()


def newcomers(stage: Stage, *fails: bool) -> list[Newcomer]:
    """Those that will be made, in their order."""
    made = [Newcomer(index, stage, fails=one) for index, one in enumerate(fails or (False, False))]
    left = [*made]
    stage.gateway.place = lambda index: left.pop(0)  # type: ignore[method-assign]
    stage.workers += made
    return made


async def audition(stage: Stage, text: str = TEXT) -> None:
    """The workers say that their code is old."""
    one, two = stage.workers[:2]
    stage.reload(text)
    for worker in (one, two):
        await worker.expect(Prepare)
        worker.theirs.send(CHANGED)


def test_one_after_the_other_serves_before_the_old_one_drains(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        old = stage.workers[:2]
        old[0].restarts, old[0].stalls = 3, 2
        new = newcomers(stage)
        await audition(stage)
        await stage.until(lambda: new[0].pid)
        prepare = await new[0].expect(Prepare)
        assert prepare.generation == 2 and prepare.has_memory and prepare.sockets == ("127.0.0.1:0",)
        assert stage.gateway.generation == 1 and stage.gateway.arriving == [new[0]] and old[0].said.empty()
        new[0].theirs.send(Prepared(2))
        for worker in old:
            await worker.expect(Abort)
        await new[0].expect(Commit)
        assert stage.gateway.generation == 2 and stage.gateway.workers == old
        new[0].theirs.send(Committed(2))
        assert (await old[0].expect(Drain)).grace == 30.0
        assert stage.gateway.workers[0] is new[0] and (new[0].state, old[0].state) == (READY, DRAINING)
        assert (new[0].restarts, new[0].stalls) == (3, 2)
        assert old[1].said.empty() and stage.gateway.workers[1] is old[1]
        await new[1].expect(Prepare)
        await new[1].follow(2)
        await old[1].expect(Drain)
        await stage.until(lambda: stage.gateway.reloads["ok"])
        assert stage.gateway.workers == new and stage.gateway.retired == old and not stage.gateway.arriving
        assert len(stage.gateway.slabs) == 4  # what the old ones counted stays

    play(story, file, capsys)


def test_new_code_that_cannot_be_used_changes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        old = stage.workers[:2]
        (new,) = newcomers(stage, False)
        await audition(stage, TEXT.replace("routes:", '  - {name: more, address: "127.0.0.2:0"}\nroutes:'))
        await stage.until(lambda: new.pid)
        await new.expect(Prepare)
        new.theirs.send(Prepared(2, ("the module 'my_filter' cannot be imported",)))
        assert "my_filter" in await stage.refused()
        assert new.is_killed and stage.gateway.workers == old
        assert list(stage.gateway.plan_in_use.listenings) == ["127.0.0.1:0"]
        for worker in old:
            await worker.expect(Abort)
            assert worker.holds == {"127.0.0.1:0"}
        stage.control._on_death(new, new.pid, 0.1, -9)
        assert not stage.gateway.arriving and new.is_killed
        assert stage.gateway.retired == [new]  # with all that was counted in it

    play(story, file, capsys)


def test_a_process_that_cannot_be_started_changes_nothing(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        old = stage.workers[:2]
        newcomers(stage, True)
        await audition(stage)
        assert "a new worker cannot be started: no room" in await stage.refused()
        assert stage.gateway.workers == old and not stage.gateway.arriving
        assert len(stage.gateway.retired) == 1

    play(story, file, capsys)


def test_one_that_hangs_changes_nothing(
    file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "START_LIMIT", 0.05)

    async def story(stage: Stage) -> None:
        (new,) = newcomers(stage, False)
        await audition(stage)
        assert "worker 0 did not answer" in await stage.refused()
        assert new.is_killed

    play(story, file, capsys)


def test_a_later_one_that_does_not_come_up_is_started_again_like_any_other(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(stage: Stage) -> None:
        old = stage.workers[:2]
        new = newcomers(stage)
        await audition(stage)
        await stage.until(lambda: new[0].pid)
        await new[0].agree(2)
        await new[0].follow(2)
        await stage.until(lambda: new[1].pid)
        stage.control._reload.on_death(new[1])
        await stage.until(lambda: stage.gateway.reloads["ok"])
        assert stage.gateway.workers == new and stage.gateway.retired == old

    play(story, file, capsys)


def test_who_arrives_hears_what_all_hear(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        (new,) = newcomers(stage, False)
        await audition(stage)
        await stage.until(lambda: new.pid)
        await new.expect(Prepare)
        stage.gateway.knowledge.learn("a.test", Answer(("10.0.0.1",)))
        assert "a.test" in (await new.expect(Endpoints)).answers

    play(story, file, capsys)


def test_counts_are_there_while_their_place_is_between_two(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        new = Newcomer(0, stage)
        new.slab.values[counters.RETRIES] = 5  # of one that has left before
        stage.gateway.retired.append(new)
        stage.workers.append(new)

        def counted() -> int:
            return sum(slab[counters.RETRIES] for slab in stage.gateway.slabs)

        await audition(stage)
        await stage.until(lambda: new.pid)
        assert stage.gateway.arriving == [new] and counted() == 5
        await new.expect(Prepare)
        new.theirs.send(Prepared(2, ("no",)))
        await stage.refused()
        new.pid = 0
        stage.control._on_death(new, 1 << 30, 0.1, -9)
        assert counted() == 5 and stage.gateway.place(0) is new
        FakeWorker.close(new)
        stage.workers.remove(new)

    play(story, file, capsys)


def test_the_first_one_learns_what_the_others_have_found(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        finding = Finding("main", "127.0.0.1:9", "127.0.0.1:9", False, 1e9, "connect_refused", "refused")
        stage.gateway.knowledge.findings.learn(0, (finding,), stage.gateway.knowledge.places, stage.control.log)
        new = newcomers(stage)
        await audition(stage)
        await stage.until(lambda: new[0].pid)
        await new[0].agree(2)
        await new[0].follow(2)
        assert [one.address for one in (await new[0].expect(Endpoints)).findings] == ["127.0.0.1:9"]

    play(story, file, capsys)


def test_one_that_dies_between_its_two_tasks_is_started_again(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        new = newcomers(stage, False, False, False)
        new[1].index, new[2].index = 0, 1
        await audition(stage)
        await stage.until(lambda: new[0].pid)
        await new[0].expect(Prepare)
        stage.control._reload.on_prepared(new[0], Prepared(2))
        new[0].pid = 0
        stage.control._on_death(new[0], 1 << 30, 0.1, -9)  # before anybody has looked at what it has answered
        for one in new[1:]:
            await stage.until(lambda one=one: one.pid)  # type: ignore[misc]
            await one.expect(Prepare)
            await one.follow(2)
        await stage.until(lambda: stage.gateway.reloads["ok"])
        assert stage.gateway.workers == new[1:]
        FakeWorker.close(new[0])
        stage.workers.remove(new[0])

    play(story, file, capsys)


def test_a_stop_lets_one_that_serves_already_drain(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        new = newcomers(stage)
        await audition(stage)
        await stage.until(lambda: new[0].pid)
        await new[0].agree(2)
        await new[0].expect(Commit)
        stage.gateway.is_draining = True
        new[0].theirs.send(Committed(2))
        await new[0].expect(Drain)
        assert not new[0].is_killed and stage.control._reload.leaving == [new[0]] and not stage.gateway.arriving

    play(story, file, capsys)


def test_a_stop_meanwhile_ends_the_new_one_too(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage) -> None:
        old = stage.workers[:2]
        (new,) = newcomers(stage, False)
        await audition(stage)
        await stage.until(lambda: new.pid)
        await new.expect(Prepare)
        stage.gateway.is_draining = True
        new.theirs.send(Prepared(2))
        await stage.until(lambda: not stage.control._tasks)
        assert new.is_killed and stage.gateway.workers == old
        await asyncio.sleep(0)

    play(story, file, capsys)


def test_an_old_one_that_ends_takes_nothing_of_its_successor_with_it(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(stage: Stage) -> None:
        one, two = stage.workers
        assert stage.gateway.is_last_of(one)
        stage.gateway.workers.append(Newcomer(0, stage))
        assert stage.gateway.is_last_of(one)  # it has no process yet
        stage.gateway.workers[2].pid = 7
        assert not stage.gateway.is_last_of(one) and stage.gateway.is_last_of(two)
        stage.gateway.workers.pop()

    play(story, file, capsys)
