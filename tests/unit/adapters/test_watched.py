"""Whose code runs on the loop, told while it does."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from fastgw.adapters.watched import Watched
from fastgw.core import counters
from tests.unit.adapters.loops import Plane, called, opened

PLANES: list[Plane] = []


class Tells:
    name = "tells"

    async def execute(self, input: dict[str, Any]) -> Any:
        values = PLANES[-1].values
        first = values[counters.RUNNING_SERVICE]
        await asyncio.sleep(0)
        return [first, values[counters.RUNNING_SERVICE]]


def test_each_step_of_a_service_is_told() -> None:
    async def story() -> None:
        PLANES.append(Plane())
        instance = await opened(Tells, PLANES[-1])
        instance.slot = 6
        assert (await called(instance)).answer == b"[7,7]"
        assert PLANES[-1].values[counters.RUNNING_SERVICE] == 0

    asyncio.run(story())


def test_it_is_a_coroutine_like_any_other() -> None:
    async def wait() -> int:
        await asyncio.Event().wait()
        return 1

    async def story() -> None:
        values = [0] * counters.SLAB_VALUES
        one: Any = Watched(wait(), values, 0)
        task: asyncio.Task[int] = asyncio.get_running_loop().create_task(one)
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert values[counters.RUNNING_SERVICE] == 0

        async def soon() -> int:
            return 2

        assert await Watched(soon(), values, 0) == 2
        never = Watched(soon(), values, 0)
        never.close()

    asyncio.run(story())
