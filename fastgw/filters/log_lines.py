"""Lines for a log file, written in batches, never on the event loop's time.

A line waits in a buffer, which is handed to the thread of a ``LogFile`` when it is full or some time old.  When the disk is slower than the
traffic, lines are dropped and counted rather than memory filled: the next line of JSON that is written says how many (``"dropped": n``).
No line is the first in the buffer while the file has no room.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.filters.log_file import FILES, LogFile
from fastgw.filters.writer import Writer

if TYPE_CHECKING:
    from fastgw.filters.rotation import Rotation

BATCH_BYTES: Final = 64 * 1024
FLUSH_SECONDS: Final = 1.0


class LogLines:
    """What one filter writes to one path: ``stdout``, ``stderr`` or a file."""

    __slots__ = (
        "_batch",
        "_dropped",
        "_file",
        "_flush_seconds",
        "_handle",
        "_is_json",
        "_is_stopped",
        "_loop",
        "_path",
        "_rotation",
        "_whole",
        "writer",
    )

    def __init__(
        self,
        path: str,
        batch: int = BATCH_BYTES,
        flush: float = FLUSH_SECONDS,
        *,
        rotate: Sequence[tuple[str, int]] | None = None,
        is_json: bool = True,
    ) -> None:
        """``batch``: bytes that are written together; ``flush``: seconds that a line waits at most; ``rotate``: fields of a ``Rotation``;
        ``is_json``: or lines of text."""
        self._path = path
        self._rotation: Rotation | None = None
        if rotate is not None:
            from fastgw.filters.rotation import Rotation

            self._rotation = Rotation(**dict(rotate))
        self._is_json = is_json
        self._batch = batch
        self._flush_seconds = flush
        self.writer = Writer()
        self._whole = 0  # bytes of whole lines in it
        self._dropped = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._handle: asyncio.TimerHandle | None = None
        self._file: LogFile | None = None
        self._is_stopped = False

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Open the file.

        Raises:
            OSError: it cannot be opened for appending.
        """
        self._loop = loop
        self._file = FILES.acquire(self._path, self._rotation)

    def stop(self) -> None:
        """Hand over what is there and close the file, without waiting for either (``LogFiles.finish`` does)."""
        self._flush()
        if self._file is not None:
            FILES.release(self._file)
            self._file = None
        self._is_stopped = True

    def add(self, line: dict[str, Any]) -> None:
        """Write this object of JSON, soon."""
        self.begin()
        self.writer.put(orjson.dumps(line)[:-1])
        self.end()

    def begin(self) -> None:
        """A line comes, which the caller writes by ``writer``: a text, or an object of JSON, of one member at least, without its last
        brace."""
        self.writer.cut(self._whole)  # where somebody failed to end his

    def end(self) -> None:
        """The line is written."""
        whole, writer, file = self._whole, self.writer, self._file
        if not whole and file is not None and file.is_full:
            self._dropped += 1
            file.lose(1, writer.size() - whole)
            writer.cut(whole)
            return
        if self._dropped:
            if self._is_json:
                writer.put(b',"dropped":')
                writer.number(self._dropped)
            self._dropped = 0
        writer.put(b"}\n" if self._is_json else b"\n")
        if self._is_stopped:  # an exchange that outlived its configuration
            FILES.append(self._path, writer.take())
            return
        self._whole = writer.size()
        if self._whole >= self._batch:
            self._flush()
        elif self._handle is None and self._loop is not None:
            self._handle = self._loop.call_later(self._flush_seconds, self._flush)

    def _flush(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        self.writer.cut(self._whole)
        self._whole = 0
        data = self.writer.take()
        if data and self._file is not None:
            self._file.write(data)
