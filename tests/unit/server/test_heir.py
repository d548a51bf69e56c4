"""The new supervisor in an upgrade; the old one, and the workers, are played by the test."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core import counters as layout
from fastgw.core.counters import ROUTE, ROUTE_FAULT_INTERNAL, ROUTE_FINISHED, ROUTE_STARTED
from fastgw.server import heir as module
from fastgw.server.channel import Channel
from fastgw.server.heir import Heir
from fastgw.server.messages import Commit, Committed, Prepare, Prepared
from fastgw.server.slab import Slab
from fastgw.server.workers import STARTING
from tests.unit.server.stage import Stage


class Old:
    """The gateway before us, as far as it is heard."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        self.channel = Channel(ours)
        self.theirs = Channel(theirs)
        self.said: list[dict[str, Any]] = []
        self.theirs.attach(asyncio.get_running_loop(), lambda message, _: self.said.append(message), lambda: None)  # type: ignore[arg-type]
        self.pid, self.grace, self.is_counted_alike = 4711, 0.0, True

    def fail(self, problems: tuple[str, ...]) -> None:
        """As ``Handed``."""
        self.channel.send({"say": "failed", "problems": [*problems]})

    def close(self) -> None:
        self.channel.close()
        self.theirs.close()


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[Stage, Old], Awaitable[None]]], None]:
    """``run(story)``: with workers that have been told to prepare, and nothing else yet."""
    monkeypatch.setattr(module, "LATEST", 0.0)

    def start(story: Callable[[Stage, Old], Awaitable[None]]) -> None:
        async def whole() -> None:
            stage, old = Stage(tmp_path / "gateway.yaml"), Old()
            control, gateway = stage.control, stage.gateway
            try:
                plan = gateway.plan(gateway.load())
                gateway.adopt(plan)
                gateway.predecessor_draining = old.pid
                gateway.environ = {"NOTIFY_SOCKET": ""}
                control._heir = Heir(control, old)  # type: ignore[arg-type]
                control.stopping.begin()
                for worker in stage.workers:
                    worker.state = STARTING
                    gateway.prepare(worker, plan)
                    control.attach(worker)
                    await worker.expect(Prepare)
                control.spawn_task(control._heir.begin())
                await asyncio.sleep(0)
                await story(stage, old)
            finally:
                gateway.close()
                for worker in stage.workers:
                    worker.close()
                old.close()
                for task in control._tasks:
                    task.cancel()

        asyncio.run(whole())

    return start


Run = Callable[[Callable[[Stage, Old], Awaitable[None]]], None]


async def ready(stage: Stage, old: Old) -> None:
    """Have every worker serve."""
    for worker in stage.workers:
        worker.theirs.send(Prepared(1))
    for worker in stage.workers:
        await worker.expect(Commit)
        worker.theirs.send(Committed(1))


