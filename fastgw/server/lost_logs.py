"""Access logs that lose lines now, as the workers report it: what ``/status`` shows of a disk that is full."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import Any, Final

from fastgw.server.messages import LostLines
from fastgw.server.standings import stamp

QUIET: Final = 120.0  #: seconds after which a worker that says nothing more, because it died or nothing is written, is not believed


class _Lost:
    __slots__ = ("cause", "last", "lines", "since")

    def __init__(self, now: float) -> None:
        self.since = self.last = now
        self.lines = 0
        self.cause = ""


class LostLogs:
    """By path and worker; bounded by the logs that there are."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        """``clock``: seconds since 1970."""
        self._clock = clock
        self._found: dict[tuple[str, int], _Lost] = {}

    def learn(self, worker: int, losses: Iterable[LostLines]) -> None:
        """Take what a worker reports."""
        now = self._clock()
        for one in losses:
            if one.is_over:
                self._found.pop((one.path, worker), None)
            else:
                found = self._found.setdefault((one.path, worker), _Lost(now))
                found.last, found.cause = now, one.cause
                found.lines += one.lines

    def document(self) -> dict[str, Any]:
        """For ``/status``, by path: since when, how many lines, and why."""
        now = self._clock()
        self._found = {key: found for key, found in self._found.items() if now - found.last < QUIET}
        told: dict[str, Any] = {}
        for path in sorted({path for path, _ in self._found}):
            of_path = [found for key, found in self._found.items() if key[0] == path]
            told[path] = {
                "lines": sum(one.lines for one in of_path),
                "cause": max(of_path, key=lambda one: one.last).cause,
                "since": stamp(min(one.since for one in of_path)),
            }
        return told
