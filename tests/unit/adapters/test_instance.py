"""The object that a service is: found, made once, kept over reloads, and let go behind its last call."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from fastgw.adapters.instance import INSTANCES, Instance, Instances, found_by
from fastgw.plugins import PluginError
from fastgw.testing.service import inside
from tests.unit.adapters.loops import Plane, called, opened

JOURNAL: list[str] = []


class Owner:
    name = "owner"

    def __init__(self) -> None:
        JOURNAL.append(f"made {threading.current_thread().name}")

    async def start(self) -> None:
        JOURNAL.append("started")

    async def execute(self, input: dict[str, Any]) -> Any:
        return {}

    async def aclose(self) -> None:
        JOURNAL.append("closed")


class Plain(Owner):
    def start(self) -> None:  # type: ignore[override]
        JOURNAL.append(f"started {threading.current_thread().name}")

    aclose = None  # type: ignore[assignment]

    def close(self) -> None:
        JOURNAL.append(f"closed {threading.current_thread().name}")
        raise RuntimeError("no")


class Unready(Owner):
    async def start(self) -> None:
        raise ConnectionError("no database")


class Unmade(Owner):
    def __init__(self) -> None:
        raise ValueError("no model")


class Nameless:
    async def execute(self, input: dict[str, Any]) -> Any:
        return {}


class Idle:
    name = "idle"


class Def:
    name = "def"

    def execute(self, input: dict[str, Any]) -> Any:
        return {}


class Yields:
    name = "yields"

    async def execute(self, input: dict[str, Any]) -> AsyncIterator[Any]:
        yield {}


class Many:
    name = "many"

    def execute_batch(self, inputs: list[Any]) -> Any:
        yield 1


def test_a_shape_is_found_by_how_it_is_written() -> None:
    found = [found_by(inside(kind))[1] for kind in (Owner, Def, Yields)]
    assert [(one.run, one.is_stream) for one in found] == [("loop", False), ("thread", False), ("loop", True)]
    assert found_by(inside(Def, run="process"))[1].run == "process"


@pytest.mark.parametrize(
    ("kind", "run", "said"),
    [
        (Idle, "auto", r"Idle is no service: it has no method execute\(self, input\)"),
        (Nameless, "auto", "Nameless is no service: it has no name, which is text"),
        (Def, "loop", "is 'def', which would hold up the loop; it cannot be run as 'loop'"),
        (Owner, "thread", "is 'async def', which runs on the loop; it cannot be run as 'thread'"),
    ],
)
def test_what_is_no_service_is_told(kind: Any, run: str, said: str) -> None:
    with pytest.raises(PluginError, match=said):
        found_by(inside(kind, run=run))


def test_only_a_class_is_a_service() -> None:
    with pytest.raises(PluginError, match="is no class"):
        found_by(inside(Owner)._replace(reference=f"{__name__}:JOURNAL"))


def test_what_is_called_by_batches_says_so() -> None:
    with pytest.raises(
        PluginError, match=r"Many is no service: it has no method execute.*; with 'batch' it is called by"
    ):
        found_by(inside(Many))
    with pytest.raises(PluginError, match="execute_batch of Many yields; it returns a list of answers"):
        found_by(inside(Many, batch={"max": 2, "wait": "0s"}))


def test_it_is_made_once_and_closed_behind_its_last_call() -> None:
    async def story() -> None:
        JOURNAL.clear()
        instance, plane = Instance("s", inside(Owner)), Plane()
        await instance.open(plane)  # type: ignore[arg-type]
        await instance.open(plane)  # type: ignore[arg-type]  # another snapshot has it
        assert JOURNAL == ["made fastgw-once-1", "started"]
        instance.stop()
        instance.begin()
        instance.stop()
        assert not INSTANCES.is_closing
        instance.end()
        assert INSTANCES.is_closing
        await INSTANCES.settle(10)
        assert JOURNAL[2:] == ["closed"] and not INSTANCES.is_closing

    asyncio.run(story())


def test_what_is_plain_starts_and_closes_in_a_thread() -> None:
    async def story() -> None:
        JOURNAL.clear()
        plane = Plane()
        instance = await opened(Plain, plane)
        instance.stop()
        await INSTANCES.settle(10)
        assert JOURNAL[1:] == ["started fastgw-once-1", "closed fastgw-once-1"]
        assert [(event, repr(fields["error"])) for event, fields in plane.told] == [
            ("a service could not be closed", "RuntimeError('no')")
        ]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        (Unready, "services.s.python: its start fails: ConnectionError: no database"),
        (Unmade, "services.s.python: Unmade cannot be made: ValueError: no model"),
    ],
)
def test_one_that_cannot_be_made_refuses_the_configuration(kind: type, said: str) -> None:
    async def story() -> None:
        known = Instances()
        instance = known.get("s", inside(kind))
        with pytest.raises(OSError, match=said):
            await instance.open(Plane())  # type: ignore[arg-type]

    asyncio.run(story())


def test_equal_configurations_have_one_instance() -> None:
    known = Instances()
    one = known.get("s", inside(Owner))
    assert known.get("s", inside(Owner)) is one
    assert known.get("other", inside(Owner)) is not one
    assert known.get("s", inside(Owner, workers=3)) is not one
    known.forget(one)
    assert known.get("s", inside(Owner)) is not one


def test_workers_are_as_said_or_usual() -> None:
    async def story() -> None:
        assert [
            (await opened(kind, **how)).workers for kind, how in ((Owner, {}), (Def, {}), (Def, {"workers": 3}))
        ] == [
            64,
            8,
            3,
        ]
        assert (await called(await opened(Owner))).answer == b"{}"

    asyncio.run(story())
