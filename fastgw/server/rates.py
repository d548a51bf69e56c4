"""What happens in a second, of counters that were read at two moments: for those who watch, and by nobody else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from fastgw.core import counters as layout
from fastgw.core import labels
from fastgw.core.blocks import DURATION_BUCKETS, HISTOGRAM_SIZE

WINDOW: Final = 5.0  #: seconds that what is compared with is old at least, and twice that at most
QUANTILES: Final = (0.5, 0.95, 0.99)
_SERVER_ERRORS: Final = layout.ROUTE_STATUS + labels.CLASSES.index("5xx")


class Rates:
    """Compares the counters of routes with those of some seconds ago."""

    def __init__(self) -> None:
        self._kept: list[tuple[float, dict[str, Sequence[int]]]] = []  # at most two, the older first

    def look(self, now: float, blocks: Mapping[str, Sequence[int]]) -> dict[str, dict[str, Any]]:
        """Of each route, and of all under ``""``; ``now``: seconds of a clock that is not set; ``blocks``: their counters."""
        at, before = self._kept[0] if self._kept else (now, {})
        empty = [0] * layout.ROUTE.size
        found: dict[str, dict[str, Any]] = {}
        whole = empty
        for name, block in blocks.items():
            # A name that is new began at 0; one whose counts are less is another one, or none was kept yet.
            old = before.get(name, empty if before else block)
            news = [max(0, one - other) for one, other in zip(block, old, strict=True)]
            found[name] = _told(news, block, now - at)
            whole = [one + other for one, other in zip(whole, news, strict=True)]
        open_now = [sum(values) for values in zip(*blocks.values(), strict=True)] or empty
        found[""] = _told(whole, open_now, now - at)
        if not self._kept or now - self._kept[-1][0] >= WINDOW:
            self._kept = [*self._kept[-1:], (now, dict(blocks))]
        return found


def _told(news: Sequence[int], block: Sequence[int], seconds: float) -> dict[str, Any]:
    """``news``: what was counted in ``seconds``; ``block``: what is counted in all."""

    def each_second(count: int) -> float:
        return round(count / seconds, 3) if seconds > 0 else 0.0

    buckets = news[layout.ROUTE_BUCKETS : layout.ROUTE_DURATION_US + HISTOGRAM_SIZE]
    failed = max(news[_SERVER_ERRORS], news[layout.ROUTE_FAULT_UPSTREAM] + news[layout.ROUTE_FAULT_INTERNAL])
    ended = block[layout.ROUTE_FINISHED] + block[layout.ROUTE_ABORTED]
    return {
        "rate": each_second(news[layout.ROUTE_STARTED]),
        "errors": each_second(failed),
        "latency": [quantile(buckets, one) for one in QUANTILES],
        "active": max(0, block[layout.ROUTE_STARTED] - ended),
        "requests": block[layout.ROUTE_STARTED],
    }


def quantile(buckets: Sequence[int], share: float) -> float | None:
    """Seconds that ``share`` of what ``buckets`` count took at most, on a line through the bucket; None: nothing was counted."""
    left = sum(buckets) * share
    if not left:
        return None
    lowest = 0.0
    for bound, count in zip(DURATION_BUCKETS, buckets, strict=False):
        if count and left <= count:
            return round((lowest + (bound - lowest) * left / count) / 1e6, 6)
        left -= count
        lowest = bound
    return lowest / 1e6
