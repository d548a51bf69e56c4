"""The metrics of what is sent to a collector."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

from fastgw.core.blocks import COUNTER, GAUGE, Metric
from fastgw.telemetry.totals import ExportFacts, Facts

_Samples = Iterable[tuple[tuple[str, ...], float]]


def _export(value: Callable[[ExportFacts], float]) -> Callable[[Facts], _Samples]:
    return lambda facts: [] if facts.export is None else [((), float(value(facts.export)))]


def _exported(facts: Facts) -> _Samples:
    return [] if facts.export is None else [((signal,), count) for signal, count in facts.export.exported.items()]


def _dropped(facts: Facts) -> _Samples:
    return [] if facts.export is None else facts.export.dropped.items()


EXPORT_FACTS: Final = (
    (
        Metric(
            "fastgw_telemetry_up",
            GAUGE,
            "1 while the collector takes what is sent to it.",
            (),
            "[Why not](tracing.md#a-collector-that-is-down); alert on 0.",
        ),
        _export(lambda one: one.is_up),
    ),
    (
        Metric(
            "fastgw_telemetry_exported",
            COUNTER,
            "Spans, data points and lines of the log that the collector took.",
            ("signal",),
        ),
        _exported,
    ),
    (
        Metric(
            "fastgw_telemetry_dropped",
            COUNTER,
            "Spans, data points and lines of the log that were not sent, or not taken, by the cause.",
            ("signal", "cause"),
            "[Each cause](tracing.md#what-is-dropped); alert on a rate.",
        ),
        _dropped,
    ),
    (
        Metric("fastgw_telemetry_queue_bytes", GAUGE, "Bytes that wait for the collector."),
        _export(lambda one: one.queued),
    ),
)
