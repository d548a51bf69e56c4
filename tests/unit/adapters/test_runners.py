"""Calls on the loop and in threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from fastgw.adapters.runners import LoopRunner, ThreadRunner
from fastgw.errors import DownstreamError
from tests.unit.adapters.loops import Heard, called, opened

ENDED: list[str] = []


class OnLoop:
    name = "loop"

    async def execute(self, input: dict[str, Any]) -> Any:
        if "wait" in input:
            await asyncio.Event().wait()
        return {"thread": threading.current_thread() is threading.main_thread(), **input}


class InThread:
    name = "thread"

    def execute(self, input: dict[str, Any]) -> Any:
        if "raise" in input:
            raise DownstreamError(422, "json_unfit", "no")
        return {"thread": threading.current_thread() is threading.main_thread(), **input}


class Yields:
    name = "yields"

    async def execute(self, input: dict[str, Any]) -> AsyncIterator[Any]:
        try:
            for number in range(input["n"]):
                yield number
        finally:
            ENDED.append("async")


class Steps:
    name = "steps"

    def execute(self, input: dict[str, Any]) -> Iterator[Any]:
        try:
            yield from range(input["n"])
        finally:
            ENDED.append("plain")


@pytest.mark.parametrize(
    ("kind", "runner", "is_main"), [(OnLoop, LoopRunner, b"true"), (InThread, ThreadRunner, b"false")]
)
def test_each_runs_where_it_should(kind: type, runner: type, is_main: bytes) -> None:
    async def story() -> None:
        instance = await opened(kind)
        assert isinstance(instance.runner, runner)
        assert (await called(instance, b'{"a":1}')).answer == b'{"thread":%b,"a":1}' % is_main
        assert isinstance((await called(instance, b"{")).error, DownstreamError)
        await instance.close()

    asyncio.run(story())


def test_what_is_cancelled_is_over() -> None:
    async def story() -> None:
        instance = await opened(OnLoop)
        for begins in (False, True):
            call = Heard()
            instance.runner.begin(call, b'{"wait": 1}')
            assert call.task is not None
            if begins:
                await asyncio.sleep(0)
            call.task.cancel()
            await asyncio.wait_for(call.done.wait(), 10)
            assert call.error is call.answer is None

    asyncio.run(story())


def test_an_error_in_a_thread_is_that_of_the_call() -> None:
    async def story() -> None:
        call = await called(await opened(InThread), b'{"raise": 1}')
        assert isinstance(call.error, DownstreamError) and call.error.status == 422

    asyncio.run(story())


@pytest.mark.parametrize("kind", [Yields, Steps])
def test_streams(kind: type) -> None:
    async def story() -> None:
        instance = await opened(kind)
        ENDED.clear()
        call = await called(instance, b'{"n": 3}')
        assert call.events == [b"data: 0\n\n", b"data: 1\n\n", b"data: 2\n\n"] and call.is_ended
        call = await called(instance, b'{"n": 1000000}', events_max=2)
        assert len(call.events) == 2 and not call.is_ended and call.error is None
        assert len(ENDED) == 2
        assert isinstance((await called(instance, b"{}")).error, KeyError)

    asyncio.run(story())
