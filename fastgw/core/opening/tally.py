"""Trouble that clients can cause at any rate, told in a few lines: the first of a kind at once, then how many more there were."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable

EVERY = 10.0  #: seconds between two lines of one kind


class Tally:
    """Counts by kind; the kinds are the caller's, who bounds them."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tell: Callable[..., None]) -> None:
        """``tell``: called with what ``add`` got and ``count``, how many there were since it was called last."""
        self._loop = loop
        self._tell = tell
        self._counts: dict[
            Hashable, tuple[int, dict[str, object]]
        ] = {}  # not told yet, with the fields of the last one
        self._timers: dict[Hashable, asyncio.TimerHandle] = {}

    def add(self, kind: Hashable, **fields: object) -> None:
        """One more of ``kind``."""
        if kind in self._timers:
            count, _ = self._counts.get(kind, (0, fields))
            self._counts[kind] = (count + 1, fields)
        else:
            self._write(kind, 1, fields)

    def close(self) -> None:
        """Tell what is not told yet."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        for count, fields in self._counts.values():
            self._tell(**fields, count=count)
        self._counts.clear()

    def _write(self, kind: Hashable, count: int, fields: dict[str, object]) -> None:
        self._tell(**fields, count=count)
        self._timers[kind] = self._loop.call_later(EVERY, self._on_timer, kind)

    def _on_timer(self, kind: Hashable) -> None:
        del self._timers[kind]
        found = self._counts.pop(kind, None)
        if found is not None:
            self._write(kind, *found)
