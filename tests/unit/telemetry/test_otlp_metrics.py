"""The page by OTLP says what the page says, as the official messages read it."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from prometheus_client.core import HistogramMetricFamily

from fastgw.core.counters import BRIDGE, GLOBAL, ROUTE, ROUTE_BUCKETS, ROUTE_DURATION_US, ROUTE_STARTED
from fastgw.telemetry import otlp
from fastgw.telemetry.metrics import families
from fastgw.telemetry.otlp_metrics import CUMULATIVE, metrics
from fastgw.telemetry.totals import Totals
from tests.unit.telemetry.test_facts import facts

BEGAN, NOW = 1_000, 2_000


def read(found: Any) -> tuple[dict[str, Any], int]:
    data, points = metrics(otlp.resource([("service.name", "x")]), otlp.scope("fastgw", "1"), found, BEGAN, NOW)
    [of] = ExportMetricsServiceRequest.FromString(data).resource_metrics
    assert [(one.key, one.value.string_value) for one in of.resource.attributes] == [("service.name", "x")]
    [scoped] = of.scope_metrics
    return {one.name: one for one in scoped.metrics}, points


def labels(point: Any) -> dict[str, str]:
    return {one.key: one.value.string_value for one in point.attributes}


def totals() -> Totals:
    block = [0] * ROUTE.size
    block[ROUTE_STARTED] = 7
    block[ROUTE_DURATION_US] = 1_500_000
    block[ROUTE_BUCKETS], block[ROUTE_BUCKETS + 2] = 3, 4
    return Totals([0] * GLOBAL.size, routes={"all": block}, bridge=[0] * BRIDGE.size)


def test_every_sample_of_the_page_is_a_data_point() -> None:
    page = list(families(facts(), totals()))
    found, points = read(page)
    assert set(found) == {f"{one.name}_info" if one.type == "info" else one.name for one in page if one.samples}
    expected = 0
    for one in page:
        if one.type == "histogram":
            expected += sum(sample.name.endswith("_count") for sample in one.samples)
            continue
        expected += len(one.samples)
        if not one.samples:
            continue
        told = found[f"{one.name}_info" if one.type == "info" else one.name]
        assert told.description == one.documentation
        kind = told.sum if one.type == "counter" else told.gauge
        assert [(labels(point), point.as_double) for point in kind.data_points] == [
            (sample.labels, float(sample.value)) for sample in one.samples
        ]
    assert points == expected


def test_what_only_grows_says_so_and_since_when() -> None:
    found, _ = read(families(facts(), totals()))
    started = found["fastgw_requests_started"].sum
    assert (started.is_monotonic, started.aggregation_temporality) == (True, CUMULATIVE)
    [point] = started.data_points
    assert (point.start_time_unix_nano, point.time_unix_nano, point.as_double) == (BEGAN, NOW, 7.0)


def test_a_histogram_has_each_bucket_alone() -> None:
    family = HistogramMetricFamily("h", "words", labels=("route",))
    family.add_metric(("a",), [("0.1", 3.0), ("1.0", 3.0), ("+Inf", 5.0)], 4.5)
    family.add_metric(("b",), [("0.1", 0.0), ("1.0", 1.0), ("+Inf", 1.0)], 0.5)
    found, points = read([family])
    assert points == 2 and found["h"].histogram.aggregation_temporality == CUMULATIVE
    told = [
        (labels(one), one.count, one.sum, list(one.explicit_bounds), list(one.bucket_counts))
        for one in found["h"].histogram.data_points
    ]
    assert told == [
        ({"route": "a"}, 5, 4.5, [0.1, 1.0], [3, 0, 2]),
        ({"route": "b"}, 1, 0.5, [0.1, 1.0], [0, 1, 0]),
    ]
