"""Tells that lines of access logs were lost: a line when it begins, one now and then while it lasts, one when it is over; and that a log
cannot be rotated, once for each cause.

A disk that is full loses thousands of lines a second, and says so for each of them; here that becomes a counter, and
``TELL_SECONDS`` between two lines of the log.
"""

from __future__ import annotations

from collections.abc import Callable, MutableSequence

from fastgw.core import counters
from fastgw.filters.log_file import FILES, LogFiles, Loss
from fastgw.server.log import Log
from fastgw.server.messages import LostLines, Report

TELL_SECONDS = 10.0


class LossReport:
    """What one worker has to tell of its logs."""

    def __init__(
        self, log: Log, clock: Callable[[], float], send: Callable[[Report], None], files: LogFiles = FILES
    ) -> None:
        """``clock``: seconds; ``send``: to the supervisor, which shows it."""
        self._send = send
        self._log = log
        self._clock = clock
        self._files = files
        self._untold: dict[str, Loss] = {}  # by path; a path is forgotten when its trouble is over
        self._told_at: dict[str, float] = {}

    def look(self, values: MutableSequence[int] | memoryview, *, is_last: bool = False) -> None:
        """Count and tell what was lost since the last look; ``is_last``: nobody will look again, so tell everything."""
        for path, loss in self._files.losses.take().items():
            values[counters.LOG_LINES_LOST] += loss.lines
            old = self._untold.get(path, Loss(0, 0, loss.cause))
            cause = loss.cause or old.cause
            self._untold[path] = Loss(old.lines + loss.lines, old.size + loss.size, cause, loss.is_over)
        for path in list(self._untold):
            self._tell(path, is_last)
        for path, cause in self._files.losses.take_stuck().items():
            if cause:
                self._log.error("a log cannot be rotated, it grows beyond its size", path=path, cause=cause)
            else:
                self._log.info("the log is rotated again", path=path)

    def _tell(self, path: str, is_last: bool) -> None:
        loss, now = self._untold[path], self._clock()
        if not is_last and now - self._told_at.get(path, float("-inf")) < TELL_SECONDS:
            return
        if loss.lines:
            self._told_at[path] = now
            self._log.error("access log lines are lost", path=path, count=loss.lines, bytes=loss.size, cause=loss.cause)
            self._send(Report((), losses=(LostLines(path, loss.lines, loss.cause, False),)))
            self._untold[path] = loss._replace(lines=0, size=0)
        if loss.is_over:
            self._log.info("the access log is written again", path=path)
            self._send(Report((), losses=(LostLines(path, 0, "", True),)))
            del self._untold[path]
            self._told_at.pop(path, None)
