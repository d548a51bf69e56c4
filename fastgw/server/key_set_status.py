"""What ``/status`` and the metrics say of keys that are fetched."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fastgw.server.told_apart import told_apart
from fastgw.telemetry.totals import KeySetFacts

if TYPE_CHECKING:
    from fastgw.server.key_sets import Fetching


def key_set_facts(fetching: Fetching | None) -> list[KeySetFacts]:
    """Of each set that is fetched; None: there is none."""
    now, wall = time.monotonic(), time.time()
    kept = [*fetching.known.values()] if fetching is not None else []
    urls = told_apart([str(one.settings.url) for one in kept])  # whose queries are not shown
    return [
        KeySetFacts(
            url=url,
            keys=len(one.news.keys) if now < one.news.until else 0,
            age=max(0.0, wall - one.fetched_at) if one.fetched_at else None,
            fetches=one.fetches,
            failures=one.failures,
            cause=one.news.cause,
            detail=one.news.detail,
            is_recalled=one.is_recalled,
        )
        for url, one in zip(urls, kept, strict=True)
    ]


def key_set_document(key_set: KeySetFacts) -> dict[str, Any]:
    """One of them in ``/status``."""
    return {
        "keys": key_set.keys,
        "age": None if key_set.age is None else round(key_set.age, 3),
        "recalled": key_set.is_recalled,
        "fetches": key_set.fetches,
        "failures": key_set.failures,
        "cause": key_set.cause or None,
        "error": key_set.detail or None,
    }
