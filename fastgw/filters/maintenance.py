"""``maintenance``: every request is refused for a while, but those of some networks.

It is on by the configuration, or as long as there is a file, which a thread looks for.
"""

from __future__ import annotations

import asyncio
import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.labels import DENIERS
from fastgw.errors import InternalError
from fastgw.filters.lookout import Lookout
from fastgw.filters.networks import Networks

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_DENIED = counters.ROUTE_DENIED + DENIERS.index("maintenance")


class Maintenance:
    """The filter."""

    __slots__ = ("_exempt", "_file", "_headers", "_is_on", "_lookout", "_message", "name")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``enabled``; ``file``, a path or empty; ``retry_after``, seconds; ``message``; ``exempt``, networks."""
        self.name = name
        self._file: str = options["file"]
        self._is_on: bool = options["enabled"]
        self._message: str = options["message"]
        self._headers = (("retry-after", str(max(1, math.ceil(options["retry_after"])))),)
        self._exempt = Networks(options["exempt"])
        self._lookout: Lookout[bool] | None = None
        if self._file and not self._is_on:
            self._lookout = Lookout(self._look, self._tell)

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Look for the file now, and again and again."""
        if self._lookout is not None:
            self._is_on = self._look()
            self._lookout.start(loop)

    def stop(self) -> None:
        """Look no more."""
        if self._lookout is not None:
            self._lookout.stop()

    def request(self, exchange: Exchange) -> None:
        """Refuse it, if it is on."""
        if not self._is_on or self._exempt.first(exchange.client.address) >= 0:
            return
        exchange.plane.values[exchange.route.base + _DENIED] += 1
        reason = f"{self._message} (the filter {self.name!r})"
        raise InternalError(503, "maintenance", self._message, reason=reason, headers=self._headers)

    def _look(self) -> bool:
        return os.path.exists(self._file)

    def _tell(self, is_there: bool) -> None:
        self._is_on = is_there
