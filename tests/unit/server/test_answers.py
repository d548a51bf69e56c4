"""What workers answer, and what stands for one that does not."""

from __future__ import annotations

import asyncio

from fastgw.server.answers import Answers
from fastgw.server.messages import Prepared
from fastgw.server.workers import WorkerProcess


def test_an_answer_counts_once_and_for_its_question() -> None:
    async def story() -> None:
        one, two, three, stranger = (WorkerProcess(index) for index in range(4))
        answers = Answers()
        answers.ask(7, [one, two, three])
        assert not answers.give(one, Prepared(6))
        assert not answers.give(stranger, Prepared(7))
        assert answers.give(one, Prepared(7, changed=("m",)))
        assert not answers.give(one, Prepared(7))
        answers.die(two)
        answers.die(stranger)
        got = await answers.wait(0.01)
        assert [got[one].changed, got[one].problems] == [("m",), ()]
        assert got[two].problems == ("worker 1 died while it prepared the configuration",)
        assert got[three].problems == ("worker 2 did not answer within 0.01 s",)
        assert not answers.give(three, Prepared(7))  # too late

    asyncio.run(story())


def test_nobody_asked_is_no_wait() -> None:
    async def story() -> None:
        answers = Answers()
        answers.ask(1, [])
        assert await answers.wait(10) == {}

    asyncio.run(story())
