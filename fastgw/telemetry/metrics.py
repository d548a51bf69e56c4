"""The metrics page: what the supervisor knows and the summed counters, in the Prometheus text formats.

Label values come from the configuration only (names of routes, services and endpoints, never a path, a host or a
header of a request), so the number of series is bounded by what the operator wrote.  Which metrics there are, the tables say:
``telemetry.facts`` and ``core.counters``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family

from fastgw.core import counters as layout
from fastgw.core.blocks import COUNTER, DURATION_BUCKETS, HISTOGRAM, Metric
from fastgw.telemetry.facts import FACTS, INFO, Labels, Samples
from fastgw.telemetry.totals import Facts, Totals

_BOUNDS = (*(str(bound / 1e6) for bound in DURATION_BUCKETS), "+Inf")  #: in seconds


class _Collected:
    """What ``prometheus_client``'s encoders expect of a registry."""

    def __init__(self, families: Iterable[Family]) -> None:
        self._families = families

    def collect(self) -> Iterable[Family]:
        return self._families


def render(facts: Facts, totals: Totals, accept: str = "") -> tuple[bytes, str]:
    """Return the page and its content type.

    ``accept``: the scraper's Accept field, which chooses between plain text and OpenMetrics.
    """
    encode, content_type = choose_encoder(accept)
    return encode(_Collected(families(facts, totals))), content_type


def families(facts: Facts, totals: Totals) -> Iterator[Family]:
    """Every metric family of the page, in its order."""
    for metric, read in FACTS:
        yield _family(metric, read(facts))
    for row in layout.GLOBAL:
        yield from _counted(row, {(): totals.globals})
    for row in layout.ROUTE:
        yield from _counted(row, {(name,): block for name, block in totals.routes.items()})
    for row in layout.SERVICE:
        yield from _counted(row, {(name,): block for name, block in totals.services.items()})
    for row in layout.ENDPOINT:
        yield from _counted(row, dict(totals.endpoints.items()))
    for row in layout.FILTER:
        yield from _counted(row, {(name,): block for name, block in totals.filters.items()})


def _counted(row: Metric, blocks: Mapping[Labels, Sequence[int]]) -> Iterator[Family]:
    """The family of a row, if it has a name; ``blocks``: by the values of their labels."""
    if not row.name:
        return
    places = [
        ((*labels, *own), block[place : place + row.size])
        for labels, block in blocks.items()
        for own, place in row.places()
    ]
    yield _histogram(row, places) if row.kind == HISTOGRAM else _family(row, ((one, count) for one, (count,) in places))


def _family(metric: Metric, samples: Samples) -> Family:
    if metric.kind == INFO:
        [(values, _)] = samples
        return InfoMetricFamily(metric.name, metric.text, dict(zip(metric.labels, values, strict=True)))
    kind = CounterMetricFamily if metric.kind == COUNTER else GaugeMetricFamily
    family = kind(metric.name, metric.text, labels=metric.labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _histogram(row: Metric, places: Iterable[tuple[Labels, Sequence[int]]]) -> Family:
    """Of a histogram that has a label of its own only what was counted, or there would be too many series."""
    family = HistogramMetricFamily(row.name, row.text, labels=row.labels)
    for labels, (total, *counts) in places:
        if not row.values or any(counts):
            family.add_metric(labels, _buckets(counts), total / 1e6)
    return family


def _buckets(counts: Sequence[int]) -> list[tuple[str, float]]:
    """Cumulative counts by upper bound in seconds, as Prometheus has them; in the slab each bucket counts alone."""
    return [(bound, float(count)) for bound, count in zip(_BOUNDS, accumulate(counts), strict=True)]
