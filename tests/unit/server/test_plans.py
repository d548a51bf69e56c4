"""Versions on their way, by a clock that stands still and counts that are made up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastgw.core.blocks import DURATION_BUCKETS
from fastgw.server.plans import Counts, Plans, since
from fastgw.server.rollouts import RolloutError, Rollouts, Weights
from tests.unit.server.test_rollouts import CONFIGURED, FILE, Shelf, played

NOTHING = Counts(0, 0, (0,) * (len(DURATION_BUCKETS) + 1))


def after(counts: Counts, requests: int, errors: int = 0, place: int = 0) -> Counts:
    """Some more requests, which took as long as the bucket at ``place`` says."""
    buckets = list(counts.buckets)
    buckets[place] += requests
    return Counts(counts.requests + requests, counts.errors + errors, tuple(buckets))


class Way:
    """A plan under way."""

    def __init__(self, shelf: Shelf, rollouts: Rollouts) -> None:
        self.shelf, self.rollouts = shelf, rollouts
        self.counts = after(NOTHING, 5000, 5000)  # from before, which says nothing
        self.asked: list[str] = []
        self.told: list[Any] = []
        self.lines: list[tuple[str, dict[str, Any]]] = []
        log: Any = self
        self.plans = Plans(self._count, self._follow, log)

    def info(self, event: str, **fields: Any) -> None:
        """As a log."""
        self.lines.append((event, fields))

    error = info

    def _count(self, service: str) -> Counts:
        self.asked.append(service)
        return self.counts

    async def _follow(self, service: str, change: Callable[[], Awaitable[Weights]]) -> None:
        self.told.append((await change())[service])

    async def look(self, now: float) -> None:
        await self.plans.look(self.rollouts, now)

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.lines]


async def begun(folder: Path) -> Way:
    shelf = Shelf(folder)
    rollouts = await shelf.start(FILE)
    await rollouts.begin("llm", "v2")
    way = Way(shelf, rollouts)
    await way.look(1000.0)
    return way


@played
async def test_a_version_that_does_well_takes_its_steps(tmp_path: Path) -> None:
    way = await begun(tmp_path)
    assert (way.asked, way.rollouts.said) == (["llm@v2"], {"llm": "this step has begun"})
    way.counts = after(way.counts, 200)
    await way.look(1059.0)
    assert (way.told, way.rollouts.said) == ([], {"llm": "1 s of this step are left"})
    await way.look(1060.0)
    assert way.told == [{"v1": 0, "v2": 1_000_000}]
    await way.look(1061.0)  # the next one begins
    await way.look(1200.0)
    assert len(way.told) == 1  # nobody has asked: nothing is known
    way.counts = after(way.counts, 200)
    await way.look(1201.0)
    assert way.rollouts.plans == {}
    assert way.events == ["a version takes its next step", "a version has taken all steps"]
    assert way.rollouts.document()["llm"]["outcome"].startswith("v2 has taken all steps: 0 of 200 requests failed")
    await way.look(1300.0)
    assert way.rollouts.said == {}


@played
async def test_a_version_that_fails_is_taken_back_at_once(tmp_path: Path) -> None:
    way = await begun(tmp_path)
    way.counts = after(way.counts, 100, 2)
    await way.look(1001.0)
    assert way.told == [CONFIGURED]
    assert way.events == ["a version does badly and is taken back"]
    assert way.lines[0][1]["reason"] == "2 of 100 requests failed, 2.00%; 1 % may"
    assert way.shelf.shares(way.rollouts) == CONFIGURED


@played
async def test_what_an_operator_did_meanwhile_stays(tmp_path: Path) -> None:
    way = await begun(tmp_path)

    async def too_late(_: str, __: Any) -> None:
        raise RolloutError("the plan was ended meanwhile")

    way.plans._follow = too_late
    way.counts = after(way.counts, 100, 100)
    await way.look(1001.0)
    assert way.events == ["a plan cannot go on"]


def test_what_was_seen_is_of_this_step() -> None:
    first = after(NOTHING, 50, 50)
    seen = since(first, after(first, 100, 3, place=5))
    assert (seen.requests, seen.errors) == (100, 3)
    assert DURATION_BUCKETS[4] / 1e6 < seen.p99 <= DURATION_BUCKETS[5] / 1e6
    assert since(first, first).p99 == 0.0
