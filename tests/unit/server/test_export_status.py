"""What is told of telemetry that is sent."""

from __future__ import annotations

from typing import Any

from fastgw.core import counters
from fastgw.server.export_status import export_document, export_facts
from fastgw.telemetry.totals import ExportFacts

FACTS = ExportFacts(
    url="http://a:4318",
    is_up=False,
    since=784111777.0,
    exported={"traces": 5},
    dropped={("traces", "expired"): 2, ("traces", "refused"): 0},
    queued=10,
    queue=100,
    cause="refused",
    detail="nobody is there",
)


class Exporter:
    def __init__(self, facts: ExportFacts | None) -> None:
        self.facts = lambda: facts


def slab(dropped: int) -> list[int]:
    found = [0] * counters.GLOBAL.size
    found[counters.SPANS_DROPPED] = dropped
    return found


def told(facts: ExportFacts | None, *dropped: int) -> Any:
    exporter: Any = Exporter(facts)
    return export_facts(exporter, map(slab, dropped))


def test_without_a_collector_nothing_is_told() -> None:
    assert export_facts(None, []) is told(None) is None
    assert export_document(None) is None


def test_what_workers_could_not_hand_on_is_dropped_too() -> None:
    found = told(FACTS, 3, 4)
    assert found.dropped == {**FACTS.dropped, ("traces", "supervisor_busy"): 7}


def test_all_of_it_as_plain_data() -> None:
    assert export_document(told(FACTS, 3)) == {
        "url": "http://a:4318",
        "up": False,
        "since": "1994-11-06T08:49:37.000Z",
        "exported": {"traces": 5},
        "dropped": {"traces": {"expired": 2, "supervisor_busy": 3}},
        "queued_bytes": 10,
        "queue_bytes": 100,
        "cause": "refused",
        "error": "nobody is there",
    }
