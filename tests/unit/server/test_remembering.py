"""When members are written to the disk, and what is recalled."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from fastgw.core.settings import Address
from fastgw.discovery.keeping import Recalled
from fastgw.discovery.listing import ListedMember
from fastgw.server import remembering
from fastgw.server.members_file import MEMBERS_FILE, OLDEST
from fastgw.server.memory_file import MemoryFile
from fastgw.server.remembering import Remembering

NOW = 1e9


def recalled(*numbers: int, age: float = 0.0) -> Recalled:
    return Recalled(tuple(ListedMember(Address("10.0.0.1", number)) for number in numbers), NOW - age)


class Lines:
    """A log."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def info(self, event: str, **fields: Any) -> None:
        self.events.append(("info", event))

    def warning(self, event: str, **fields: Any) -> None:
        self.events.append(("warning", event))


class Stage:
    """Memory whose time and writing the test sees."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.state_file = str(path)
        self.path = path.with_name("m.members.json")
        self.now: dict[str, Recalled] = {}
        self.log = Lines()
        self.pauses: list[float] = []
        self.error: OSError | None = None
        self._due: Callable[[], None] | None = None
        write = MemoryFile.write

        def failing(kind: Any, where: str, lists: Any) -> int:
            if self.error is not None:
                raise self.error
            return write(kind, where, lists)

        monkeypatch.setattr(MemoryFile, "write", failing)
        monkeypatch.setattr(Remembering, "_arm", lambda _, seconds: self._armed(seconds))
        self.memory = self.another()

    def another(self) -> Remembering:
        return Remembering(MEMBERS_FILE, self.state_file, self.log, lambda: self.now, lambda: NOW)  # type: ignore[arg-type]

    def _armed(self, seconds: float) -> None:
        self.pauses.append(round(seconds, 1))

    async def pass_time(self) -> None:
        """The pause is over, and what is written then is written."""
        self.memory._due()
        assert self.memory._writing is not None
        await self.memory._writing

    @property
    def disk(self) -> dict[str, Recalled]:
        return MEMBERS_FILE.read(str(self.path))[0]


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(tmp_path / "m.json", monkeypatch)


def play(story: Callable[[], Awaitable[None]]) -> None:
    async def whole() -> None:
        async with asyncio.timeout(20):
            await story()

    asyncio.run(whole())


def test_changes_are_written_soon_then_in_pauses_and_now_and_then_anyway(stage: Stage) -> None:
    async def story() -> None:
        stage.now["a"] = recalled(1)
        for _ in range(3):
            stage.memory.changed()
        assert stage.pauses == [remembering.SOON] and not stage.path.exists()
        await stage.pass_time()
        assert stage.disk == stage.now and stage.pauses[1:] == [remembering.REFRESH]
        stage.memory.changed()
        assert remembering.PAUSE - 1 < stage.pauses[-1] <= remembering.PAUSE
        stage.memory._due()
        stage.memory.changed()  # while it is being written
        assert len(stage.pauses) == 3 and stage.memory._writing is not None
        await stage.memory._writing
        assert stage.pauses[3:] == [remembering.PAUSE]

    play(story)


def test_the_end_writes_what_was_not_written(stage: Stage) -> None:
    async def story() -> None:
        stage.memory.close()
        assert not stage.path.exists()  # there was nothing
        stage.memory = stage.another()
        stage.now["a"] = recalled(1)
        stage.memory.changed()
        stage.memory.close()
        assert stage.disk == stage.now
        stage.memory.changed()
        assert stage.pauses == [remembering.SOON]

    play(story)


def test_what_was_listed_before_is_recalled_if_it_is_not_too_old(stage: Stage) -> None:
    lists = {"a": recalled(1), "old": recalled(1, age=OLDEST + 1)}
    MEMBERS_FILE.write(str(stage.path), lists)
    memory = stage.another()
    assert memory.recall("a") == lists["a"]
    assert [memory.recall(name) for name in ("old", "other")] == [None] * 2
    stage.now["a"] = recalled(2)  # as another keeper of the same source says
    assert memory.recall("a") == recalled(2)


def test_lists_that_nobody_has_any_more_stay_for_a_while(stage: Stage) -> None:
    MEMBERS_FILE.write(str(stage.path), {"gone": recalled(1), "old": recalled(1, age=OLDEST + 1)})
    stage.memory = stage.another()

    async def story() -> None:
        stage.now["a"] = recalled(1)
        stage.memory.changed()
        await stage.pass_time()
        assert set(stage.disk) == {"gone", "a"}

    play(story)


def test_a_file_that_is_none_is_set_aside(stage: Stage) -> None:
    stage.path.write_text("no")
    memory = stage.another()
    assert memory.recall("a") is None
    assert stage.log.events == [("warning", "the file of members is not used")]
    assert os.listdir(stage.path.parent) == ["m.members.json.bad"]


def test_another_file_is_written_when_the_configuration_names_one(stage: Stage) -> None:
    async def story() -> None:
        stage.memory.move(stage.state_file)
        assert stage.pauses == []
        stage.path = stage.path.with_name("other.members.json")
        stage.now["a"] = recalled(1)
        stage.memory.move(str(stage.path.with_name("other.json")))
        await stage.pass_time()
        assert stage.disk == stage.now

    play(story)


def test_what_cannot_be_written_is_told_once_and_no_place_is_no_problem(stage: Stage) -> None:
    async def story() -> None:
        memory = stage.memory
        for number, place in ((30, False), (30, False), (28, True), (28, True)):
            stage.error = OSError(number, os.strerror(number))
            memory.changed()
            await stage.pass_time()
            assert memory.has_place is place and os.strerror(number) in memory.problem and not memory.saved_at
        stage.error = None
        memory.changed()
        await stage.pass_time()
        assert (memory.problem, memory.has_place, memory.saved_at) == ("", True, NOW)
        told = {"path": str(stage.path), "saved_at": "2001-09-09T01:46:40.000Z", "has_place": True, "error": None}
        assert memory.document() == told
        assert stage.log.events == [
            ("info", "members are not kept on the disk"),
            ("warning", "members are not kept on the disk"),
            ("info", "members are kept on the disk again"),
        ]

    play(story)
