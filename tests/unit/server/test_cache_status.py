"""What is told of the cache of a route."""

from __future__ import annotations

from fastgw.core import counters, labels
from fastgw.server.cache_status import cache_document


def test_outcomes_and_what_is_kept() -> None:
    block = [0] * counters.ROUTE.size
    block[counters.ROUTE_CACHE_REQUESTS + labels.CACHE_OUTCOMES.index("waited")] = 3
    block[counters.ROUTE_CACHE_BYTES] = 7
    expected = dict.fromkeys((*labels.CACHE_OUTCOMES, "stored", "evicted", "invalidated", "bytes", "entries"), 0)
    assert cache_document(block) == expected | {"waited": 3, "bytes": 7}
