"""``access_log``: one JSON line per exchange, written in batches, never on the event loop's time.

A line is formatted when the exchange ends and waits in a buffer.  The buffer is handed to a thread when it is full or a second old; the
thread writes while the loop goes on.  When the disk is slower than the traffic, lines are dropped and counted rather than memory
filled: the next line that is written says how many (``"dropped": n``).

Every value that comes from a client is escaped (orjson) and cut to ``VALUE_MAX`` bytes, so no client can forge a line.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import orjson

if TYPE_CHECKING:
    from fastgw.core.exchange import Exchange
    from fastgw.core.snapshot import Service

BATCH_BYTES = 64 * 1024
FLUSH_SECONDS = 1.0
PENDING_MAX = 8 * 1024 * 1024  #: bytes waiting for the disk; beyond it lines are dropped
VALUE_MAX = 1024


class AccessLog:
    """Writes to ``path``: ``stdout``, ``stderr`` or a file, which is opened again on every reload (for log rotation)."""

    __slots__ = (
        "_batch",
        "_dropped",
        "_flush_seconds",
        "_handle",
        "_is_stopped",
        "_lines",
        "_loop",
        "_path",
        "_size",
        "_wall",
        "_writer",
        "name",
    )

    def __init__(self, name: str, options: Mapping[str, Any], wall: Callable[[], float] = time.time) -> None:
        """``options``: ``path``, ``batch`` (bytes), ``flush`` (seconds); ``wall``: seconds since 1970."""
        self.name = name
        self._path: str = options.get("path", "stdout")
        self._batch: int = int(options.get("batch", BATCH_BYTES))
        self._flush_seconds: float = float(options.get("flush", FLUSH_SECONDS))
        self._wall = wall
        self._lines: list[bytes] = []
        self._size = 0
        self._dropped = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._writer: _Writer | None = None
        self._is_stopped = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be opened for appending.
        """
        self._loop = loop
        self._writer = _Writer.acquire(self._path)

    def stop(self) -> None:
        """Write what is there and close the file."""
        self._flush()
        if self._writer is not None:
            self._writer.release()
            self._writer = None
        self._is_stopped = True

    def done(self, exchange: Exchange) -> None:
        """Add the exchange's line."""
        request, response = exchange.request, exchange.response
        error = exchange.error
        service: Service | None = exchange.service
        status = error.status if error is not None and error.status == 499 else response.status
        line: dict[str, Any] = {
            "time": self._wall(),
            "id": _text(request.request_id),
            "client": _text(exchange.downstream.address),
            "method": _text(request.method),
            "host": _text(request.host),
            "path": _text(request.path),
            "status": status,
            "route": exchange.route.name,
            "service": service.name if service is not None else None,
            "endpoint": exchange.asked or None,
            "attempts": exchange.attempts,
            "ms": round((exchange.plane.clock() - exchange.started) * 1000, 3),
            "in": exchange.body.received,
            "out": exchange.bytes_out,
        }
        if error is not None:
            line["error"] = error.code
            line["fault"] = error.fault
        self._add(line)

    def _add(self, line: dict[str, Any]) -> None:
        if self._writer is not None and self._writer.pending > PENDING_MAX:
            self._dropped += 1
            return
        if self._dropped:
            line["dropped"] = self._dropped
            self._dropped = 0
        data = orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE)
        if self._is_stopped:  # an exchange that outlived its configuration
            with contextlib.closing(_Writer(self._path)) as writer:
                writer.write(data)
            return
        self._lines.append(data)
        self._size += len(data)
        if self._size >= self._batch:
            self._flush()
        elif self._handle is None and self._loop is not None:
            self._handle = self._loop.call_later(self._flush_seconds, self._flush)

    def _flush(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._lines and self._writer is not None:
            self._writer.write(b"".join(self._lines))
        self._lines = []
        self._size = 0


class _Writer:
    """A thread that writes batches to one file descriptor, in order; one for each path, whatever number of filters write there."""

    _by_path: ClassVar[dict[str, _Writer]] = {}

    def __init__(self, path: str) -> None:
        standard = {"stdout": sys.stdout, "stderr": sys.stderr}.get(path)
        self._path = path
        self._users = 0
        self._owned = standard is None
        self._fd = _open(path) if standard is None else standard.fileno()
        self.pending = 0  #: bytes handed over and not yet written
        self._batches: list[bytes] = []
        self._is_closing = False
        self._wake = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)
        self._thread.start()

    @classmethod
    def acquire(cls, path: str) -> _Writer:
        """The writer of ``path``; one that is there already opens its file again, which may have been rotated away.

        Raises:
            OSError: the file cannot be opened for appending.
        """
        writer = cls._by_path.get(path)
        if writer is None:
            writer = cls._by_path[path] = cls(path)
        else:
            writer.reopen()
        writer._users += 1
        return writer

    def release(self) -> None:
        """One filter less; the last one closes the file."""
        self._users -= 1
        if not self._users:
            del self._by_path[self._path]
            self.close()

    def reopen(self) -> None:
        """Write to whatever file has this path now."""
        if self._owned:
            fd = _open(self._path)
            os.dup2(fd, self._fd, inheritable=False)
            os.close(fd)

    def write(self, batch: bytes) -> None:
        """Queue ``batch``."""
        with self._wake:
            self._batches.append(batch)
            self.pending += len(batch)
            self._wake.notify()

    def close(self) -> None:
        """Write what is queued, then end the thread (5 s at most: a dead disk must not hold up a shutdown)."""
        with self._wake:
            self._is_closing = True
            self._wake.notify()
        self._thread.join(5)
        if self._owned and not self._thread.is_alive():
            os.close(self._fd)

    def _run(self) -> None:
        while True:
            with self._wake:
                while not self._batches and not self._is_closing:
                    self._wake.wait()
                batches, self._batches = self._batches, []
            if not batches:
                return
            data = memoryview(b"".join(batches))
            size = len(data)
            try:
                while data:
                    data = data[os.write(self._fd, data) :]
            except OSError as error:
                sys.stderr.write(f'{{"level":"error","message":"access log lost {len(data)} bytes: {error}"}}\n')
            with self._wake:
                self.pending -= size


def _open(path: str) -> int:
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)


def _text(value: bytes) -> str:
    return value[:VALUE_MAX].decode("latin-1")
