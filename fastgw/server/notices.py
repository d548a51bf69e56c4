"""What the log is told without an event that causes it: certificates that end soon, when first seen and once a day after that."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from fastgw.server.process_status import certificate_facts
from fastgw.server.standings import stamp

if TYPE_CHECKING:
    from fastgw.server.gateway import Gateway
    from fastgw.server.log import Log

CERTIFICATE_DAYS: Final = 14  #: before its end a certificate is told of
CERTIFICATES_EVERY: Final = 60.0  #: seconds between two looks
DAY: Final = 86400.0


class Notices:
    """Those of one gateway."""

    def __init__(self, gateway: Gateway, wall: Callable[[], float] = time.time) -> None:
        """``wall``: seconds since 1970."""
        self._gateway = gateway
        self._wall = wall
        self._certificates: dict[tuple[str, str, int], float] = {}  # when each was told last
        self._looked: tuple[float, int] = (float("-inf"), 0)  # when, and at which generation

    def look(self, log: Log) -> None:
        """Tell ``log`` what is news."""
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
