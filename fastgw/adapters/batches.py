"""Calls that come at the same time, gathered for a service that does many at once (``execute_batch``).

    call ──▶ gathered ── there are ``max`` of them, or the first has waited for ``wait`` ──▶ one call of execute_batch

A batch that must wait for a place among the ``workers`` gathers on meanwhile: under load batches are as large as they may be, and nobody
waits for the clock.  Each item is answered by itself; one whose client has left before its batch began is not in it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from fastgw.adapters.runners import Runnable
from fastgw.adapters.speech import decoded, encoded
from fastgw.adapters.threads import Threads
from fastgw.errors import GatewayError

if TYPE_CHECKING:
    from fastgw.adapters.runners import Call


class Item:
    """One call of a batch; what is cancelled when its client leaves."""

    __slots__ = ("_batches", "call", "input")

    def __init__(self, batches: BatchRunner, call: Call, input: dict[str, Any]) -> None:  # noqa: A002 - as services call it
        self._batches = batches
        self.call = call
        self.input = input

    def cancel(self) -> None:
        """Nobody waits for it."""
        self._batches.drop(self)


class BatchWorker(Protocol):
    """Runs one batch at a time of as many as there may be."""

    async def run(self, inputs: list[dict[str, Any]]) -> Sequence[Any]:
        """What ``execute_batch`` returns."""

    async def open(self) -> None:
        """See ``runners.Runner``."""

    async def close(self) -> None:
        """See ``runners.Runner``."""


class OnLoop:
    """Batches on the loop."""

    __slots__ = ("_instance",)

    def __init__(self, instance: Runnable) -> None:
        self._instance = instance

    async def run(self, inputs: list[dict[str, Any]]) -> Sequence[Any]:
        """See ``BatchWorker``."""
        found: Sequence[Any] = await self._instance.object.execute_batch(inputs)
        return found

    async def open(self) -> None:
        """See ``BatchWorker``: nothing."""

    async def close(self) -> None:
        """See ``BatchWorker``: nothing."""


class InThreads:
    """Batches in threads."""

    __slots__ = ("_instance", "_threads")

    def __init__(self, instance: Runnable) -> None:
        self._instance = instance
        self._threads = Threads(instance.loop, f"fastgw-{instance.service}")

    async def run(self, inputs: list[dict[str, Any]]) -> Sequence[Any]:
        """See ``BatchWorker``."""
        future: asyncio.Future[tuple[Any, BaseException | None]] = self._instance.loop.create_future()
        execute = self._instance.object.execute_batch
        self._threads.submit(lambda: execute(inputs), lambda *found: future.set_result(found))
        result, error = await future
        if error is not None:
            raise error
        answers: Sequence[Any] = result
        return answers

    async def open(self) -> None:
        """See ``BatchWorker``: nothing."""

    async def close(self) -> None:
        """See ``BatchWorker``."""
        self._threads.close()


class BatchRunner:
    """Gathers the calls of one instance (a ``runners.Runner``)."""

    __slots__ = ("_gathered", "_instance", "_is_due", "_max", "_running", "_tasks", "_timer", "_wait", "_worker")

    def __init__(self, instance: Runnable, worker: BatchWorker, batch_max: int, wait: float) -> None:
        """``batch_max``: items of a batch; ``wait``: seconds that its first may wait for others."""
        self._instance = instance
        self._worker = worker
        self._max = batch_max
        self._wait = wait
        self._gathered: dict[Item, None] = {}  # in the order in which they came
        self._is_due = False  # they have waited long enough, and there was no place
        self._running = 0  # batches
        self._tasks: set[asyncio.Task[None]] = set()
        self._timer: asyncio.TimerHandle | None = None

    async def open(self) -> None:
        """See ``Runner``."""
        await self._worker.open()

    async def close(self) -> None:
        """See ``Runner``."""
        await self._worker.close()

    def begin(self, call: Call, body: bytes) -> None:
        """See ``Runner``: it is one more that is gathered."""
        try:
            item = Item(self, call, decoded(body))
        except GatewayError as error:
            call.broke(error)
            call.over()
            return
        call.task = item
        self._gathered[item] = None
        if len(self._gathered) >= self._max or not self._wait:
            self._flush()
        elif self._timer is None and not self._is_due:
            self._timer = self._instance.loop.call_later(self._wait, self._flush)

    def drop(self, item: Item) -> None:
        """Its client is gone; in a batch under way it goes on, for the others."""
        if item in self._gathered:
            del self._gathered[item]
            item.call.over()

    def _flush(self) -> None:
        """Begin with those that are gathered, as far as there are places."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._gathered and self._running < self._instance.workers:
            items = list(self._gathered)[: self._max]
            for item in items:
                del self._gathered[item]
            self._running += 1
            task = self._instance.watched(self._run(items))
            self._tasks.add(task)
            task.add_done_callback(self._ended)
        self._is_due = bool(self._gathered)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        self._running -= 1
        if self._is_due:
            self._flush()

    async def _run(self, items: list[Item]) -> None:
        try:
            answers = await self._worker.run([item.input for item in items])
            if len(answers) != len(items):
                raise TypeError(f"execute_batch got {len(items)} inputs and returned {len(answers)} answers")
        except (Exception, SystemExit) as error:  # noqa: BLE001 - it ends this batch, not the worker
            for item in items:
                item.call.broke(error)
                item.call.over()
            return
        for item, answer in zip(items, answers, strict=True):
            _settle(item.call, answer)


def _settle(call: Call, answer: Any) -> None:
    if isinstance(answer, BaseException):
        call.broke(answer)
    else:
        try:
            data = encoded(answer)
        except TypeError as error:
            call.broke(error)
        else:
            call.answered(data)
    call.over()
