"""What the log is told that no worker tells it: requests that are turned away, and certificates that end soon.

A worker counts whom an admission turns away and writes nothing, for there may be thousands a second.  Here it becomes a line when it begins
(``episodes.py``) and one when it is over.  A certificate is told when it is first seen, and once a day after that.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from fastgw.server.process_status import certificate_facts
from fastgw.server.standings import stamp

if TYPE_CHECKING:
    from fastgw.server.episodes import Episode, EpisodeName, Episodes
    from fastgw.server.gateway import Gateway
    from fastgw.server.log import Log

CERTIFICATE_DAYS: Final = 14  #: before its end a certificate is told of
CERTIFICATES_EVERY: Final = 60.0  #: seconds between two looks at them
DAY: Final = 86400.0

#: What is told of episodes: when one begins, and when it is over.
_WORDS: Final = {
    "shed": ("requests are turned away", "requests are not turned away any more"),
    "board_full": ("the board is full, so requests are refused", "the board has room again"),
}


class Notices:
    """Those of one gateway."""

    def __init__(self, gateway: Gateway, episodes: Episodes, wall: Callable[[], float] = time.time) -> None:
        """``wall``: seconds since 1970."""
        self._gateway = gateway
        self._episodes = episodes
        self._wall = wall
        self._told: dict[EpisodeName, Episode] = {}
        self._certificates: dict[tuple[str, str, int], float] = {}  # when each was told last
        self._looked: tuple[float, int] = (float("-inf"), 0)  # at certificates: when, and of which generation

    def look(self, log: Log) -> None:
        """Tell ``log`` what is news."""
        now = {(kind, *name): one for kind in _WORDS for name, one in self._episodes.of(kind).items()}
        for key, one in self._told.items():
            if now.get(key) is not one:
                log.info(_WORDS[key[0]][1], **_of(key), count=one.count, seconds=round(one.last - one.began, 3))
        for key, one in now.items():
            if self._told.get(key) is not one:
                log.warning(_WORDS[key[0]][0], **_of(key), count=one.count)
        self._told = now
        self._look_at_certificates(log)

    def _look_at_certificates(self, log: Log) -> None:
        wall, (looked, generation) = self._wall(), self._looked
        if wall - looked < CERTIFICATES_EVERY and generation == self._gateway.generation:
            return
        self._looked = wall, self._gateway.generation
        told, self._certificates = self._certificates, {}
        for one in certificate_facts(self._gateway):
            left = one.ends - wall
            if left > CERTIFICATE_DAYS * DAY:
                continue
            key = one.listener, one.file, int(one.ends)
            last = told.get(key, float("-inf"))
            if wall - last >= DAY:
                last = wall
                fields = {"listener": one.listener, "certificate": one.file, "ends": stamp(one.ends)}
                if left > 0:
                    log.warning("a certificate ends soon", **fields, days=int(left // DAY))
                else:
                    log.error("a certificate has ended", **fields)
            self._certificates[key] = last


def _of(name: EpisodeName) -> dict[str, str]:
    """The fields that say of what it is."""
    return dict(zip(("service", "cause"), name[1:], strict=False))
