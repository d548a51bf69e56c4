"""The last requests of captures that are being written: read from their ends, so that what is long ago costs nothing.

Lines stand there in the order in which exchanges ended, of several workers, which write in batches: nearly that of time, so a file is read
back until many lines in a row are too old.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import BinaryIO, Final

from fastgw.rehearsal.captures import LINE_MAX, RecordedRequest, read_line

BLOCK: Final = 1 << 20  #: bytes that are read at once
OLDER_MOST: Final = 2000  #: lines in a row that are too old before no others are looked for
LOOK_EVERY: Final = 1000  #: lines between two looks at the clock
BYTES_MAX: Final = 64 << 20  #: that are read of one file
AHEAD_MAX: Final = 5.0  #: seconds that a clock may have been ahead


@dataclass(slots=True)
class RecentCapture:
    """Those that came in a certain time."""

    paths: Sequence[str]  #: files, each behind which ``PATH.1`` has what is older
    since: float  #: seconds since 1970
    until: float
    most: int  #: requests, of which the last are taken
    is_late: Callable[[], bool] = lambda: False  #: is there no more time for reading?
    unread: Counter[str] = field(default_factory=Counter)  #: lines, or files, that were left out, by the reason
    first_unread: dict[str, str] = field(default_factory=dict)  #: a file of each
    is_cut: bool = False  #: there were more

    def read(self) -> list[RecordedRequest]:
        """In the order in which they came; a file that cannot be read is left out, and said."""
        found: list[tuple[float, RecordedRequest]] = []
        for path in self.paths:
            if self._of(path, found) and os.path.exists(f"{path}.1"):
                self._of(f"{path}.1", found)
        found.sort(key=lambda one: one[0])
        self.is_cut = self.is_cut or len(found) > self.most
        return [one for _, one in found[-self.most :]]

    def _of(self, path: str, found: list[tuple[float, RecordedRequest]]) -> bool:
        """Take those of one file; whether it was read to its beginning without any that are too old."""
        try:
            # Whatever stands there now: nobody waits for the writer of a pipe.
            fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
            if stat.S_ISREG(os.fstat(fd).st_mode):
                with open(fd, "rb") as file:
                    return self._lines(path, file, found)
            os.close(fd)
            self._leave("is no file", path)
        except FileNotFoundError:
            self._leave("is not there", path)
        except OSError as error:
            self._leave(f"cannot be read: {error.strerror}", path)
        return False

    def _lines(self, path: str, file: BinaryIO, found: list[tuple[float, RecordedRequest]]) -> bool:
        older, begun, size = 0, len(found), os.fstat(file.fileno()).st_size
        for number, line in enumerate(backward(file, size, min(size, BYTES_MAX))):
            if not number % LOOK_EVERY and self.is_late():
                self.is_cut = True
                return False
            try:
                request = read_line(line)
                at = seconds_of(request.at)
                if at > self.until + AHEAD_MAX:
                    raise ValueError("is of a time to come")
            except ValueError as error:
                self._leave(str(error), path)
                continue
            if at < self.since:
                older += 1
                if older > OLDER_MOST:
                    return False
                continue
            older = 0
            found.append((at, request))
            if len(found) - begun >= self.most:
                self.is_cut = True
                return False
        self.is_cut = self.is_cut or size > BYTES_MAX
        return size <= BYTES_MAX and not older

    def _leave(self, reason: str, path: str) -> None:
        self.unread[reason] += 1
        self.first_unread.setdefault(reason, path)


def seconds_of(at: str) -> float:
    """Since 1970, of a time with its zone (RFC 3339); raises ValueError."""
    try:
        found = datetime.fromisoformat(at)
        if found.tzinfo is None:
            raise ValueError
        return found.timestamp()
    except (ValueError, OverflowError):
        raise ValueError("has no time") from None


def backward(file: BinaryIO, size: int, most: int) -> Iterator[bytes]:
    """The lines in the first ``size`` bytes of ``file``, the last first, as far as ``most`` bytes from their end.

    Each ends with its newline, but for a last one that has none.  Of one that is longer than a line may be so much is kept that it is seen.
    """
    rest, place, end = b"", size, b""
    while place > size - most:
        step = min(BLOCK, place - (size - most))
        place -= step
        file.seek(place)
        parts = (file.read(step) + rest).split(b"\n")
        for line in reversed(parts[1:]):
            if line or end:
                yield line + end
            end = b"\n"
        rest = parts[0][-LINE_MAX - 1 :]
    if (rest or end) and not place:
        yield rest + end
