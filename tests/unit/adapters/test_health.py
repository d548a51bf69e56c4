"""What a service says of itself, and what becomes of its calls meanwhile."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from fastgw.adapters import health as module
from fastgw.adapters.health import Health
from fastgw.core.live.news import FAILING, USED
from fastgw.testing.edge import body_of, statuses
from fastgw.testing.service import ServiceEdge
from tests.unit.adapters.loops import Plane, opened

Told = list[tuple[str, dict[str, Any]]]


def asked(ask: Any) -> tuple[str, Told]:
    """The reason after one question, and what the log has."""
    told: Told = []

    async def story() -> str:
        health = Health("s", ask, lambda _, event, **fields: told.append((event, fields)))
        await health.look()
        return health.reason

    return asyncio.run(story()), told


def says(answer: Any) -> Any:
    """A ``health`` that returns this, or raises it."""

    async def health() -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return health


@pytest.mark.parametrize("answer", [None, True])
def test_it_is_well_where_it_says_so_or_nothing(answer: Any) -> None:
    assert asked(says(answer)) == ("", [])


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (False, "it is not well"),
        ("", "it is not well"),
        (0, "it is not well"),
        ("no\n memory", "no memory"),
        ("x" * 300, "x" * 200),
        (ConnectionError("no database"), "ConnectionError: no database"),
        (SystemExit(3), "SystemExit: 3"),
        (TimeoutError("its own"), "TimeoutError: its own"),
        (asyncio.CancelledError(), "health was cancelled"),  # something that it waited for was
    ],
)
def test_it_is_not_where_it_says_anything_else_or_raises(answer: Any, reason: str) -> None:
    event = ("a service says that it is not well", {"service": "s", "reason": reason})
    assert asked(says(answer)) == (reason, [event])


def test_plain_ones_are_asked_in_a_thread() -> None:
    threads: list[threading.Thread] = []

    def health() -> bool:
        threads.append(threading.current_thread())
        return True

    assert asked(health) == ("", [])
    assert threads[0] is not threading.main_thread()


def test_an_answer_that_does_not_come_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 0.02)

    async def health() -> None:
        await asyncio.get_running_loop().create_future()

    assert asked(health)[0] == "health takes longer than 0.02 s"


def test_one_that_hangs_has_one_thread_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT", 0.02)
    go_on, asked = threading.Event(), []

    def ask() -> None:
        asked.append(threading.current_thread())
        go_on.wait(10)

    async def story() -> None:
        health = Health("s", ask, lambda *_, **__: None)
        for _ in range(3):
            await health.look()
            assert health.reason == "health takes longer than 0.02 s"
        assert len(asked) == 1
        go_on.set()
        await asyncio.to_thread(asked[0].join, 10)
        monkeypatch.setattr(module, "LIMIT", 10.0)
        await health.look()
        assert health.reason == "" and len(asked) == 2

    asyncio.run(story())


class Moody:
    name = "moody"
    answers: list[Any] = []
    instance: Any = None

    async def execute(self, input: dict[str, Any]) -> Any:
        return {}

    async def health(self) -> Any:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def test_it_is_asked_before_it_serves_and_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "EVERY", 0.001)

    async def story() -> Told:
        plane = Plane()
        Moody.answers = ["warming up", "warming up", "worse", True]
        instance = await opened(Moody, plane)
        assert instance.ill == "warming up"
        while instance.ill:
            await asyncio.sleep(0)
        assert instance.health is not None
        task = instance.health._task
        assert task is not None
        instance.stop()  # nobody has it any more
        await asyncio.wait([task], timeout=10)
        assert task.cancelled()
        return plane.told

    (ill, fields), (well, _) = asyncio.run(story())
    assert (ill, fields["reason"]) == ("a service says that it is not well", "warming up")  # once
    assert well == "a service is well again"


def test_calls_of_one_that_is_not_well_are_answered_503(monkeypatch: pytest.MonkeyPatch) -> None:
    edge = ServiceEdge(Moody)
    standings: list[Any] = []
    edge.plane.on_standing = standings.append
    health = edge.instance.health = Health("s", says(True), lambda *_, **__: None)
    assert statuses(edge.ask()) == [200]

    health.reason = "no memory left on the device"
    answer = edge.ask()
    assert statuses(answer) == [503] and b"retry-after" in answer
    assert b"service_unhealthy" in body_of(answer) and b"device" not in answer  # which is for the operator
    edge.loop.advance(1)
    (told,) = standings
    assert (told.state, told.cause) == (FAILING, "service_unhealthy") and "on the device" in told.reason

    health.reason = ""
    assert statuses(edge.ask()) == [200]
    edge.loop.advance(1)
    assert [one.state for one in standings] == [FAILING, USED]
    edge.end()
