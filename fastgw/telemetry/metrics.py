"""The metrics page: what the supervisor knows and the summed counters, in the Prometheus text formats.

Label values come from the configuration only (names of routes, services and endpoints, never a path, a host or a
header of a request), so the number of series is bounded by what the operator wrote.  Which metrics there are, the tables say:
``telemetry.facts`` and ``core.counters``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Exemplar as Told

from fastgw.core import (  # their rows are of the table
    answer_counters,  # noqa: F401
    bridge_counters,  # noqa: F401
    guardrail_counters,  # noqa: F401
    http2_counters,  # noqa: F401
    key_counters,  # noqa: F401
    limit_counters,  # noqa: F401
    model_counters,  # noqa: F401
    mqtt_counters,  # noqa: F401
    placement_counters,  # noqa: F401
    wasm_counters,  # noqa: F401
    websocket_counters,  # noqa: F401
)
from fastgw.core import counters as layout
from fastgw.core.blocks import COUNTER, DURATION_BUCKETS, HISTOGRAM, Metric, bucket_of
from fastgw.core.exemplars import Exemplar
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
    workers: dict[Labels, Sequence[int]] = {(str(one.index),): one.counts for one in facts.workers if one.counts}
    for row in layout.GLOBAL:
        yield from _counted(row, workers if row.labels[:1] == layout.EACH else {(): totals.globals})
    for row in layout.ROUTE:
        routes: dict[Labels, Sequence[int]] = {(name,): block for name, block in totals.routes.items()}
        yield from _counted(row, routes, facts.exemplars if row.index == layout.ROUTE_DURATION_US else None)
    for row in layout.SERVICE:
        yield from _counted(row, {(name,): block for name, block in totals.services.items()})
    for row in layout.ENDPOINT:
        yield from _counted(row, dict(totals.endpoints.items()))
    for row in layout.FILTER:
        yield from _counted(row, {(name,): block for name, block in totals.filters.items()})
    # Each service might have each model: told are those where there was something.
    used: dict[Labels, Sequence[int]] = {name: block for name, block in totals.models.items() if any(block)}
    for row in layout.MODEL:
        yield from _counted(row, used)
    for row in layout.BRIDGE:
        yield from _counted(row, {(): totals.bridge})
    for row in layout.LIMIT:
        yield from _counted(row, dict(totals.limits.items()))
    by_key: dict[Labels, Sequence[int]] = {(name,): block for name, block in totals.keys.items() if any(block)}
    for row in layout.KEY:
        yield from _counted(row, by_key)


def _counted(
    row: Metric, blocks: Mapping[Labels, Sequence[int]], exemplars: Mapping[str, Sequence[Exemplar]] | None = None
) -> Iterator[Family]:
    """The family of a row, if it has a name; ``blocks``: by the values of their labels; ``exemplars``: by the first of those."""
    if not row.name:
        return
    places = [
        ((*labels, *own), block[place : place + row.size])
        for labels, block in blocks.items()
        for own, place in row.places()
        if not row.is_sparse or any(block[place : place + row.size])
    ]
    yield (
        _histogram(row, places, exemplars or {})
        if row.kind == HISTOGRAM
        else _family(row, ((one, count) for one, (count,) in places))
    )


def _family(metric: Metric, samples: Samples) -> Family:
    if metric.kind == INFO:
        [(values, _)] = samples
        return InfoMetricFamily(metric.name, metric.text, dict(zip(metric.labels, values, strict=True)))
    kind = CounterMetricFamily if metric.kind == COUNTER else GaugeMetricFamily
    family = kind(metric.name, metric.text, labels=metric.labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _histogram(
    row: Metric, places: Iterable[tuple[Labels, Sequence[int]]], exemplars: Mapping[str, Sequence[Exemplar]]
) -> Family:
    family = HistogramMetricFamily(row.name, row.text, labels=row.labels)
    for labels, (total, *counts) in places:
        family.add_metric(labels, _buckets(counts, exemplars.get(labels[0], ()) if exemplars else ()), total / 1e6)
    return family


def _buckets(counts: Sequence[int], exemplars: Sequence[Exemplar]) -> list[Any]:
    """Cumulative counts by upper bound in seconds, as Prometheus has them; in the slab each bucket counts alone.  Beside a count the newest
    exemplar of its own bucket, which only OpenMetrics shows."""
    newest = {bucket_of(one.micros): one for one in sorted(exemplars, key=lambda one: one.when)}
    told = {place: Told({"trace_id": one.trace}, one.micros / 1e6, one.when) for place, one in newest.items()}
    sums = zip(_BOUNDS, accumulate(counts), strict=True)
    return [(bound, float(count), told.get(place)) for place, (bound, count) in enumerate(sums)]
