"""The metrics of what is sent to a collector."""

from __future__ import annotations

from typing import Any

from fastgw.telemetry.export_facts import EXPORT_FACTS
from fastgw.telemetry.totals import ExportFacts, Facts

EXPORT = ExportFacts("http://a", False, 9.0, {"traces": 5}, {("traces", "expired"): 2}, 10, 100, "refused", "no")


def test_they_are_there_where_there_is_a_collector() -> None:
    for export, found in (
        (None, [[], [], [], []]),
        (EXPORT, [[((), 0.0)], [(("traces",), 5)], [(("traces", "expired"), 2)], [((), 10.0)]]),
    ):
        facts: Any = Facts("1", True, 1, 1.0, False, {}, True, 1.0, export=export)
        assert [list(samples(facts)) for _, samples in EXPORT_FACTS] == found
