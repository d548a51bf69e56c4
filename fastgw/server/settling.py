"""When the files of a configuration are looked at, and whether what is found there is to be loaded.  Knows no file and no clock.

an event   ->  a look when nothing has happened for ``QUIET``, but no later than ``LONGEST`` after the first one
no event   ->  a look after the interval of the poll; what is new there is looked at once more, since nobody says whether it is written
something new     ->  load it, once: what was tried is not new
something missing, or empty: somebody is replacing it  ->  another look soon; after ``PATIENCE`` that is what is to be loaded
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

QUIET: Final = 0.2  #: seconds without an event behind which a file is taken to be written
LONGEST: Final = 2.0  #: seconds that a look waits for that
AGAIN: Final = 0.5  #: seconds between two looks at something that is missing
PATIENCE: Final = 5.0  #: seconds that something may be missing before that is said


class Settling:
    """Of the files of one gateway; all times are monotonic seconds."""

    def __init__(self, now: float) -> None:
        self._looked = now
        self._first: float | None = None  # event since the last look
        self._last = now
        self._missing_since: float | None = None
        self._is_told = False  # the last look was because of an event
        self._unsure: Mapping[str, str] | None = None  # what was found without one

    def note(self, now: float) -> None:
        """An event."""
        if self._first is None:
            self._first = now
        self._last = now

    def due(self, interval: float) -> float:
        """When the next look is; ``interval``: seconds of the poll, 0: there is none."""
        times = [self._looked + interval if interval else math.inf]
        if self._first is not None:
            times.append(min(self._last + QUIET, self._first + LONGEST))
        if self._missing_since is not None:
            times.append(self._looked + AGAIN)
        if self._unsure is not None:
            times.append(self._looked + QUIET)
        return min(times)

    def begin(self, now: float) -> None:
        """A look begins: what happens from now on leads to another one."""
        self._is_told = self._first is not None
        self._looked, self._first = now, None

    def judge(self, now: float, known: Mapping[str, str], found: Mapping[str, str]) -> bool:
        """Is ``found`` to be loaded?  Both have the digests of files by their paths, empty: there is nothing; ``known``: as tried last."""
        news = [path for path, content in found.items() if known.get(path) != content]
        if news and not all(found[path] for path in news):
            if self._missing_since is None:
                self._missing_since = now
            if now - self._missing_since < PATIENCE:
                return False
        elif news and not self._is_told and found != self._unsure:
            self._missing_since, self._unsure = None, found
            return False
        self._missing_since = self._unsure = None
        return bool(news)
