"""The configuration is loaded again when its file, or one that is read with it, has another content: ``reload: {watch: true}``.

The kernel only says when to look (``folders``), and a poll does so beside it, because some file systems tell nothing; whether there is
anything new is decided by the digests of what the last load has read (``config.loaded_files``), whoever asked for it.  So a file that was
refused, or that a guard went back from, is not loaded again until it has another content; of the latter ``left`` sees to that.
When to look, and what to load, is decided in ``settling``.

Looks are made in a thread, one at a time: a disk that is slow holds up nothing but the next look.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Final, Protocol

from fastgw.config.loaded_files import LoadedFiles, digest_of
from fastgw.server.folders import Folders
from fastgw.server.log import Log
from fastgw.server.settling import Settling
from fastgw.server.standings import stamp
from fastgw.server.waits import rest
from fastgw.telemetry.totals import WatchFacts

FAST: Final = 5.0  #: seconds between two looks at most, where the kernel does not tell of every change
GLANCE: Final = 1.0  #: seconds in which a load by somebody else is noticed, or the end of an upgrade
BREATH: Final = 0.1  #: seconds between two readings of events: a folder in which much else happens costs no more
TOLD: Final = 10  #: files that are named


class Loadable(Protocol):
    """The ``Gateway``, as far as it matters here."""

    @property
    def loaded_files(self) -> LoadedFiles | None:
        """What the last load has read."""

    @property
    def is_watching(self) -> bool:
        """Are files to be watched?"""

    @property
    def is_started(self) -> bool:
        """Can it reload?  Not before this, nor during an upgrade, nor in a drain."""

    @property
    def is_upgrading(self) -> bool:
        """Is a new process about to take over?"""

    @property
    def is_draining(self) -> bool:
        """Is it about to end?"""


class Events(Protocol):
    """``Folders``: who says that something may have changed."""

    cause: str

    @property
    def fd(self) -> int:
        """To be read when it can be; -1: there is none."""

    def arm(self, files: Iterable[str]) -> None:
        """Tell of changes of ``files``, and of nothing else; called in a thread."""

    def read(self) -> bool:
        """Has something happened since the last time?"""

    def close(self) -> None:
        """Tell nothing any more."""


class FileWatch:
    """Of one gateway."""

    def __init__(
        self,
        gateway: Loadable,
        reload: Callable[[str], Awaitable[object]],
        log: Log,
        events: Callable[[], Events] = Folders,
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
        rest: Callable[[asyncio.Event, float], Awaitable[None]] = rest,
    ) -> None:
        """``reload``: loads the file, and is told by whom that is wanted.  ``clock``: monotonic seconds, ``wall``: seconds since 1970.
        ``rest``: waits for an event, and no longer."""
        self._gateway = gateway
        self._reload = reload
        self._log = log
        self._make = events
        self._clock = clock
        self._wall = wall
        self._rest = rest
        self._events: Events | None = None  # while files are watched
        self._settling = Settling(clock())
        self._woken = asyncio.Event()
        self._armed: LoadedFiles | None = None  # whose files are watched
        self._tried: Mapping[str, str] = {}  # what has been loaded beyond that, and did not come to be read
        self._task: asyncio.Task[None] | None = None
        self._poll = 0.0
        self._cause = ""  # as it was told last
        self._missing: tuple[str, ...] = ()
        self._looked = 0.0  # seconds since 1970
        self._triggered = 0.0
        self._reloads = 0

    def keep(self, poll_interval: float) -> None:
        """Watch if the configuration in use or the command line says so.  ``poll_interval``: seconds; 0: there is no poll."""
        self._poll = poll_interval
        if not self._gateway.is_watching:
            self.close()
        elif self._task is None or self._task.done():
            self._drop()
            self._cause = ""
            self._settling = Settling(self._clock())
            self._armed = None
            self._task = asyncio.get_running_loop().create_task(self._run())
            self._task.add_done_callback(self._done)

    def close(self) -> None:
        """Watch nothing any more."""
        if self._task is not None:
            self._task.cancel()
            self._task = None
        self._drop()

    def _drop(self) -> None:
        if self._events is not None:
            if self._events.fd >= 0:
                asyncio.get_running_loop().remove_reader(self._events.fd)
            self._events.close()
            self._events = None

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self._log.error("files are not watched any more", error=repr(error))
            self._cause = repr(error)

    # -- the looks ----------------------------------------------------------------------------------------------------

    @property
    def _interval(self) -> float:
        """Seconds of the poll."""
        return min(self._poll or FAST, FAST) if self._cause else self._poll

    async def _run(self) -> None:
        gateway = self._gateway
        while not gateway.is_draining:
            now, due = self._clock(), self._due()
            if due > now:
                self._woken.clear()
                await self._rest(self._woken, min(due - now, GLANCE))
            else:
                await self._look()

    def _due(self) -> float:
        """When the next look is."""
        gateway = self._gateway
        if not gateway.is_started or gateway.is_upgrading or gateway.loaded_files is None:
            return self._clock() + GLANCE  # whoever comes next reads the files
        return 0.0 if gateway.loaded_files is not self._armed else self._settling.due(self._interval)

    async def _look(self) -> None:
        """Look at the files, and load what is new there."""
        loaded_files = self._gateway.loaded_files
        assert loaded_files is not None
        if self._armed is not loaded_files:
            self._tried = {}
            if loaded_files.left_out:
                self._log.warning(
                    "some files are not watched, there are too many",
                    watched=len(loaded_files.files),
                    left=loaded_files.left_out,
                )
        events = self._attached()
        self._settling.begin(self._clock())
        found = await asyncio.to_thread(_scan, events, tuple(loaded_files.files))
        self._armed, self._looked = loaded_files, self._wall()
        self._tell(events.cause)
        self._missing = tuple(path for path, content in found.items() if not content)
        if self._gateway.loaded_files is not loaded_files:
            return  # somebody has loaded meanwhile
        known = {**loaded_files.files, **self._tried}
        if self._settling.judge(self._clock(), known, found) and not self._gateway.is_draining:
            self._reloads += 1
            self._triggered = self._wall()
            news = [path for path, content in found.items() if known.get(path) != content]
            self._log.info(
                "files have changed, so the configuration is loaded again", files=news[:TOLD], count=len(news)
            )
            self._tried = found
            await self._reload("watch")

    def _attached(self) -> Events:
        """Who tells of changes, asked anew as long as there is nobody."""
        if self._events is None or self._events.fd < 0:
            self._drop()
            self._events = self._make()
            self._listen(self._events)
        return self._events

    def _listen(self, events: Events) -> None:
        if events is self._events and events.fd >= 0:
            asyncio.get_running_loop().add_reader(events.fd, self._hear, events)

    def _hear(self, events: Events) -> None:
        loop = asyncio.get_running_loop()
        loop.remove_reader(events.fd)
        loop.call_later(BREATH, self._listen, events)
        if events.read():
            self._settling.note(self._clock())
            self._woken.set()

    def _tell(self, cause: str) -> None:
        """Say once that the kernel does not tell everything, and why."""
        if cause != self._cause:
            self._cause = cause
            if cause:
                event = "the kernel does not tell of every change of the files, so they are looked at more often"
                self._log.warning(event, cause=cause, interval=self._interval)
            else:
                self._log.info("the kernel tells of every change of the files")

    # -- what is told -------------------------------------------------------------------------------------------------

    @property
    def _by(self) -> str:
        """Who tells of changes."""
        return "poll" if self._cause or self._events is None else "inotify"

    def facts(self) -> WatchFacts | None:
        """For the metrics page; None: nothing was ever watched."""
        is_on, loaded_files = self._task is not None, self._gateway.loaded_files
        files = len(loaded_files.files) if is_on and loaded_files is not None else 0
        return WatchFacts(files, self._by, self._reloads)

    def document(self) -> dict[str, Any] | None:
        """For ``/status``; None: nothing is watched."""
        loaded_files = self._gateway.loaded_files
        if self._task is None or loaded_files is None:
            return None
        return {
            "files": len(loaded_files.files),
            "left_out": loaded_files.left_out,
            "by": self._by,
            "cause": self._cause or None,
            "poll_interval": self._interval or None,
            "looked": stamp(self._looked),
            "missing": list(self._missing[:TOLD]),
            "last_trigger": stamp(self._triggered),
            "reloads": self._reloads,
        }


def _scan(events: Events, files: tuple[str, ...]) -> dict[str, str]:
    """Watch, then read: what changes meanwhile is told."""
    events.arm(files)
    return {path: digest_of(path) for path in files}
