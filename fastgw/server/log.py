"""What the gateway says about itself: one JSON object per line on stderr, each with a time, a level and an event; at a terminal text.

    {"time": "2026-11-22T12:45:33.120Z", "level": "error", "process": "worker 1", "pid": 4711, "event": "...", ...}

An event is a constant sentence, so that lines can be counted; what varies is in the other fields.  No event is written more than
``PER_WINDOW`` times a second, whatever causes it: its next line says in ``suppressed`` how many were left out.  Nor does a
stderr that takes nothing (a full pipe) hold up the process: its lines are left out, and the next one says in ``unwritten`` how many.

Where stderr is the journal of systemd each line has its priority in front, ``<3>`` to ``<6>``, which the journal takes off and keeps as the
level (``SyslogLevelPrefix`` in systemd.exec(5), sd-daemon(3)).
"""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from fastgw.core.timestamp import timestamp

if TYPE_CHECKING:
    from fastgw.config.telemetry_spec import TelemetrySpec
    from fastgw.core.live.news import Logged

WINDOW = 1.0  #: seconds over which lines of an event are counted
PER_WINDOW = 10  #: lines of one event in a window
SOCKET_ROOM = 65536  #: bytes that the journal's socket has room for when it says it has some
PRIORITIES = {"error": 3, "warning": 4, "info": 6}  #: of levels, as syslog numbers them (RFC 5424 section 6.2.1)
FORMAT = "FASTGW_LOG_FORMAT"  #: the variable that says ``json`` or ``text``; without it: text at a terminal
EVENTS = 64  #: different events told apart; beyond it all windows start again


class Log:
    """Writes the lines of one process; a line that cannot be written (closed or full stderr) is left out."""

    __slots__ = (
        "_clock",
        "_fd",
        "_is_journal",
        "_is_torn",
        "_on_line",
        "_pid",
        "_piece",
        "_unwritten",
        "_windows",
        "process",
    )

    def __init__(
        self,
        process: str,
        fd: int = 2,
        clock: Callable[[], float] = time.monotonic,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        """``process``: "supervisor" or "worker <n>".  ``clock``: seconds.  ``environ``: says whether ``fd`` is the journal."""
        self.process = process
        self._on_line: Callable[[float, str, Mapping[str, object]], None] | None = None
        self._fd = fd
        self._is_journal = is_journal(fd, environ)
        self._pid = os.getpid()
        self._clock = clock
        self._piece = select.PIPE_BUF if _is_pipe(fd) else SOCKET_ROOM  # bytes of a write
        self._is_torn = False  # the last line was not written to its end
        self._unwritten = 0
        self._windows: dict[str, list[float]] = {}  # event -> [start of the window, lines written, lines left out]

    def pass_on(self, telemetry: TelemetrySpec | None, offer: Callable[[Logged], bool]) -> None:
        """From now on have ``offer``, which returns whether it has taken it, get each line too, if that is what ``telemetry`` says."""
        if telemetry is None or telemetry.logs is None:
            self._on_line = None
            return
        from fastgw.server.log_news import LogNews  # only where somebody wants it

        self._on_line = LogNews(offer, telemetry.logs.level)

    def apart(self) -> Log:
        """A log of the same process that passes nothing on."""
        return Log(self.process, self._fd, self._clock)

    def info(self, event: str, **fields: object) -> None:
        """Write an ordinary event."""
        self.limited(event, "info", **fields)

    def warning(self, event: str, **fields: object) -> None:
        """Write something that an operator may want to look at."""
        self.limited(event, "warning", **fields)

    def error(self, event: str, **fields: object) -> None:
        """Write something that did not work."""
        self.limited(event, "error", **fields)

    def limited(self, event: str, level: str = "error", /, **fields: object) -> None:
        """Write an event at this level."""
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
        record = {
            "time": timestamp(now),
            "level": level,
            "process": self.process,
            "pid": self._pid,
            "event": event,
            **fields,
        }
        if self._unwritten:
            record["unwritten"] = self._unwritten
        line = self._form(json.dumps(record, default=str), record).encode(errors="replace") + b"\n"
        if self._is_journal:
            line = b"<%d>%b" % (PRIORITIES.get(level, 6), line)
        if self._put(b"\n" + line if self._is_torn else line):
            self._unwritten = 0
        else:
            self._unwritten += 1
        if self._on_line is not None:
            self._on_line(now, level, record)

    def _form(self, line: str, record: dict[str, object]) -> str:
        """The line as it is, or for people."""
        wanted = os.environ.get(FORMAT)
        if wanted == "json" or (wanted != "text" and not os.isatty(self._fd)):
            return line
        from fastgw.server.log_text import text_of  # who has no terminal does not need it

        return text_of(record, is_coloured=os.isatty(self._fd) and "NO_COLOR" not in os.environ)

    def _put(self, line: bytes) -> bool:
        """Write without waiting; False if not all of it could be.  In one piece, if a pipe takes it: then lines do not mix."""
        done = 0
        poll = select.poll()
        try:
            poll.register(self._fd, select.POLLOUT)
            while done < len(line) and poll.poll(0):  # room in a pipe is room for a whole piece
                done += os.write(self._fd, line[done : done + self._piece])
        except (OSError, ValueError):  # closed, full, or never there
            pass
        if done:
            self._is_torn = done < len(line)
        return done == len(line)


def is_journal(fd: int, environ: Mapping[str, str]) -> bool:
    """Whether ``fd`` is the journal of systemd, which gives its device and inode to what it starts."""
    try:
        state = os.fstat(fd)
    except OSError:
        return False
    return environ.get("JOURNAL_STREAM") == f"{state.st_dev}:{state.st_ino}"


def _is_pipe(fd: int) -> bool:
    try:
        return stat.S_ISFIFO(os.fstat(fd).st_mode)
    except OSError:
        return True
