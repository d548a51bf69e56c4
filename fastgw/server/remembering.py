"""When the lists of members are written to the disk, and what is recalled of them (``server.members_file``)."""

from __future__ import annotations

import asyncio
import errno
import threading
import time
from collections.abc import Callable, Mapping
from typing import Final

from fastgw.discovery.keeping import Recalled
from fastgw.server import members_file
from fastgw.server.log import Log

SOON: Final = 1.0  #: seconds after a change
PAUSE: Final = 10.0  #: between two times, however many changes there are
REFRESH: Final = 600.0  #: between two times without any

#: Why a folder is no place to keep something, which is nobody's fault: it is read-only, or not there.
_NO_PLACE: Final = frozenset((errno.EROFS, errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR))


class Remembering:
    """What is kept of all sources, and when."""

    def __init__(
        self, path: str, log: Log, now: Callable[[], Mapping[str, Recalled]], wall: Callable[[], float] = time.time
    ) -> None:
        """Reads the file.  ``now``: returns what each source lists now, by ``identity``.  ``wall``: seconds since 1970."""
        self.path = path
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
        self._known, wrong = members_file.read(path)
        if wrong:
            aside = members_file.set_aside(path)
            log.warning("the file of members is not used", path=path, reason=wrong, moved_to=aside or None)

    def recall(self, name: str) -> Recalled | None:
        """What the source of this ``identity`` listed before, if that was somebody, and not too long ago."""
        found = self._now().get(name) or self._known.get(name)
        if found is None or not found.members or self._wall() - found.seen_at > members_file.OLDEST:
            return None
        return found

    def move(self, path: str) -> None:
        """Another file is used from now on."""
        if path != self.path:
            self.path = path
            self.changed()

    def changed(self) -> None:
        """Somebody lists something else now, or another file is used: write it soon."""
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
        """Take over what is listed now; forget what is too old for anybody."""
        now = self._wall()
        self._known = {
            name: one for name, one in self._known.items() if now - one.seen_at <= members_file.OLDEST
        } | dict(self._now())

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

    def _write(self, path: str, lists: Mapping[str, Recalled]) -> OSError | None:
        with self._room:
            try:
                members_file.write(path, lists)
            except OSError as error:
                return error
            return None

    def _told(self, error: OSError | None) -> None:
        before, had_place = self.problem, self.has_place
        if error is None:
            self.saved_at, self.problem, self.has_place = self._wall(), "", True
            if before:
                self._log.info("members are kept on the disk again", path=self.path)
            return
        self.problem = f"{self.path} cannot be written: {error.strerror}"
        self.has_place = error.errno not in _NO_PLACE
        if self.problem != before or self.has_place != had_place:
            level = self._log.warning if self.has_place else self._log.info
            level("members are not kept on the disk", path=self.path, reason=error.strerror)
