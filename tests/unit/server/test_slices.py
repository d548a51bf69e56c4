"""Work in steps on a loop that serves meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from fastgw.server import slices
from fastgw.server.slices import SLICE, in_slices
from fastgw.steps import Steps


class Work:
    """Steps that take time of a clock of their own; what happened is in ``journal``."""

    def __init__(self, *seconds: float) -> None:
        self.seconds = seconds
        self.now = 100.0
        self.journal: list[str] = []

    def steps(self) -> Steps[str]:
        try:
            for one in self.seconds:
                self.now += one
                self.journal.append("step")
                yield
            return "made"
        finally:
            self.journal.append("closed")

    async def rest(self) -> None:
        self.journal.append("rest")
        self.now += 1.0

    def run(self, check: Callable[[], None] = lambda: None) -> str:
        return asyncio.run(in_slices(self.steps(), lambda: self.now, check, self.rest))


def test_what_is_done_within_a_slice_knows_no_pause() -> None:
    work = Work(SLICE / 4, SLICE / 4, SLICE / 4)
    assert work.run() == "made" and "rest" not in work.journal


def test_there_is_a_pause_when_the_time_of_a_slice_is_over() -> None:
    work = Work(*[SLICE * 0.6] * 5)
    assert work.run() == "made"
    assert work.journal == ["step", "step", "rest", "step", "step", "rest", "step", "closed"]


def test_a_long_step_ends_its_slice() -> None:
    work = Work(SLICE * 9, 0.0, 0.0)
    work.run()
    assert work.journal == ["step", "rest", "step", "step", "closed"]


def test_check_ends_the_work_behind_a_pause() -> None:
    work = Work(*[SLICE] * 5)

    def check() -> None:
        if work.journal.count("rest") == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        work.run(check)
    assert work.journal == ["step", "rest", "step", "rest", "closed"]


def test_others_have_most_of_the_time() -> None:
    assert slices.PAUSE > SLICE

    async def story() -> int:
        turns = 0

        async def other() -> None:
            nonlocal turns
            while True:
                turns += 1
                await asyncio.sleep(0)

        beside = asyncio.create_task(other())
        work = Work(*[SLICE] * 3)
        await in_slices(work.steps(), lambda: work.now, lambda: None)
        beside.cancel()
        return turns

    assert asyncio.run(story()) >= 3
