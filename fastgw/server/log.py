"""What the gateway says about itself: one JSON object per line on stderr, each with a time, a level and an event.

    {"time": "2026-11-22T12:45:33.120Z", "level": "error", "process": "worker 1", "pid": 4711, "event": "...", ...}

An event is a constant sentence, so that lines can be counted; what varies is in the other fields.  Events that a
client can cause are written through ``limited``, which bounds how often one event is written and says how many lines
it left out.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable

WINDOW = 1.0  #: seconds over which ``limited`` counts
PER_WINDOW = 10  #: lines of one event in a window
EVENTS = 64  #: different events ``limited`` tells apart; beyond it all windows start again


class Log:
    """Writes the lines of one process; a line that cannot be written (closed or full stderr) is dropped."""

    __slots__ = ("_clock", "_fd", "_pid", "_windows", "process")

    def __init__(self, process: str, fd: int = 2, clock: Callable[[], float] = time.monotonic) -> None:
        """``process``: "supervisor" or "worker <n>".  ``clock``: seconds, for the windows of ``limited``."""
        self.process = process
        self._fd = fd
        self._pid = os.getpid()
        self._clock = clock
        self._windows: dict[str, list[float]] = {}  # event -> [start of the window, lines written, lines left out]

    def info(self, event: str, **fields: object) -> None:
        """Write an ordinary event."""
        self._write("info", event, fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write something that an operator may want to look at."""
        self._write("warning", event, fields)

    def error(self, event: str, **fields: object) -> None:
        """Write something that did not work."""
        self._write("error", event, fields)

    def limited(self, event: str, level: str = "error", /, **fields: object) -> None:
        """Write an event at most ``PER_WINDOW`` times a second; ``suppressed`` counts the lines left out since."""
        now = self._clock()
        window = self._windows.get(event)
        if window is None or now - window[0] >= WINDOW:
            if len(self._windows) >= EVENTS:
                self._windows.clear()
            if window is not None and window[2]:
                fields = {**fields, "suppressed": int(window[2])}
            window = self._windows[event] = [now, 0, 0]
        if window[1] >= PER_WINDOW:
            window[2] += 1
            return
        window[1] += 1
        self._write(level, event, fields)

    def _write(self, level: str, event: str, fields: dict[str, object]) -> None:
        import json  # 4 ms that a start without anything to say does not pay

        now = time.time()
        stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(now))}.{int(now % 1 * 1000):03d}Z"
        record = {"time": stamp, "level": level, "process": self.process, "pid": self._pid, "event": event, **fields}
        try:
            os.write(self._fd, json.dumps(record, default=str).encode() + b"\n")  # one write: lines do not mix
        except OSError:
            return
