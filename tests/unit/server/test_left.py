"""A configuration that was left because it did harm stays away until what made it do so is another."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

from fastgw.config.loaded_files import LoadedFiles, digest
from fastgw.core import counters as layout
from fastgw.server.left import are_there, suspects, together
from fastgw.server.reload import Outcome
from tests.unit.server.stage import TEXT, Stage, events, play

OLD, NEW, OTHER = "0123456789abcdef-old", "0123456789abcdef-new", "0123456789abcdef-other"
GUARDED = TEXT + "reload: {guard: 20s, watch: true, poll_interval: 0}\n"


def files(folder: Path, **contents: str) -> LoadedFiles:
    """A configuration ``a`` that names the others, all of them written."""
    for name, content in contents.items():
        (folder / name).write_text(content)
    found = LoadedFiles(is_wanted=True)
    found.take(str(folder / "a"), contents["a"].encode(), [str(folder / name) for name in contents if name != "a"])
    return found


def names(found: dict[str, str]) -> list[str]:
    return [Path(one).name for one in found]


def test_only_what_is_other_than_before_can_have_done_it(tmp_path: Path) -> None:
    before = files(tmp_path, a="one", b="cert", c="key")
    assert names(suspects(files(tmp_path, a="two", b="cert", c="key"), before)) == ["a"]
    assert names(suspects(files(tmp_path, a="one", b="cert", c="other"), before)) == ["c"]
    assert names(suspects(files(tmp_path, a="two", b="cert", d="new"), before)) == ["a", "d"]
    assert suspects(files(tmp_path, a="one", b="cert", c="key"), before) == {}


def test_it_is_there_while_all_of_it_is(tmp_path: Path) -> None:
    before = files(tmp_path, a="one", b="cert")
    found = suspects(files(tmp_path, a="two", b="other"), before)
    assert are_there(found)
    (tmp_path / "b").write_text("mended")
    assert not are_there(found)
    (tmp_path / "b").unlink()
    assert not are_there(found)
    assert not are_there({})  # nothing on disk was other: nothing there can have done it


def test_both_are_watched(tmp_path: Path) -> None:
    before = files(tmp_path, a="one", b="cert", c="key")
    left = files(tmp_path, a="two", b="cert")
    found = together(before.files, left.files)
    assert found.files == {**left.files, str(tmp_path / "c"): before.files[str(tmp_path / "c")]}


# --- in a reload


def fail(stage: Stage, worker: int = 0) -> None:
    """A service that does not answer."""
    values = stage.workers[worker].slab.values
    base = layout.ROUTE.base(stage.gateway.plan_in_use.slots.routes["/*"])
    values[base + layout.ROUTE_FINISHED] += 100
    values[base + layout.ROUTE_STATUS + 4] += 40


async def follow(stage: Stage, generation: int) -> None:
    for worker in stage.workers:
        await worker.agree(generation)
    for worker in stage.workers:
        await worker.follow(generation)
    await stage.until(lambda: not stage.control._tasks)


def at_port(port: int, folder: Path) -> str:
    """A configuration of a service there, that reads another file."""
    keys = f"affinity: {{cookie: c, secret_file: {folder}/secret}}, endpoints"
    return GUARDED.replace("127.0.0.1:9", f"127.0.0.1:{port}").replace("endpoints", keys)


def now_of(stage: Stage) -> tuple[int, str]:
    """The port and the secret in use."""
    [service] = stage.gateway.plan_in_use.spec.services
    assert service.affinity is not None
    return service.endpoints[0].address.port, service.affinity.secrets[0]


async def leave(stage: Stage, folder: Path) -> None:
    """Go back from a service at port 11 to the one at 10."""
    (folder / "secret").write_text(OLD)
    stage.reload(at_port(10, folder))
    await follow(stage, 2)
    stage.control._reload.look(time.monotonic() + 1000.0)  # its guard is over
    stage.reload(at_port(11, folder))
    await follow(stage, 3)
    fail(stage)
    stage.control._reload.look(time.monotonic())
    await follow(stage, 4)
    assert stage.gateway.report.went_back and now_of(stage) == (10, OLD)


@pytest.fixture(autouse=True)
def _unwatched(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test says when a file has changed."""
    monkeypatch.setattr("fastgw.server.file_watch.FileWatch.keep", lambda *_: None)


