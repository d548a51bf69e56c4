"""Files that lines are appended to: opened without waiting, written by a thread, with a bound on what waits.

Nothing here can hold up an event loop.  A file is opened with ``O_NONBLOCK``, so that a named pipe without a reader is an error and
not a wait.  A thread of its own writes what is handed over; a disk that is slow or a pipe whose reader sleeps makes lines wait,
``PENDING_MAX`` bytes of them, and what comes beyond is lost and counted.  Closing does not wait either, but for ``LogFiles.finish`` at the
end of the process.

To a regular file a batch goes in one write, which ``O_APPEND`` keeps whole; where it may have a certain size only, the thread puts another
in its place before it grows beyond (``filters.rotation``).  To a pipe, which other workers write to as well, only whole
lines of ``PIPE_BUF`` bytes together go at once: the kernel does not mix those.
"""

from __future__ import annotations

import contextlib
import errno
import os
import select
import stat
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from fastgw.filters.rotation import Rotation

PENDING_MAX = 8 * 1024 * 1024  #: bytes waiting to be written; beyond it lines are lost
MODE = 0o640  #: permissions of a new file
CLOSE_SECONDS = 5.0  #: in which a file that is closed must take what is still waiting
PIPE_BUF = select.PIPE_BUF
TURN_SECONDS = 10.0  #: between two tries to rotate a file that cannot be
_LOOK_MS = 200  #: between two looks whether a pipe without room is still wanted
_STANDARD = {"stdout": 1, "stderr": 2}


class Loss(NamedTuple):
    """Lines that were lost, since the last time somebody asked."""

    lines: int
    size: int  #: bytes
    cause: str  #: of the last of them
    is_over: bool = False  #: a later line has been written


class Losses:
    """What was lost, and what cannot be rotated, by path; threads and the loop add, the worker takes and tells."""

    def __init__(self) -> None:
        self._found: dict[str, Loss] = {}
        self._stuck: dict[str, str] = {}
        self._lock = threading.Lock()

    def add(self, path: str, lines: int, size: int, cause: str) -> None:
        """Lines for ``path`` were lost."""
        with self._lock:
            old = self._found.get(path)
            self._found[path] = Loss(lines + (old.lines if old else 0), size + (old.size if old else 0), cause)

    def end(self, path: str) -> None:
        """After a loss a line has reached ``path``."""
        with self._lock:
            self._found[path] = self._found.get(path, Loss(0, 0, ""))._replace(is_over=True)

    def take(self) -> dict[str, Loss]:
        """Everything since the last call."""
        with self._lock:
            found, self._found = self._found, {}
        return found

    def stick(self, path: str, cause: str) -> None:
        """``path`` cannot be rotated, because of ``cause``; empty: it can again."""
        with self._lock:
            self._stuck[path] = cause

    def take_stuck(self) -> dict[str, str]:
        """Every change of that since the last call: the cause, or nothing."""
        with self._lock:
            found, self._stuck = self._stuck, {}
        return found


