"""Members as a list in a file, which is looked at again and again.

A look costs a ``stat``; only a file that looks otherwise is read, and only what reads otherwise is told.  By name, so that a file renamed
into the place, and a symbolic link that leads elsewhere (as Kubernetes swaps those of a ConfigMap), are seen like one written in place.
Who writes in place is let finish: two looks must agree before the file is read, also before one that is not there counts as missing.

A file that is no list is looked at as often as one that is: who mends it does not wait.  It is read again when it looks otherwise.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
import time
from collections.abc import Awaitable, Callable
from typing import Final

from fastgw.core.sources import FileSettings
from fastgw.discovery.entries import parse_json, parse_yaml
from fastgw.discovery.listing import Listing, SourceError, Tell, listing

LARGEST: Final = 4 * 1024 * 1024  #: bytes
SETTLE: Final = 0.1  #: seconds between two looks that must agree
SETTLE_MOST: Final = 20  #: such looks, whoever goes on writing
COARSEST: Final = 2.0  #: seconds between two times that the coarsest file system can tell apart

_Mark = tuple[int, int, int, int]  #: device, inode, size, time of the last change


class FileSource:
    """The members that a file lists."""

    def __init__(
        self,
        settings: FileSettings,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """``sleep``: of a look, in seconds.  ``clock``: seconds since 1970, as the file system has them."""
        self._path = settings.path
        self._interval = settings.interval
        self._sleep = sleep
        self._clock = clock
        self._bad: tuple[_Mark, SourceError] | None = None  # how it looked when it was no list, and why

    def __str__(self) -> str:
        return f"file {self._path}"

    async def watch(self, tell: Tell) -> None:
        """See ``Source``."""
        try:
            await self._watch(tell)
        except SourceError as error:
            raise SourceError(error.cause, error.detail, self._interval) from None

    async def _watch(self, tell: Tell) -> None:
        seen: _Mark | None = None
        is_sure = False  # nothing can have been written since that looks the same
        told = b""
        while True:
            mark = await self._settled(seen)
            if self._bad is not None and self._bad[0] == mark:
                raise self._bad[1]
            if mark != seen or not is_sure:
                is_sure = self._clock() - mark[3] / 1e9 > COARSEST
                self._bad = None
                try:
                    content = await asyncio.to_thread(self._read)
                    digest = hashlib.sha256(content).digest()
                    if digest != told:
                        tell(await asyncio.to_thread(self._parse, content, digest))
                except SourceError as error:
                    if is_sure:
                        self._bad = mark, error
                    raise
                seen, told = mark, digest
            await self._sleep(self._interval)

    async def _settled(self, seen: _Mark | None) -> _Mark:
        """How the file looks, when it looks so twice, or as it did before."""
        mark = await asyncio.to_thread(self._look)
        for _ in range(SETTLE_MOST):
            if mark is not None and mark == seen:
                return mark
            await self._sleep(SETTLE)
            before, mark = mark, await asyncio.to_thread(self._look)
            if mark == before:
                break
        if mark is None:
            raise SourceError("not_found", f"{self._path} is not there")
        return mark

    def _look(self) -> _Mark | None:
        try:
            found = os.stat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError) as error:
            raise self._unreadable(error) from None
        return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns

    def _read(self) -> bytes:
        try:
            # what is no file is not waited for, and not made a terminal of ours
            with open(os.open(self._path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC), "rb") as stream:
                if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                    raise SourceError("invalid", f"{self._path} is no regular file")
                content = stream.read(LARGEST + 1)
        except (FileNotFoundError, NotADirectoryError):
            raise SourceError("not_found", f"{self._path} is not there") from None
        except OSError as error:
            raise self._unreadable(error) from None
        if len(content) > LARGEST:
            raise SourceError("invalid", f"{self._path} is larger than {LARGEST >> 20} MiB")
        return content

    def _parse(self, content: bytes, digest: bytes) -> Listing:
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise SourceError("invalid", f"{self._path}: line {line}: is not UTF-8 text") from None
        try:
            members, skipped = parse_json(text) if self._path.endswith(".json") else parse_yaml(text)
        except SourceError as error:
            raise SourceError(error.cause, f"{self._path}: {error.detail}") from None
        return listing(members, skipped, f"sha256:{digest.hex()[:12]}")

    def _unreadable(self, error: OSError | ValueError) -> SourceError:
        is_denied = isinstance(error, PermissionError)
        said = (error.strerror if isinstance(error, OSError) else None) or error
        return SourceError("denied" if is_denied else "unreadable", f"{self._path} cannot be read: {said}")
