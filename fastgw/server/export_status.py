"""What ``/status`` and the metrics page say of telemetry that is sent to a collector."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.server.standings import stamp
from fastgw.telemetry.totals import ExportFacts, Values

if TYPE_CHECKING:
    from collections.abc import Iterable

    from fastgw.server.exporter import Exporter


def export_facts(exporter: Exporter | None, slabs: Iterable[Values]) -> ExportFacts | None:
    """How it goes; ``slabs``: of all workers, which have dropped spans that the supervisor did not take in time."""
    facts = None if exporter is None else exporter.facts()
    if facts is None:
        return None
    late = sum(slab[counters.SPANS_DROPPED] for slab in slabs)
    return dataclasses.replace(facts, dropped={**facts.dropped, ("traces", "supervisor_busy"): late})


def export_document(facts: ExportFacts | None) -> dict[str, Any] | None:
    """The same as plain data."""
    if facts is None:
        return None
    dropped: dict[str, dict[str, int]] = {}
    for (signal, cause), count in facts.dropped.items():
        if count:
            dropped.setdefault(signal, {})[cause] = count
    return {
        "url": facts.url,
        "up": facts.is_up,
        "since": stamp(facts.since) if facts.since else None,
        "exported": facts.exported,
        "dropped": dropped,
        "queued_bytes": facts.queued,
        "queue_bytes": facts.queue,
        "cause": facts.cause or None,
        "error": facts.detail or None,
    }
