"""Where a worker keeps what it has recorded until the supervisor takes it, which exports it: bounded, and nobody ever waits for it."""

from __future__ import annotations

import asyncio
import marshal
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.live.news import Recorded

if TYPE_CHECKING:
    from fastgw.core.plane import Plane

FLUSH_SECONDS: Final = 0.1  #: in which records are gathered
BATCH_BYTES: Final = 32 * 1024  #: or until there are so many
MOST_BYTES: Final = 1024 * 1024  #: that wait for a supervisor which does not take them; more are dropped


class SpanBuffer:
    """Records that the supervisor does not have yet."""

    __slots__ = ("_is_over", "_plane", "_records", "_size", "_timer")

    def __init__(self, plane: Plane) -> None:
        self._plane = plane
        self._records: list[bytes] = []
        self._size = 0
        self._timer: asyncio.TimerHandle | None = None
        self._is_over = False

    def add(self, record: tuple[Any, ...]) -> None:
        """Keep ``record``, whose last part are its spans, or count them as dropped where too much is here."""
        data = marshal.dumps(record)
        if self._size + len(data) > MOST_BYTES:
            self._plane.values[counters.SPANS_DROPPED] += len(record[-1])
            return
        self._records.append(data)
        self._size += len(data)
        if self._is_over or self._size >= BATCH_BYTES:
            self._send()
        if self._timer is None and self._records and not self._is_over:
            self._timer = self._plane.loop.call_later(FLUSH_SECONDS, self._look)

    def finish(self) -> None:
        """Send what there is, now; what comes after this is sent at once."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._send()

    def _look(self) -> None:
        self._timer = None
        self._send()
        if self._records:
            self._timer = self._plane.loop.call_later(FLUSH_SECONDS, self._look)

    def _send(self) -> None:
        offer = self._plane.offer
        if self._records and offer is not None and offer(Recorded(tuple(self._records))):
            self._records, self._size = [], 0
