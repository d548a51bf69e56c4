"""What workers answer to what the supervisor asks of them: one question at a time, of one generation."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from fastgw.server.messages import Prepared

if TYPE_CHECKING:
    from fastgw.server.workers import WorkerProcess


class Answers:
    """A future for each worker that was asked."""

    def __init__(self) -> None:
        self._generation = 0  # the one the question is about
        self._futures: dict[WorkerProcess, asyncio.Future[Prepared]] = {}

    def ask(self, generation: int, workers: Sequence[WorkerProcess]) -> None:
        """``workers`` are about to be asked; what others were asked is forgotten."""
        loop = asyncio.get_running_loop()
        self._generation = generation
        self._futures = {worker: loop.create_future() for worker in workers}

    def give(self, worker: WorkerProcess, answer: Prepared) -> bool:
        """True if this answers the question."""
        future = self._futures.get(worker)
        if answer.generation != self._generation or future is None or future.done():
            return False
        future.set_result(answer)
        return True

    def die(self, worker: WorkerProcess) -> None:
        """The worker's process has ended."""
        reason = f"worker {worker.index} died while it prepared the configuration"
        self.give(worker, Prepared(self._generation, (reason,)))

    async def wait(self, limit: float) -> dict[WorkerProcess, Prepared]:
        """What they answered; one that says nothing within ``limit`` seconds has a problem."""
        futures = self._futures
        try:
            if futures:
                await asyncio.wait(futures.values(), timeout=limit)
        finally:
            self._futures = {}
        return {
            worker: future.result()
            if future.done()
            else Prepared(self._generation, (f"worker {worker.index} did not answer within {limit:g} s",))
            for worker, future in futures.items()
        }