async def changed(stage: Stage, generation: int) -> Outcome:
    """The watch has seen that files have changed."""
    told = asyncio.ensure_future(stage.control._reload.wait("watch"))
    await follow(stage, generation)
    return await told


def test_another_file_renews_what_is_in_use_and_brings_nothing_back(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str], log: Path
) -> None:
    async def story(stage: Stage) -> None:
        await leave(stage, tmp_path)
        gateway = stage.gateway
        assert gateway.loaded_files is not None and set(gateway.loaded_files.files) == {str(file), f"{tmp_path}/secret"}
        (tmp_path / "secret").write_text(NEW)
        assert (await changed(stage, 5)).ok
        assert now_of(stage) == (10, NEW)
        assert gateway.report.went_back  # what is on the disk is still what was left
        assert gateway.reloads == {"ok": 3, "refused": 0, "went_back": 1}
        assert gateway.loaded_files.files[str(file)] == digest(file.read_bytes())  # so nothing there is news
        assert gateway.loaded_files.files[f"{tmp_path}/secret"] == digest(NEW.encode())

    play(story, file, capsys)
    [line] = [one for one in events(log) if str(one["event"]).startswith("the configuration in use has read")]
    assert (line["level"], line["left"], line["generation"]) == ("warning", [str(file)], 5)


def test_a_file_that_cannot_be_used_changes_nothing(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(stage: Stage) -> None:
        await leave(stage, tmp_path)
        (tmp_path / "secret").write_text("short")
        outcome = await stage.control._reload.wait("watch")
        assert not outcome.ok and "secret" in outcome.problems[0]
        assert now_of(stage) == (10, OLD) and stage.gateway.generation == 4
        (tmp_path / "secret").write_text(NEW)
        await changed(stage, 5)
        assert now_of(stage) == (10, NEW)

    play(story, file, capsys)


@pytest.mark.parametrize("is_asked", [False, True])
def test_its_own_change_brings_it_in_and_so_does_who_asks(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str], is_asked: bool
) -> None:
    async def story(stage: Stage) -> None:
        await leave(stage, tmp_path)
        if is_asked:
            stage.control.request_reload()
            await follow(stage, 5)
            assert now_of(stage) == (11, OLD)
        else:
            stage.file.write_text(at_port(12, tmp_path))
            await changed(stage, 5)
            assert now_of(stage) == (12, OLD)
        assert stage.control.pages.document()["guard"]["state"] == "watching"
        stage.control._reload.look(time.monotonic() + 1000.0)
        (tmp_path / "secret").write_text(NEW)
        await changed(stage, 6)
        assert now_of(stage)[1] == NEW and stage.gateway.report.ok

    play(story, file, capsys)


def test_the_change_of_the_file_that_did_it_brings_it_in(
    tmp_path: Path, file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async def story(stage: Stage) -> None:
        (tmp_path / "secret").write_text(OLD)
        stage.reload(at_port(10, tmp_path))
        await follow(stage, 2)
        stage.control._reload.look(time.monotonic() + 1000.0)
        (tmp_path / "secret").write_text(NEW)
        await changed(stage, 3)
        fail(stage)
        stage.control._reload.look(time.monotonic())
        await follow(stage, 4)
        assert now_of(stage) == (10, OLD)
        (tmp_path / "secret").write_text(OTHER)
        await changed(stage, 5)
        assert now_of(stage) == (10, OTHER) and stage.gateway.report.ok

    play(story, file, capsys)
