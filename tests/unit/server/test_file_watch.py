"""The watch of a gateway whose files are real, whose time and events are played, and whose reloads only note what they read."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable, Iterable
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastgw.config.loaded_files import LoadedFiles, digest
from fastgw.server import file_watch as module
from fastgw.server.file_watch import FAST, FileWatch
from fastgw.server.folders import Folders
from fastgw.server.log import Log
from fastgw.server.reload import Outcome
from fastgw.server.settling import PATIENCE, QUIET


class Played:
    """Events that the test makes."""

    def __init__(self, cause: str = "", *, is_there: bool = True) -> None:
        self.cause = cause
        self.fd = os.eventfd(0, os.EFD_NONBLOCK) if is_there else -1
        self.armed: tuple[str, ...] = ()
        self.is_closed = False

    def arm(self, files: Iterable[str]) -> None:
        self.armed = tuple(files)

    def read(self) -> bool:
        return os.eventfd_read(self.fd) > 0

    def close(self) -> None:
        self.is_closed = True
        if self.fd >= 0:
            os.close(self.fd)
            self.fd = -1


class Stage:
    """A gateway with one file, and a second one that it names."""

    def __init__(self, folder: Path, events: Callable[[], Any] | None = None, poll: float = 30.0) -> None:
        self.file, self.other = folder / "gateway.yaml", folder / "edge.pem"
        self.file.write_text("one")
        self.other.write_text("cert")
        self.now, self.horizon = 1000.0, 1000.0
        self.is_idle = asyncio.Event()
        self.loaded: list[str] = []
        self.readings: list[dict[str, str]] = []
        self.made: list[Any] = []
        self.makes = events or Played
        self.poll = poll
        self.gateway: Any = SimpleNamespace(
            is_started=True,
            is_draining=False,
            is_upgrading=False,
            is_watching=True,
            loaded_files=None,
        )
        self.read()
        self.watch = FileWatch(
            self.gateway,
            self.reload,
            Log("supervisor"),
            self.make,
            lambda: self.now,
            lambda: 1_800_000_000.0 + self.now - 1000,
            self.rest,
        )

    def make(self) -> Any:
        self.made.append(self.makes())
        return self.made[-1]

    def read(self) -> None:
        found = LoadedFiles(is_wanted=True)
        content = self.file.read_bytes() if self.file.exists() else b""
        found.take(str(self.file), content, [str(self.other)])
        self.gateway.loaded_files = found
        self.readings.append(found.files)

    async def reload(self, by: str) -> Outcome:
        self.loaded.append(self.file.read_text() if self.file.exists() else "nothing")
        assert by == "watch"
        self.read()
        return Outcome(ok=True)

    async def rest(self, event: asyncio.Event, seconds: float) -> None:
        until = self.now + seconds
        for _ in range(3):
            await asyncio.sleep(0)  # who can be heard is
        while not event.is_set() and until > self.horizon:
            self.is_idle.set()
            await asyncio.sleep(0)
        self.is_idle.clear()
        if not event.is_set():
            self.now = until

    async def go_on(self, seconds: float) -> None:
        """So much time passes."""
        self.horizon += seconds
        self.is_idle.clear()
        async with asyncio.timeout(20):
            while not self.is_idle.is_set():
                await asyncio.sleep(0)
        self.now = self.horizon

    async def tell(self) -> None:
        """The kernel says that something has happened."""
        os.eventfd_write(self.made[-1].fd, 1)
        async with asyncio.timeout(20):
            while self.watch._settling._first is None:
                await asyncio.sleep(0)


Story = Callable[[Stage], Awaitable[None]]


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    monkeypatch.setattr(module, "BREATH", 0.0)

    def run(story: Story, events: Callable[[], Any] | None = None, poll: float = 30.0) -> None:
        async def all_of_it() -> None:
            stage = Stage(tmp_path, events, poll)
            stage.watch.keep(stage.poll)
            try:
                await stage.go_on(0.1)
                await story(stage)
            finally:
                stage.watch.close()
            assert all(one.is_closed for one in stage.made if isinstance(one, Played))

        asyncio.run(all_of_it())

    return run


def lines(capfd: Any) -> list[dict[str, Any]]:
    return [json.loads(one) for one in capfd.readouterr().err.splitlines()]


def test_a_new_content_is_loaded_and_the_same_is_not(play: Callable[..., None], capfd: Any) -> None:
    async def story(stage: Stage) -> None:
        assert stage.made[0].armed == (str(stage.file), str(stage.other))
        stage.file.write_text("two")
        await stage.tell()
        await stage.go_on(QUIET / 2)
        assert stage.loaded == []
        await stage.go_on(QUIET)
        assert stage.loaded == ["two"]
        stage.file.write_text("two")
        await stage.tell()
        await stage.go_on(100)
        assert stage.loaded == ["two"] and len(stage.made) == 1
        facts = stage.watch.facts()
        assert facts is not None and (facts.files, facts.by, facts.reloads) == (2, "inotify", 1)
        document = stage.watch.document()
        assert document is not None
        assert (document["files"], document["by"], document["cause"], document["reloads"]) == (2, "inotify", None, 1)
        assert document["last_trigger"].startswith("2027-01-15T08:00:0") and document["missing"] == []

    play(story)
    (line,) = lines(capfd)
    assert line["event"] == "files have changed, so the configuration is loaded again"
    assert line["count"] == 1 and line["files"][0].endswith("gateway.yaml")


def test_what_it_names_counts_too(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        stage.other.write_text("renewed")
        await stage.tell()
        await stage.go_on(QUIET)
        assert stage.loaded == ["one"]

    play(story)


def test_who_loads_it_otherwise_leaves_nothing_to_do(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        stage.file.write_text("two")
        await stage.tell()
        stage.read()  # SIGHUP
        await stage.go_on(100)
        assert stage.loaded == []

    play(story)


def test_without_events_the_poll_finds_it(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        stage.file.write_text("two")
        await stage.go_on(29)
        assert stage.loaded == []
        await stage.go_on(2)
        assert stage.loaded == ["two"]

    play(story)


@pytest.mark.parametrize("is_there", [True, False])
def test_where_the_kernel_does_not_tell_it_polls_faster_and_says_why_once(
    play: Callable[..., None], capfd: Any, is_there: bool
) -> None:
    causes = ["full", "full", "full", "full", ""]

    def make() -> Played:
        return Played(causes.pop(0) if len(causes) > 1 else causes[0], is_there=is_there)

    async def story(stage: Stage) -> None:
        stage.file.write_text("two")
        await stage.go_on(FAST + 1)
        assert stage.loaded == ["two"]
        document = stage.watch.document()
        assert document is not None
        assert (document["by"], document["cause"], document["poll_interval"]) == ("poll", "full", FAST)
        facts = stage.watch.facts()
        assert facts is not None and facts.by == "poll"
        await stage.go_on(100)
        assert (len(stage.made) > 1) is not is_there  # who is not there is asked for again
        if is_there:
            stage.made[0].cause = ""
            await stage.go_on(FAST)

    play(story, make)
    told = [one["event"] for one in lines(capfd) if "kernel" in one["event"]]
    assert told == [
        "the kernel does not tell of every change of the files, so they are looked at more often",
        "the kernel tells of every change of the files",
    ]


def test_without_a_poll_only_events_count(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        stage.file.write_text("two")
        await stage.go_on(1000)
        assert stage.loaded == []
        await stage.tell()
        await stage.go_on(QUIET)
        assert stage.loaded == ["two"]

    play(story, poll=0.0)


def test_one_that_is_away_for_a_moment_is_waited_for(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        stage.file.unlink()
        await stage.tell()
        await stage.go_on(PATIENCE - 1)
        document = stage.watch.document()
        assert document is not None and document["missing"] == [str(stage.file)]
        assert stage.loaded == []
        stage.file.write_text("two")
        await stage.tell()
        await stage.go_on(1)
        assert stage.loaded == ["two"]
        stage.file.unlink()
        await stage.go_on(200)
        assert stage.loaded == ["two", "nothing"]  # and that is told once

    play(story)


def test_a_load_that_fails_before_it_reads_is_not_tried_again(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        async def fail(by: str) -> Outcome:
            stage.loaded.append("failed")
            return Outcome(ok=False)

        stage.watch._reload = fail
        for content in ("two", "three"):
            stage.file.write_text(content)
            await stage.tell()
            await stage.go_on(100)
        assert stage.loaded == ["failed", "failed"]

    play(story)


def test_an_upgrade_is_waited_for(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        stage.gateway.is_upgrading = True
        stage.file.write_text("two")
        await stage.tell()
        await stage.go_on(10)
        assert stage.loaded == []
        stage.gateway.is_upgrading = False
        await stage.go_on(2)
        assert stage.loaded == ["two"]

    play(story)


def test_in_a_drain_it_ends(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        task = stage.watch._task
        assert task is not None
        stage.gateway.is_draining = True
        stage.horizon += 10
        await asyncio.wait_for(task, 10)

    play(story)


def test_it_is_kept_as_the_configuration_says(play: Callable[..., None]) -> None:
    async def story(stage: Stage) -> None:
        task = stage.watch._task
        stage.watch.keep(stage.poll)
        assert stage.watch._task is task
        stage.gateway.is_watching = False
        stage.watch.keep(stage.poll)
        assert stage.made[0].is_closed and stage.watch.document() is None
        facts = stage.watch.facts()
        assert facts is not None and facts.files == 0
        stage.file.write_text("two")
        stage.gateway.is_watching = True
        stage.watch.keep(stage.poll)
        await stage.go_on(1)
        assert stage.loaded == ["two"] and len(stage.made) == 2

    play(story)


def test_too_many_files_are_told(play: Callable[..., None], capfd: Any) -> None:
    async def story(stage: Stage) -> None:
        stage.gateway.loaded_files = LoadedFiles(is_wanted=True)
        stage.gateway.loaded_files.left_out = 3
        await stage.go_on(5)

    play(story)
    assert [one["left"] for one in lines(capfd)] == [3]


def test_a_bug_is_told(play: Callable[..., None], capfd: Any) -> None:
    async def story(stage: Stage) -> None:
        stage.watch._tell = None  # type: ignore[assignment, method-assign]
        task = stage.watch._task
        assert task is not None
        stage.horizon += 40
        await asyncio.wait([task])
        await asyncio.sleep(0)
        document = stage.watch.document()
        assert document is not None and "NoneType" in document["cause"]
        del stage.watch._tell
        stage.file.write_text("two")
        stage.watch.keep(stage.poll)  # as at the next reload
        await stage.go_on(1)
        assert stage.loaded == ["two"] and stage.made[0].is_closed

    play(story)
    assert [one["event"] for one in lines(capfd)] == [
        "files are not watched any more",
        "files have changed, so the configuration is loaded again",
    ]


STEPS = st.lists(
    st.tuples(st.sampled_from(["write", "replace", "turn", "remove", "copy"]), st.booleans(), st.floats(0.05, 7.0)),
    max_size=12,
)


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(STEPS)
def test_whatever_happens_to_the_files_the_last_content_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, bool, float]]
) -> None:
    """With the events of the real kernel, and no poll that would help."""

    async def story() -> None:
        folder = tmp_path_factory.mktemp("watched")
        stage = Stage(folder, Folders, poll=0.0)
        stage.watch.keep(stage.poll)
        await stage.go_on(0.1)
        for number, (what, is_other, pause) in enumerate(steps):
            path = stage.other if is_other else stage.file
            if what == "write":
                path.write_text(f"written {number}")
            elif what == "remove":
                path.unlink(missing_ok=True)
            elif what == "copy":
                (folder / f"copy{number}").write_text("unrelated")
            else:
                (folder / f"new{number}").write_text(f"{what} {number}")
                if what == "turn":
                    (folder / "turned").symlink_to(f"new{number}")
                os.rename(folder / ("turned" if what == "turn" else f"new{number}"), path)
            await asyncio.sleep(0)
            await stage.go_on(pause)
        await stage.go_on(20)
        there = {str(one): one.read_text() if one.exists() else "" for one in (stage.file, stage.other)}
        assert stage.readings[-1] == {path: digest(content.encode()) for path, content in there.items()}
        assert all(one != other for one, other in pairwise(stage.readings))
        stage.watch.close()

    before, module.BREATH = module.BREATH, 0.0  # type: ignore[misc]
    try:
        asyncio.run(story())
    finally:
        module.BREATH = before  # type: ignore[misc]
