"""Calls without an exchange, on a real loop: for what runs in threads and processes."""

from __future__ import annotations

import asyncio
import mmap
from typing import Any

from fastgw.adapters.instance import Instance
from fastgw.adapters.runners import CallGone
from fastgw.core import counters
from fastgw.testing.service import inside


class Heard:
    """A call that writes down what it is told."""

    def __init__(self, events_max: int = 1000) -> None:
        self.task: asyncio.Task[None] | None = None
        self.answer: bytes | None = None
        self.events: list[bytes] = []
        self.is_ended = False
        self.error: BaseException | None = None
        self.done = asyncio.Event()
        self._events_max = events_max

    def answered(self, data: bytes) -> None:
        self.answer = data

    async def send(self, data: bytes) -> None:
        if len(self.events) == self._events_max:
            raise CallGone
        self.events.append(data)

    def end_stream(self) -> None:
        self.is_ended = True

    def broke(self, error: BaseException) -> None:
        self.error = error

    def over(self) -> None:
        assert not self.done.is_set()
        self.done.set()


class Plane:
    """What an instance asks of the data plane."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.values = memoryview(mmap.mmap(-1, counters.SLAB_BYTES)).cast("Q")
        self.told: list[tuple[str, dict[str, Any]]] = []

    def report(self, level: str, event: str, /, **fields: Any) -> None:
        self.told.append((event, fields))


async def opened(kind: type, plane: Any = None, **changes: Any) -> Instance:
    """An instance that is ready."""
    instance = Instance("s", inside(kind, **changes))
    await instance.open(plane or Plane())
    return instance


async def called(instance: Instance, body: bytes = b"", **options: Any) -> Heard:
    """One call, to its end."""
    call = Heard(**options)
    instance.runner.begin(call, body)
    await asyncio.wait_for(call.done.wait(), 30)
    return call
