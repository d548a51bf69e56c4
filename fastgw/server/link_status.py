"""What ``/status`` and the metrics page say of the Redis by which limits are shared."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from fastgw.server.standings import stamp
from fastgw.server.told_apart import told_apart
from fastgw.telemetry.totals import LinkFacts

if TYPE_CHECKING:
    from fastgw.server.leasing import Leasing


def links_of(leasing: Leasing | None) -> list[LinkFacts]:
    """Those of the configuration in use; two that differ in their options only have a number."""
    links = [*leasing.known.values()] if leasing is not None else []
    now = time.time()
    names = told_apart([str(one.settings) for one in links])
    return [
        LinkFacts(
            redis=name,
            is_up=one.state.is_up,
            since=one.since,
            questions=dict(one.questions),
            tokens=one.tokens,
            failures=dict(one.failures),
            cause=one.state.cause,
            detail=one.state.detail,
            age=0.0 if one.state.is_up else max(0.0, now - one.asked_at) if one.asked_at else None,
        )
        for name, one in zip(names, links, strict=True)
    ]


def link_document(link: LinkFacts) -> dict[str, Any]:
    """One of them, as plain data."""
    return {
        "up": link.is_up,
        "since": stamp(link.since) if link.since else None,
        "questions": link.questions,
        "tokens": link.tokens,
        "failures": link.failures,
        "cause": link.cause or None,
        "error": link.detail or None,
    }
