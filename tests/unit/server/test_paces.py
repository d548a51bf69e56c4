"""Who is slow beside the others, of counters that are written here."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from fastgw.core import counters as layout
from fastgw.core.blocks import bucket_of
from fastgw.server.log import Log
from fastgw.server.paces import MINIMUM, WINDOW, Paces


class Told(Log):
    """The log."""

    def __init__(self) -> None:
        super().__init__("test", fd=-1)
        self.lines: list[tuple[str, Any]] = []

    def warning(self, event: str, /, **fields: Any) -> None:
        self.lines.append((event, fields))

    def info(self, event: str, /, **fields: Any) -> None:
        self.lines.append((event, fields))


class Stage:
    """A gateway of two workers, whose service has some members."""

    def __init__(self, *members: str) -> None:
        self.slots = {("s", name): place for place, name in enumerate(members)}
        self.slabs = [[0] * layout.SLAB_VALUES for _ in range(2)]
        plan = SimpleNamespace(slots=SimpleNamespace(endpoints=self.slots))
        self.gateway: Any = SimpleNamespace(current=plan, slabs=self.slabs)
        self.now = 0.0
        self.log = Told()
        self.paces = Paces(self.gateway, lambda: self.now, lambda: self.now)
        self.paces.tick(self.log)

    def answer(self, name: str, seconds: float, times: int = MINIMUM) -> None:
        at = layout.ENDPOINT.base(self.slots["s", name]) + layout.ENDPOINT_ANSWERS_US + 1
        for number in range(times):
            self.slabs[number % 2][at + bucket_of(int(seconds * 1e6))] += 1

    def pass_by(self) -> set[str]:
        """A window; who is slow behind it."""
        self.now += WINDOW
        self.paces.tick(self.log)
        return {name for _, name in self.slots if self.paces.of("s", name) is not None}


def test_one_that_is_slow_beside_the_others_is_told_as_long_as_it_is() -> None:
    stage = Stage("a", "b", "c")
    for _ in range(2):
        for name, seconds in (("a", 0.02), ("b", 0.02), ("c", 0.4)):
            stage.answer(name, seconds)
        assert stage.pass_by() == {"c"}
    assert stage.paces.of("s", "c") == {"seconds": 0.375, "others": 0.0175, "since": "1970-01-01T00:00:30.000Z"}
    for name in "abc":
        stage.answer(name, 0.02)
    assert stage.pass_by() == set()
    assert stage.log.lines == [
        ("an endpoint is slow", {"service": "s", "endpoint": "c", "seconds": 0.375, "others": 0.0175}),
        ("an endpoint is not slow any more", {"service": "s", "endpoint": "c"}),
    ]


@pytest.mark.parametrize(
    "answers",
    [
        {"a": (0.02, MINIMUM), "b": (0.4, MINIMUM - 1)},  # of too few
        {"b": (0.4, MINIMUM)},  # beside nobody
        {"a": (0.4, MINIMUM), "b": (0.4, MINIMUM)},  # all of them are
        {"a": (0.0001, MINIMUM), "b": (0.009, MINIMUM)},  # fast enough
        {"a": (0.024, MINIMUM), "b": (0.051, MINIMUM)},  # half a bucket apart from twice as long
    ],
)
def test_what_is_none(answers: dict[str, tuple[float, int]]) -> None:
    stage = Stage("a", "b")
    for name, (seconds, times) in answers.items():
        stage.answer(name, seconds, times)
    assert stage.pass_by() == set() and stage.log.lines == []


def test_what_was_before_says_nothing() -> None:
    stage = Stage("a", "b")
    stage.slots["s", "c"] = 2
    stage.answer("c", 0.4, 99)  # its slot had another name
    for name in "ab":
        stage.answer(name, 0.02)
    assert stage.pass_by() == set()


def test_it_looks_now_and_then_and_without_a_configuration_at_nothing() -> None:
    stage = Stage("a", "b")
    stage.answer("a", 0.02)
    stage.answer("b", 0.4)
    stage.now += WINDOW / 2
    stage.paces.tick(stage.log)
    assert stage.paces.of("s", "b") is None
    stage.gateway.current = None
    assert stage.pass_by() == set()