class LogFile:
    """One path, its descriptor and its thread; shared by everybody in this process who writes there."""

    def __init__(self, path: str, files: LogFiles, mode: int = MODE) -> None:
        """Open ``path``: a file, or ``stdout`` or ``stderr``; ``mode``: permissions of a new one.  Raise OSError with a sentence if that
        is not possible."""
        self.path = path
        self.users = 0
        self.pending = 0  #: bytes handed over and not yet written
        self.rotation: Rotation | None = None
        self._files = files
        self._is_owned = path not in _STANDARD
        self._mode = mode
        self._fd = _open(path, mode) if self._is_owned else _STANDARD[path]
        self._is_pipe = _is_pipe(self._fd)
        self._batches: list[bytes] = []
        self._closing_until: float | None = None
        self._is_torn = False  # the last write ended inside a line
        self._is_losing = False
        self._stuck = ""  # why it could not be rotated the last time
        self._next_turn = 0.0  # not before this time again
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    @property
    def is_full(self) -> bool:
        """Is there no room for more until something is written?"""
        return self.pending > PENDING_MAX

    def write(self, lines: bytes) -> None:
        """Have whole lines written soon."""
        with self._wake:
            self._batches.append(lines)
            self.pending += len(lines)
            self._wake.notify()

    def lose(self, lines: int, size: int, cause: str = "it takes lines more slowly than they come") -> None:
        """Count lines that could not be written."""
        self._is_losing = True
        self._files.losses.add(self.path, lines, size, cause)

    def reopen(self) -> None:
        """Write to whatever has this path now; raise OSError, and keep the old file, if it cannot be opened."""
        if self._is_owned:
            fd = _open(self.path, self._mode)
            os.dup2(fd, self._fd, inheritable=False)
            os.close(fd)
            self._is_pipe = _is_pipe(self._fd)

    def close(self) -> None:
        """Have the thread write what waits, for ``CLOSE_SECONDS`` at most, and close."""
        with self._wake:
            self._closing_until = time.monotonic() + CLOSE_SECONDS
            self._wake.notify()

    def join(self, seconds: float) -> None:
        """Wait for the end of the thread; what it has not written then is lost."""
        self._thread.join(seconds)
        if self._thread.is_alive():
            with self._wake:
                left, self._batches = b"".join(self._batches), []
            self.lose(left.count(b"\n"), len(left), "it took nothing until the end")

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._batches and self._closing_until is None:
                    self._wake.wait()
                batches, self._batches = self._batches, []
            if not batches:
                break
            data = b"".join(batches)
            self._write_all(data)
            with self._wake:
                self.pending -= len(data)
        if self._is_owned:
            os.close(self._fd)
        self._files.closing.discard(self)

    def _write_all(self, data: bytes) -> None:
        begin = 0
        if self._is_torn:
            data = b"\n" + data
            begin = 1  # of what is ours to lose
        done = 0
        try:
            while done < len(data):
                end = len(data)
                if self._is_pipe:
                    self._wait_for_room()
                    end = whole_lines(data, done, PIPE_BUF)
                elif self.rotation is not None:
                    end = self._make_room(self.rotation, data, done)
                with contextlib.suppress(BlockingIOError):  # somebody else took the room
                    done += os.write(self._fd, memoryview(data)[done:end])
            is_gone = self._is_owned and not os.fstat(self._fd).st_nlink
        except OSError as error:
            cause = error.strerror or str(error)
            lost = max(begin, done)
            self.lose(data.count(b"\n", lost), len(data) - lost, cause)
        else:
            if is_gone:  # written, but nobody can read it, and its room is not free
                self.lose(data.count(b"\n", begin), len(data) - begin, "the file was deleted; SIGUSR1 makes another")
            elif self._is_losing:
                self._is_losing = False
                self._files.losses.end(self.path)
        if done:
            self._is_torn = data[done - 1] != 10

    def _wait_for_room(self) -> None:
        """Wait until a pipe takes more; raise TimeoutError when it is closed meanwhile and does not."""
        poll = select.poll()
        poll.register(self._fd, select.POLLOUT)
        while not poll.poll(_LOOK_MS):
            if self._closing_until is not None and time.monotonic() > self._closing_until:
                raise TimeoutError("it took nothing for too long")

    def _make_room(self, rotation: Rotation, data: bytes, start: int) -> int:
        """Where a write from ``start`` ends that leaves the file within its size; another takes its place where the next line would not
        have room in it."""
        size = self._size()
        is_inside = start > 0 and data[start - 1] != 10  # a line whose beginning is in this file
        if size and not is_inside and size + data.index(b"\n", start) + 1 - start > rotation.size:
            if not self._rotate(rotation):
                return len(data)  # another worker is at it, or it cannot be: better too large than lost
            size = self._size()
        return whole_lines(data, start, rotation.size - size)

    def _size(self) -> int:
        """Bytes of the file; one that has no name any more is full."""
        state = os.fstat(self._fd)
        return state.st_size if state.st_nlink else 1 << 62

    def _rotate(self, rotation: Rotation) -> bool:
        now = time.monotonic()
        if now < self._next_turn:
            return False
        try:
            is_done = rotation.turn(self.path, self._fd, self.reopen)
            cause = ""
        except OSError as error:
            is_done = False
            cause = error.strerror or str(error)
            self._next_turn = now + TURN_SECONDS
        if cause != self._stuck and (cause or is_done):
            self._stuck = cause
            self._files.losses.stick(self.path, cause)
        return is_done


class LogFiles:
    """The log files of one process, by path."""

    def __init__(self) -> None:
        self.losses = Losses()
        self.closing: set[LogFile] = set()  #: closed, and their threads still write
        self._open: dict[str, LogFile] = {}

    def acquire(self, path: str, rotation: Rotation | None = None) -> LogFile:
        """The file of ``path``, for one more user, who says how it is rotated; one that is open already is opened again: it may have been
        moved away.

        Raises:
            OSError: it cannot be opened; a file that was open already stays in use.
        """
        file = self._open.get(path)
        if file is None:
            file = self._open[path] = LogFile(path, self, rotation.mode if rotation is not None else MODE)
        else:
            file.reopen()
        file.rotation = rotation
        file.users += 1
        return file

    def release(self, file: LogFile) -> None:
        """One user less; the last one closes the file."""
        file.users -= 1
        if not file.users:
            del self._open[file.path]
            self.closing.add(file)
            file.close()

    def append(self, path: str, line: bytes) -> None:
        """Write one line, whether the file is open or not."""
        file = self._open.get(path)
        if file is not None:
            file.write(line)
            return
        try:
            file = self.acquire(path)
        except OSError as error:
            self.losses.add(path, 1, len(line), str(error))
            return
        file.write(line)
        self.release(file)

    def reopen(self) -> dict[str, OSError]:
        """Open every file again; return what could not be, by path: those keep the file they have."""
        failed: dict[str, OSError] = {}
        for path, file in self._open.items():
            try:
                file.reopen()
            except OSError as error:
                failed[path] = error
        return failed

    def finish(self, seconds: float = CLOSE_SECONDS) -> None:
        """At the end of the process: wait until what was closed is written, so long at most."""
        end = time.monotonic() + seconds
        for file in list(self.closing):
            file.join(max(0.0, end - time.monotonic()))


FILES = LogFiles()  #: those of this process


def _open(path: str, mode: int) -> int:
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
    try:
        return os.open(path, flags, mode)
    except OSError as error:
        cause = "it is a pipe or device that nobody reads" if error.errno == errno.ENXIO else error.strerror
        raise OSError(f"{path} cannot be opened for appending: {cause}") from error


def _is_pipe(fd: int) -> bool:
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


def whole_lines(data: bytes, start: int, most: int) -> int:
    """Where a write from ``start`` ends that has whole lines only: with the last one that ends within ``most`` bytes, or else the first."""
    return data.rfind(b"\n", start, start + max(0, most)) + 1 or data.find(b"\n", start) + 1 or len(data)
