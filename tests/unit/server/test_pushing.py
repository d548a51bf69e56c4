"""Metrics that are sent: now and then, once more at the end, and not where the collector is down."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from fastgw.config.telemetry_spec import MetricPushSpec
from fastgw.server.log import Log
from fastgw.server.pushing import Pushing
from tests.support.ports import free_port
from tests.support.upstream import UpstreamServer
from tests.unit.server.test_exporter import Collector, Paced, spec, status
from tests.unit.telemetry.test_facts import facts
from tests.unit.telemetry.test_otlp_metrics import totals


def pushing(exporter: Paced) -> Pushing:
    return Pushing(exporter, lambda: (facts(), totals()), Log("supervisor"), lambda: 1_000_000.0)


def started(collector: Collector, place: int = -1) -> Any:
    """The data point of one metric that was sent."""
    request = ExportMetricsServiceRequest.FromString(gzip.decompress(collector.asked[place].body))
    [of] = request.resource_metrics
    found = {one.name: one for scoped in of.scope_metrics for one in scoped.metrics}
    [point] = found["fastgw_requests_started"].sum.data_points
    return point


def test_it_is_sent_at_once_and_at_the_end(service: Callable[..., UpstreamServer]) -> None:
    collector = Collector()
    address = service(collector).address

    async def story() -> Paced:
        exporter = Paced()
        exporter.keep(spec(address))
        one = pushing(exporter)
        one.keep(MetricPushSpec(3600.0))
        async with asyncio.timeout(5):
            while not exporter.exported["metrics"]:
                await asyncio.sleep(0)
        one.keep(MetricPushSpec(3600.0))  # the same: nothing begins anew
        await one.finish()
        exporter.close()
        return exporter

    exporter = asyncio.run(story())
    assert [one.target for one in collector.asked] == [b"/v1/metrics"] * 2
    point = started(collector)
    assert (point.as_double, point.time_unix_nano) == (7.0, 10**15)
    assert point.start_time_unix_nano == 10**15 - 12_500_000_000  # the gateway is 12.5 s old
    assert exporter.exported["metrics"] > 80 and not exporter.dropped


@pytest.mark.parametrize("is_down", [True, False])
def test_what_is_off_or_cannot_be_taken_is_not_sent_at_the_end(is_down: bool) -> None:
    async def story() -> Paced:
        exporter = Paced()
        exporter.keep(spec(f"127.0.0.1:{free_port()}"))
        one = pushing(exporter)
        if is_down:
            one._interval, exporter.cause = 60.0, "refused"
        else:
            one.keep(None)
        await one.finish()
        exporter.close()
        return exporter

    exporter = asyncio.run(story())
    assert not exporter.pauses and not exporter.dropped


def test_what_is_not_taken_until_the_next_time_is_dropped(service: Callable[..., UpstreamServer]) -> None:
    collector = Collector(*[status(503)] * 20)
    address = service(collector).address

    async def story() -> Paced:
        exporter = Paced()
        exporter.keep(spec(address))
        one = pushing(exporter)
        one._interval = 5.0
        await one.push()
        exporter.close()
        return exporter

    exporter = asyncio.run(story())
    assert set(exporter.dropped) == {("metrics", "expired")} and sum(exporter.pauses) <= 5.0