def test_nobody_serves_before_all_can_and_the_place_is_ours_when_the_old_one_says_so(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(stage: Stage, old: Old) -> None:
        stage.workers[0].theirs.send(Prepared(1))
        for _ in range(20):
            await asyncio.sleep(0)
        assert stage.workers[0].said.empty()
        stage.workers[1].theirs.send(Prepared(1))
        for worker in stage.workers:
            await worker.expect(Commit)
            worker.theirs.send(Committed(1))
        await stage.until(lambda: old.said)
        assert old.said == [{"say": "ready", "kept": {"127.0.0.1:0": 2}, "admin": []}]
        assert "NOTIFY_SOCKET" not in stage.gateway.environ
        assert not stage.gateway.is_started and capsys.readouterr().out == ""
        old.theirs.send({"say": "yours"})
        await stage.until(lambda: len(old.said) == 2)
        assert old.said[1]["say"] == "taken" and old.said[1]["counters"] == "continued"
        assert stage.gateway.is_started and stage.gateway.handed is None
        assert stage.gateway.environ == {"NOTIFY_SOCKET": ""}
        assert "ready: edge" in capsys.readouterr().out

    run(story)


def test_what_a_worker_cannot_use_is_told_and_ends_us(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage, old: Old) -> None:
        stage.workers[0].theirs.send(Prepared(1))
        stage.workers[1].theirs.send(Prepared(1, ("the key is gone",)))
        assert await stage.control.stopping.done == 1
        await stage.until(lambda: old.said)
        assert old.said == [{"say": "failed", "problems": ["the key is gone"]}]
        assert all(worker.said.empty() for worker in stage.workers)

    run(story)
    assert "the key is gone" in capsys.readouterr().err


@pytest.mark.parametrize("has_committed", [False, True])
def test_a_worker_that_dies_before_we_are_ready_ends_us(
    run: Run, capsys: pytest.CaptureFixture[str], has_committed: bool
) -> None:
    """What others have accepted by then is answered first."""

    async def story(stage: Stage, old: Old) -> None:
        control, (first, second) = stage.control, stage.workers
        if has_committed:
            for worker in stage.workers:
                worker.theirs.send(Prepared(1))
            for worker in stage.workers:
                await worker.expect(Commit)
        first.pid = 1
        second.quick_deaths = 1
        control._on_death(second, 7, 0.1, -9)
        await stage.until(lambda: old.said)
        assert "worker 1 died 1 times" in old.said[0]["problems"][0]
        assert control.stopping.done.done() is not has_committed
        if has_committed:
            assert control.stopping.is_stopping and control.stopping.status == 1

    run(story)


def test_if_the_old_one_is_gone_the_place_is_ours(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Also if it is gone before we are ready."""

    async def late(stage: Stage, old: Old) -> None:
        await ready(stage, old)
        await stage.until(lambda: old.said)
        old.theirs.close()
        await stage.until(lambda: stage.gateway.is_started)

    async def early(stage: Stage, old: Old) -> None:
        old.theirs.close()
        await stage.until(lambda: old.channel.is_closed)
        await ready(stage, old)
        await stage.until(lambda: stage.gateway.is_started)

    run(late)
    run(early)


def test_the_counters_of_the_old_one_are_settled_and_become_one(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    async def story(stage: Stage, old: Old) -> None:
        gateway = stage.gateway
        slabs = [Slab(), Slab(), Slab()]
        route = ROUTE.base(gateway.plan_in_use.slots.routes["/*"])
        for number, slab in enumerate(slabs):
            slab.values[layout.CONNECTIONS] = 5
            slab.values[layout.CONNECTIONS_OPEN] = 1
            slab.values[route + ROUTE_STARTED] = 10
            slab.values[route + ROUTE_FINISHED] = 9 + (number == 0)
        gateway.adopted = slabs
        await ready(stage, old)
        await stage.until(lambda: old.said)
        old.theirs.send({"say": "yours"})
        old.theirs.send({"say": "gone"})
        await stage.until(lambda: len(old.said) == 2)
        assert gateway.predecessor_draining == 4711
        old.theirs.close()
        await stage.until(lambda: not gateway.predecessor_draining)
        (one,) = gateway.adopted
        assert one.values[layout.CONNECTIONS] == 15 and one.values[layout.CONNECTIONS_OPEN] == 0
        assert one.values[route + ROUTE_FINISHED] == 30 and one.values[route + ROUTE_FAULT_INTERNAL] == 2
        one.close()

    run(story)


def test_we_end_when_the_old_one_has_ended_too(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    """Else a service manager would kill it with what it still answers."""

    async def story(stage: Stage, old: Old) -> None:
        await ready(stage, old)
        await stage.until(lambda: old.said)
        old.theirs.send({"say": "yours"})
        await stage.until(lambda: stage.gateway.is_started)
        stage.control.stop()
        stage.control.check_stopped()
        assert not stage.control.stopping.done.done()
        old.theirs.send({"say": "gone"})
        old.theirs.close()
        assert await stage.control.stopping.done == 0

    run(story)


def test_other_counters_begin_at_nought() -> None:
    control: Any = SimpleNamespace(gateway=SimpleNamespace(environ={}, plan_in_use=SimpleNamespace(listenings={})))
    handed: Any = SimpleNamespace(pid=1, is_counted_alike=False)
    assert Heir(control, handed).counters == "begin at 0: the versions count differently"
