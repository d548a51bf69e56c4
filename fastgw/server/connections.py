"""The connections of a server of the supervisor: not more than so many, each served in a task of its own, all ended with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

STOP_LIMIT: Final = 1.0  #: seconds for what serves connections to see that they are gone


class Connections:
    """Those that are open."""

    def __init__(self, most: int, on_bug: Callable[[Exception], None]) -> None:
        """``most``: at the same time; more are closed at once.  ``on_bug``: is told what serving one has failed of."""
        self._most = most
        self._on_bug = on_bug
        self._writers: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    def __len__(self) -> int:
        return len(self._writers)

    def __iter__(self) -> Iterator[asyncio.StreamWriter]:
        return iter(list(self._writers.values()))

    async def serve(self, writer: asyncio.StreamWriter, answer: Callable[[], Awaitable[None]]) -> None:
        """Have ``answer`` serve the connection of ``writer``, then close it; called in the task that a server makes for each."""
        if len(self._writers) >= self._most:
            writer.transport.abort()
            return
        task = _task()
        self._writers[task] = writer
        try:
            await answer()
        except (OSError, TimeoutError):
            pass  # a client that went away or to sleep, or that gets no TLS
        except Exception as error:  # noqa: BLE001  one connection that fails must not end the supervisor
            self._on_bug(error)
        finally:
            self._writers.pop(task).close()  # what it sent was taken

    def replace(self, writer: asyncio.StreamWriter) -> None:
        """The connection of this task goes on as ``writer``: it speaks TLS now."""
        self._writers[_task()] = writer

    async def abort(self) -> None:
        """End them all at once, and wait until whoever serves them has seen it."""
        for writer in self:
            writer.transport.abort()
        if self._writers:  # else they would be cancelled with the loop, which is told as a bug
            await asyncio.wait(self._writers, timeout=STOP_LIMIT)


def _task() -> asyncio.Task[None]:
    task = asyncio.current_task()
    assert task is not None
    return task
