"""What ``/status`` tells of the cache of a route."""

from __future__ import annotations

from typing import Final

from fastgw.core import counters, labels

_PLACES: Final = {
    "stored": counters.ROUTE_CACHE_STORED,
    "evicted": counters.ROUTE_CACHE_EVICTED,
    "invalidated": counters.ROUTE_CACHE_INVALIDATED,
    "bytes": counters.ROUTE_CACHE_BYTES,
    "entries": counters.ROUTE_CACHE_ENTRIES,
}


def cache_document(block: list[int]) -> dict[str, int]:
    """What became of requests, and what is kept, by the counters of a route."""
    outcomes = dict(zip(labels.CACHE_OUTCOMES, block[counters.ROUTE_CACHE_REQUESTS :], strict=False))
    return outcomes | {name: block[place] for name, place in _PLACES.items()}
