"""When what others have told is written to the disk, and what is recalled of it (``server.memory_file``).

It is written soon after something has changed, no more often than each ``PAUSE`` seconds, and each ``REFRESH`` seconds so that it says how
long ago it was still true; in a thread, so that the disk delays nobody.
"""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Generic

from fastgw.server.log import Log
from fastgw.server.memory_file import MemoryFile, S, set_aside

SOON: Final = 1.0  #: seconds after a change
PAUSE: Final = 10.0  #: between two times, however many changes there are
REFRESH: Final = 600.0  #: between two times without any

#: Why a folder is no place to keep something, which is nobody's fault: it is read-only, or not there.
_NO_PLACE: Final = frozenset((errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR))


class Remembering(Generic[S]):
    """What is kept in one file, and when."""

    def __init__(
        self,
        kind: MemoryFile[S],
        state_file: str,
        log: Log,
        now: Callable[[], Mapping[str, S]],
        wall: Callable[[], float] = time.time,
    ) -> None:
        """Reads the file beside ``state_file``.  ``now``: returns what is known now, by names that outlive this process.
        ``wall``: seconds since 1970."""
        self._kind = kind
        self.path = path = kind.path(state_file)
        self._log = log
        self._now = now
        self._wall = wall
        self._timer: asyncio.TimerHandle | None = None
        self._is_soon = False  # the timer is for a change
        self._written = float("-inf")  # by the clock of the loop
        self._writing: asyncio.Task[None] | None = None
        self._is_closed = False
        self._room = threading.Lock()  # at the end somebody may still be writing
        self.saved_at = 0.0  #: seconds since 1970; 0: never
        self.problem = ""  #: why what is known now would not be after a restart
        self.has_place = True  #: there is a folder that can be written to
        self._known, wrong = kind.read(path)
        if wrong:
            aside = set_aside(path)
            tell = log.warning
            tell(f"the file of {kind.what} is not used", path=path, reason=wrong, moved_to=aside or None)

    def recall(self, name: str) -> S | None:
        """What was known by this name before, if that is not too long ago."""
        found = self._now().get(name) or self._known.get(name)
        if found is None or self._wall() - found.seen_at > self._kind.oldest:
            return None
        return found

    def move(self, state_file: str) -> None:
        """The file beside another one is used from now on."""
        path = self._kind.path(state_file)
        if path != self.path:
            self.path = path
            self.changed()

    def changed(self) -> None:
        """Something else is known now, or another file is used: write it soon."""
        if self._is_closed or self._is_soon:
            return
        self._is_soon = True
        if self._writing is None:
            self._arm(max(SOON, self._written + PAUSE - asyncio.get_running_loop().time()))

    def close(self) -> None:
        """Write what was not written yet, and nothing more."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._is_soon or self._writing is not None:
            self._gather()
            self._told(self._write(self.path, dict(self._known)))

    def document(self) -> dict[str, Any]:
        """What ``/status`` says of it."""
        from fastgw.server.standings import stamp

        return {
            "path": self.path,
            "saved_at": stamp(self.saved_at) if self.saved_at else None,
            "has_place": self.has_place,
            "error": self.problem or None,
        }

    # -- writing

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = asyncio.get_running_loop().call_later(seconds, self._due)

    def _due(self) -> None:
        self._timer = None
        self._is_soon = False
        self._gather()
        self._writing = asyncio.get_running_loop().create_task(self._work())

    def _gather(self) -> None:
        """Take over what is known now; forget what is too old for anybody."""
        now = self._wall()
        self._known = {name: one for name, one in self._known.items() if now - one.seen_at <= self._kind.oldest} | dict(
            self._now()
        )

    async def _work(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            error = await asyncio.to_thread(self._write, self.path, dict(self._known))
            self._told(error)
        finally:
            self._writing = None
            self._written = loop.time()
            if not self._is_closed:
                self._arm(PAUSE if self._is_soon else REFRESH)

    def _write(self, path: str, lists: Mapping[str, S]) -> OSError | None:
        with self._room:
            try:
                self._kind.write(path, lists)
            except OSError as error:
                return error
            return None

    def _told(self, error: OSError | None) -> None:
        before, had_place = self.problem, self.has_place
        if error is None:
            self.saved_at, self.problem, self.has_place = self._wall(), "", True
            if before:
                self._log.info(f"{self._kind.what} are kept on the disk again", path=self.path)
            return
        self.problem = f"{self.path} cannot be written: {error.strerror}"
        self.has_place = error.errno not in _NO_PLACE
        if self.problem != before or self.has_place != had_place:
            level = self._log.warning if self.has_place else self._log.info
            level(f"{self._kind.what} are not kept on the disk", path=self.path, reason=error.strerror)
