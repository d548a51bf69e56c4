"""What becomes of a line of the operational log that a collector gets too: it is handed to who exports it, and nobody ever waits for that.

    a worker ── Log ──▶ LogNews ── Logged, over the channel ──▶ supervisor: the exporter's queue
    the supervisor ── Log ──▶ LogNews ─────────────────────────────────────┘

Lines about the exporting itself are written by a log that has none of this (``Log.apart``), or each would be cause for the next.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Mapping
from typing import Final

from fastgw.core.live.news import Logged

LEVELS: Final = ("info", "warning", "error")  #: the least important first
MOST_TEXT: Final = 8192  #: characters of a field, such as a traceback


class LogNews:
    """Takes the lines of one process."""

    __slots__ = ("_level", "_lost", "_offer")

    def __init__(self, offer: Callable[[Logged], bool], level: str) -> None:
        """``offer``: hands a message on, and returns whether it was taken; ``level``: of the least important line that is wanted."""
        self._offer = offer
        self._level = LEVELS.index(level)
        self._lost = 0

    def __call__(self, when: float, level: str, record: Mapping[str, object]) -> None:
        """A line was written ``when``, seconds since 1970."""
        if level in LEVELS and LEVELS.index(level) < self._level:
            return
        fields = tuple((name, _plain(value)) for name, value in record.items() if name not in _APART)
        line = marshal.dumps((int(when * 1e9), level, str(record["event"]), fields))
        if self._offer(Logged((line,), self._lost)):
            self._lost = 0
        else:
            self._lost += 1  # which the next one that is taken tells


_APART: Final = frozenset(("time", "level", "event"))


def _plain(value: object) -> str | int | float | bool:
    if isinstance(value, bool | float) or (isinstance(value, int) and abs(value) < 2**63):
        return value
    if isinstance(value, str):
        return value[:MOST_TEXT]
    import json

    return json.dumps(value, default=str)[:MOST_TEXT]
