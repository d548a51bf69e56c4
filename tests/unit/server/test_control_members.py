"""What the supervisor does with what workers find of members."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.core.live.news import Finding
from fastgw.server.messages import Commit, Endpoints, Prepare, Report
from tests.unit.server.stage import Stage, events, play


def test_what_one_worker_finds_is_logged_once_and_the_others_are_told(
    file: Path, capsys: pytest.CaptureFixture[str], log: Path
) -> None:
    found = Finding("main", "127.0.0.1:9", "127.0.0.1:9", False, 1e9, "connect_refused", "Connection refused")
    back = Finding("main", "127.0.0.1:9", "127.0.0.1:9", True)

    async def story(stage: Stage) -> None:
        one, two = stage.workers
        one.theirs.send(Report((), (found,)))
        assert (await two.expect(Endpoints)).findings == (found,)
        two.theirs.send(Report((), (found,)))  # it has done so
        one.theirs.send(Report((), (back,)))
        assert (await two.expect(Endpoints)).findings == (back,)
        two.theirs.send(Report((), (back,)))
        await stage.until(lambda: stage.gateway.knowledge.findings.is_up(("main", "127.0.0.1:9", "127.0.0.1:9")))
        assert one.said.empty() and two.said.empty()

    play(story, file, capsys)
    assert [line["event"] for line in events(log)] == ["an endpoint is ejected", "an endpoint is back"]


def test_a_worker_that_comes_back_is_told_who_is_ejected(
    file: Path, capsys: pytest.CaptureFixture[str], log: Path
) -> None:
    found = Finding("main", "127.0.0.1:9", "127.0.0.1:9", False, 1e9, "connect_refused", "Connection refused")

    async def story(stage: Stage) -> None:
        worker = stage.workers[0]
        worker.theirs.send(Report((), (found,)))
        await stage.workers[1].expect(Endpoints)
        worker.close()
        worker.fds.clear()
        stage.control._on_death(worker, 4711, 60.0, -9)
        await worker.expect(Prepare)
        await worker.expect(Commit)
        assert (await worker.expect(Endpoints)).findings == (found,)
        assert not stage.gateway.knowledge.findings.is_up(
            ("main", "127.0.0.1:9", "127.0.0.1:9")
        )  # it says so itself if that is over

    play(story, file, capsys)


def test_what_a_worker_found_that_leaves_for_good_is_forgotten(
    file: Path, capsys: pytest.CaptureFixture[str], log: Path
) -> None:
    found = Finding("main", "127.0.0.1:9", "127.0.0.1:9", False, 1e9, "connect_refused", "Connection refused")

    async def story(stage: Stage) -> None:
        worker = stage.workers[1]
        worker.theirs.send(Report((), (found,)))
        await stage.workers[0].expect(Endpoints)
        worker.is_retiring = True
        stage.control._on_death(worker, 4711, 60.0, 0)
        assert stage.gateway.knowledge.findings.is_up(("main", "127.0.0.1:9", "127.0.0.1:9"))

    play(story, file, capsys)
