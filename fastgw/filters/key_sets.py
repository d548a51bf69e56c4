"""Keys that the supervisor fetches for the filters of this worker: the last that it told of each set.

They outlive a reload.  A worker that misses one asks for it, and the supervisor decides when it is fetched again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from fastgw.core.live.news import KeySet
from fastgw.core.settings import KeySetSettings

WANTED_EVERY: Final = (
    1.0  #: seconds between two times that the supervisor is told that a key is missed, however many tokens have it
)
NOTHING: Final = KeySet((), 0.0, "pending", "the keys have not been fetched yet")


class KeySets:
    """All key sets of one worker."""

    def __init__(self) -> None:
        self.version = 0  #: how often something has changed
        self.on_wanted: Callable[[KeySetSettings], None] | None = None  #: called with a set that lacks a key
        self._known: dict[KeySetSettings, KeySet] = {}
        self._wanted: dict[KeySetSettings, float] = {}

    def of(self, settings: KeySetSettings) -> KeySet:
        """What is known of a set."""
        return self._known.get(settings, NOTHING)

    def learn(self, news: Mapping[KeySetSettings, KeySet]) -> None:
        """Take what the supervisor tells."""
        self._known.update(news)
        self.version += 1

    def retain(self, used: Iterable[KeySetSettings]) -> None:
        """Forget every other set."""
        kept = set(used)
        self._known = {settings: one for settings, one in self._known.items() if settings in kept}
        self._wanted = {settings: one for settings, one in self._wanted.items() if settings in kept}

    def want(self, settings: KeySetSettings, now: float) -> None:
        """A token names a key that the set has not, or the set is not there; ``now``: seconds of the monotonic clock."""
        if self.on_wanted is not None and now >= self._wanted.get(settings, 0.0):
            self._wanted[settings] = now + WANTED_EVERY
            self.on_wanted(settings)


KEY_SETS: Final = KeySets()  #: those of this process
