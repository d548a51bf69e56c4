"""A collector that is asked by gRPC: a real one; what its answers mean (``test_exporter`` has what HTTP answers mean)."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import any_pb2
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2, status_pb2
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from fastgw.cli.references import references
from fastgw.cli.tries import FailedError
from fastgw.config.telemetry_spec import LogPushSpec
from fastgw.core.live.news import Logged, Recorded
from fastgw.server.collectors import NotNowError, RefusedError, collector_of
from fastgw.telemetry import otlp
from tests.support.certificates import Authority
from tests.support.collector import GrpcCollector, collecting
from tests.support.ports import free_port
from tests.unit.cli.test_references import spec_of
from tests.unit.server.test_exporter import LINE, RECORD, Paced, run, sent, spec

Code = grpc.StatusCode


@pytest.fixture
def collector() -> Iterator[GrpcCollector]:
    with collecting() as found:
        yield found


def test_what_was_recorded_arrives(collector: GrpcCollector) -> None:
    async def work(exporter: Paced) -> None:
        exporter.keep(
            spec(collector.address, is_grpc=True, logs=LogPushSpec("info"), secret_fields=((b"x-key", b"hush"),))
        )
        exporter.take(Recorded((RECORD,) * 2))
        exporter.take(Logged((LINE,), 0))
        await exporter.post("metrics", 3, b"")

    exporter = run(work)
    taken = dict(collector.taken)
    assert taken.keys() == {"traces", "metrics", "logs"}
    spans = [span for one in taken["traces"].resource_spans for scoped in one.scope_spans for span in scoped.spans]
    assert [span.name for span in spans] == ["GET /"] * 4
    assert exporter.exported == {"traces": 4, "logs": 1, "metrics": 3} and not exporter.dropped
    for told in collector.metadata:
        assert told["x-key"] == "hush" and str(told["user-agent"]).startswith("fastgw/1.2")


def details(seconds: int, nanos: int = 0) -> bytes:
    packed = any_pb2.Any()
    packed.Pack(error_details_pb2.RetryInfo(retry_delay=Duration(seconds=seconds, nanos=nanos)))
    other = any_pb2.Any()
    other.Pack(error_details_pb2.ErrorInfo(reason="full"))
    return status_pb2.Status(code=8, details=[other, packed]).SerializeToString()


@pytest.mark.parametrize(
    "code", [Code.CANCELLED, Code.DEADLINE_EXCEEDED, Code.ABORTED, Code.UNAVAILABLE, Code.DATA_LOSS]
)
def test_what_is_not_taken_now_is_sent_again(code: grpc.StatusCode, collector: GrpcCollector) -> None:
    collector.statuses = [(code, ())]
    exporter = sent(collector.address, is_grpc=True)
    assert exporter.pauses == [1.0, 1.0] and exporter.exported["traces"] == 2 and not exporter.dropped


def test_one_that_is_full_is_asked_again_where_it_says_when(collector: GrpcCollector) -> None:
    collector.statuses = [(Code.RESOURCE_EXHAUSTED, (("grpc-status-details-bin", details(7, 500_000_000)),))]
    exporter = sent(collector.address, is_grpc=True)
    assert exporter.pauses == [1.0, 7.5] and exporter.exported["traces"] == 2
    collector.statuses = [(Code.RESOURCE_EXHAUSTED, ())]
    assert sent(collector.address, is_grpc=True).dropped == {("traces", "refused"): 2}


@pytest.mark.parametrize("code", [Code.INVALID_ARGUMENT, Code.UNAUTHENTICATED, Code.UNIMPLEMENTED, Code.INTERNAL])
def test_what_is_refused_is_dropped(code: grpc.StatusCode, collector: GrpcCollector) -> None:
    collector.statuses = [(code, ())]
    assert sent(collector.address, is_grpc=True).dropped == {("traces", "refused"): 2}


def test_what_it_takes_in_part_is_counted(collector: GrpcCollector) -> None:
    partial = ExportTracePartialSuccess(rejected_spans=1, error_message="too old")
    collector.answer = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    exporter = sent(collector.address, is_grpc=True)
    assert (exporter.exported["traces"], exporter.dropped) == (1, {("traces", "rejected"): 1})


def test_nobody_there_and_a_collector_that_takes_http_only() -> None:
    async def ask(**changes: Any) -> None:
        one = collector_of(spec(f"127.0.0.1:{free_port()}", is_grpc=True, **changes), b"a")
        try:
            await one.send("traces", b"")
        finally:
            one.close()

    with pytest.raises(NotNowError) as caught:
        asyncio.run(ask())
    assert caught.value.cause == "refused"


def test_tls_is_verified(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    certificate, key = (Path(one).read_bytes() for one in authority.pair("collector", "127.0.0.1"))
    with collecting(grpc.ssl_server_credentials([(key, certificate)])) as collector:
        url = spec(collector.address).url._replace(is_tls=True)
        exporter = sent(collector.address, is_grpc=True, url=url._replace(ca=str(authority.ca)))
        assert exporter.exported["traces"] == 2
        exporter = sent(collector.address, is_grpc=True, url=url)
        assert exporter.exported["traces"] == 0 and exporter.cause == "tls"


def test_it_is_tried_by_check(collector: GrpcCollector, tmp_path: Path) -> None:
    text = f"""
listeners: [{{address: "127.0.0.1:18080"}}]
routes: [{{path: /*, service: a}}]
services: {{a: {{endpoints: ["127.0.0.1:1"]}}}}
telemetry: {{otlp: "http://{collector.address}", protocol: grpc, traces: {{}}, logs: {{}}}}
"""
    [reference] = references(spec_of(text, tmp_path))
    assert asyncio.run(reference.attempt()).said == "it takes traces, logs"
    for code, cause in (
        (Code.UNAUTHENTICATED, "denied"),
        (Code.UNIMPLEMENTED, "refused"),
        (Code.UNAVAILABLE, "unavailable"),
    ):
        collector.statuses = [(code, ())]
        with pytest.raises(FailedError) as caught:
            asyncio.run(reference.attempt())
        assert caught.value.cause == cause, caught.value


def test_a_refusal_says_from_whom_it_comes(collector: GrpcCollector) -> None:
    collector.statuses = [(Code.PERMISSION_DENIED, ())]

    async def ask() -> None:
        one = collector_of(spec(collector.address, is_grpc=True), b"a")
        try:
            await one.send("logs", b"", is_compressed=False)
        finally:
            one.close()

    with pytest.raises(RefusedError, match="grpc-status 7: as the test says to logs") as caught:
        asyncio.run(ask())
    assert caught.value.is_denied


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (details(0), 0.0),
        (details(90, 1_000_000), 90.001),
        (b"", -1.0),
        (details(1)[:-2], -1.0),
        (status_pb2.Status(code=8).SerializeToString(), -1.0),
    ],
)
def test_what_a_status_says_of_when_to_come_again(value: bytes, seconds: float) -> None:
    text = base64.b64encode(value)
    assert otlp.retry_delay(text) == otlp.retry_delay(text.rstrip(b"=")) == seconds
    assert otlp.retry_delay(b"*" + text[:5]) == -1.0
