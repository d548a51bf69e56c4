"""Sending to a collector: what arrives, what is tried again, and what is counted of the rest."""

from __future__ import annotations

import asyncio
import gzip
import json
import marshal
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from fastgw.config.telemetry_spec import LogPushSpec, TelemetrySpec
from fastgw.core.live.news import Logged, Recorded
from fastgw.core.settings import TraceSettings, Url
from fastgw.server.exporter import BATCH, GIVE_UP, MOST_PAUSE, Exporter, identity
from fastgw.server.log import Log
from tests.support.certificates import Authority
from tests.support.ports import free_port
from tests.support.upstream import Connection, Received, UpstreamServer, response

SPAN = ("GET /", 2, b"1" * 16, b"", 1, 2, False, "", (("http.route", "/"),), ())
RECORD = marshal.dumps((b"a" * 32, 1, b"", (SPAN, SPAN)))


class Collector:
    """Answers with what the test says, then with 200, and keeps what it was sent."""

    def __init__(self, *answers: bytes) -> None:
        self.answers = [*answers]
        self.asked: list[Received] = []

    def __call__(self, request: Received, connection: Connection) -> None:
        self.asked.append(request)
        connection.send(self.answers.pop(0) if self.answers else response(b""))

    def spans(self, place: int = -1) -> list[Any]:
        data = gzip.decompress(self.asked[place].body)
        return [
            span
            for one in ExportTraceServiceRequest.FromString(data).resource_spans
            for scoped in one.scope_spans
            for span in scoped.spans
        ]


class Paced(Exporter):
    """One whose pauses pass at once, and are written down."""

    def __init__(self) -> None:
        self.now = 100.0
        self.pauses: list[float] = []
        self.on_pause: Callable[[], None] | None = None
        super().__init__((("service.name", "fastgw"),), "1.2", Log("supervisor"), lambda: 1.0, lambda: self.now)

    async def _pause(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds
        if self.on_pause is not None:
            self.on_pause()
        await asyncio.sleep(0)


def spec(address: str, **changes: Any) -> TelemetrySpec:
    host, _, port = address.rpartition(":")
    settings = TelemetrySpec(
        Url(False, host, int(port), ""), (), 2.0, 100_000, (("env", "test"),), TraceSettings(1.0, "any"), None
    )
    return settings._replace(**changes)


def run(work: Callable[[Paced], Coroutine[Any, Any, None]]) -> Paced:
    """An exporter that has done ``work``."""

    async def do() -> Paced:
        exporter = Paced()
        await work(exporter)
        if exporter._task is not None:
            await exporter._task
        exporter.close()
        return exporter

    return asyncio.run(do())


def sent(address: str, records: int = 1, **changes: Any) -> Paced:
    async def work(exporter: Paced) -> None:
        exporter.keep(spec(address, **changes))
        exporter.take(Recorded((RECORD,) * records))

    return run(work)


def lines(capfd: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capfd.readouterr().err.splitlines()]


def status(number: int, fields: bytes = b"") -> bytes:
    return b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n%b\r\n" % (number, fields)


def test_what_was_recorded_arrives(service: Callable[..., UpstreamServer]) -> None:
    collector = Collector()
    exporter = sent(service(collector).address, 3, secret_fields=((b"x-key", b"hush"),))
    [asked] = collector.asked
    assert (asked.method, asked.target) == (b"POST", b"/v1/traces")
    assert asked.header(b"content-type") == b"application/x-protobuf"
    assert (asked.header(b"x-key"), asked.header(b"user-agent")) == (b"hush", b"fastgw/1.2")
    assert [span.name for span in collector.spans()] == ["GET /"] * 6
    [of] = ExportTraceServiceRequest.FromString(gzip.decompress(asked.body)).resource_spans
    told = {one.key: one.value.string_value for one in of.resource.attributes}
    assert told == {"service.name": "fastgw", "env": "test"}
    facts = exporter.facts()
    assert facts is not None and facts.exported["traces"] == 6 and facts.is_up and facts.queued == 0
    assert not facts.dropped


def test_the_path_of_the_collector_stands_in_front(service: Callable[..., UpstreamServer]) -> None:
    collector = Collector()
    address = service(collector).address
    url = spec(address).url._replace(target="/otlp")
    sent(address, url=url)
    assert [one.target for one in collector.asked] == [b"/otlp/v1/traces"]


def test_many_records_go_in_batches_without_a_pause(service: Callable[..., UpstreamServer]) -> None:
    collector = Collector()
    exporter = sent(service(collector).address, BATCH + 1)
    assert [len(collector.spans(place)) for place in range(2)] == [2 * BATCH, 2]
    assert exporter.pauses == [1.0]  # of the second one, which is not full


@pytest.mark.parametrize("number", [429, 502, 503, 504])
def test_what_is_not_taken_now_is_sent_again(
    number: int, service: Callable[..., UpstreamServer], capfd: pytest.CaptureFixture[str]
) -> None:
    collector = Collector(status(number), status(number))
    address = service(collector).address
    exporter = sent(address)
    assert [one.body for one in collector.asked] == [collector.asked[0].body] * 3
    assert exporter.pauses == [1.0, 1.0, 2.0]
    assert exporter.exported["traces"] == 2 and not exporter.dropped
    first, last = lines(capfd)
    assert (first["event"], first["cause"]) == ("a collector takes no telemetry", "status")
    assert first["detail"] == f"http://{address} answered {number} to traces (/v1/traces)"
    assert last["event"] == "a collector takes telemetry again"


def test_what_it_asks_to_wait_is_waited(service: Callable[..., UpstreamServer]) -> None:
    exporter = sent(service(Collector(status(503, b"Retry-After: 7\r\n"))).address)
    assert exporter.pauses == [1.0, 7.0]
    exporter = sent(service(Collector(status(503, b"Retry-After: 99999999\r\n"))).address)
    assert exporter.pauses == [1.0] and exporter.dropped == {("traces", "expired"): 2}


@pytest.mark.parametrize("number", [400, 401, 404, 413, 500, 301])
def test_what_is_refused_is_dropped(
    number: int, service: Callable[..., UpstreamServer], capfd: pytest.CaptureFixture[str]
) -> None:
    collector = Collector(status(number))
    exporter = sent(service(collector).address)
    assert len(collector.asked) == 1
    assert exporter.dropped == {("traces", "refused"): 2}
    [told] = lines(capfd)
    assert told["event"] == "a collector refuses telemetry" and str(number) in told["detail"]


def test_what_it_takes_in_part_is_counted(
    service: Callable[..., UpstreamServer], capfd: pytest.CaptureFixture[str]
) -> None:
    partial = ExportTracePartialSuccess(rejected_spans=1, error_message="too old")
    answer = ExportTraceServiceResponse(partial_success=partial).SerializeToString()
    exporter = sent(service(Collector(response(answer))).address)
    assert (exporter.exported["traces"], exporter.dropped) == (1, {("traces", "rejected"): 1})
    [told] = lines(capfd)
    assert (told["rejected"], told["detail"]) == (1, "too old")


def test_nobody_there_is_told_once_and_given_up(capfd: pytest.CaptureFixture[str]) -> None:
    exporter = sent(f"127.0.0.1:{free_port()}", 2)
    assert exporter.dropped == {("traces", "expired"): 4}
    assert sum(exporter.pauses) < GIVE_UP + 1 and max(exporter.pauses) == MOST_PAUSE
    [told] = lines(capfd)
    assert (told["event"], told["cause"]) == ("a collector takes no telemetry", "refused")
    facts = exporter.facts()
    assert facts is not None and (facts.is_up, facts.cause, facts.queued) == (False, "refused", 0)


def test_a_full_queue_drops_what_comes() -> None:
    async def work(exporter: Paced) -> None:
        exporter.keep(spec(f"127.0.0.1:{free_port()}", queue=3 * len(RECORD)))
        exporter.take(Recorded((RECORD,) * 5))
        facts = exporter.facts()
        assert facts is not None and facts.queued == 3 * len(RECORD)
        assert exporter.dropped == {("traces", "queue_full"): 4}

    run(work)


def test_another_collector_gets_what_waits(service: Callable[..., UpstreamServer]) -> None:
    collector = Collector()
    address = service(collector).address

    async def work(exporter: Paced) -> None:
        exporter.keep(spec(f"127.0.0.1:{free_port()}"))
        exporter.on_pause = lambda: exporter.keep(spec(address)) if len(exporter.pauses) == 2 else None
        exporter.take(Recorded((RECORD,)))

    exporter = run(work)
    assert len(collector.spans()) == 2 and not exporter.dropped


def test_without_a_collector_nothing_is_kept(service: Callable[..., UpstreamServer]) -> None:
    async def work(exporter: Paced) -> None:
        exporter.keep(spec("127.0.0.1:1"))
        exporter.take(Recorded((RECORD,)))
        exporter.keep(None)
        exporter.take(Recorded((RECORD,)))
        assert exporter.facts() is None

    exporter = run(work)
    assert exporter.dropped == {("traces", "stopped"): 2, ("traces", "queue_full"): 2}
    assert exporter._size == 0


def test_the_end_sends_what_is_left(service: Callable[..., UpstreamServer]) -> None:
    collector = Collector()
    address = service(collector).address

    async def work(exporter: Paced) -> None:
        exporter.keep(spec(address))
        exporter.take(Recorded((RECORD,)))
        await exporter.finish()
        assert len(collector.spans()) == 2
        await exporter.finish()

    assert not run(work).dropped


def test_the_end_does_not_wait_for_a_collector_that_is_down() -> None:
    async def work(exporter: Paced) -> None:
        exporter.keep(spec(f"127.0.0.1:{free_port()}"))
        exporter.cause = "refused"
        exporter.take(Recorded((RECORD,)))
        await exporter.finish()
        assert exporter._task is not None and not exporter._task.done()
        exporter.close()

    exporter = run(work)
    assert exporter.dropped == {("traces", "stopped"): 2}


def test_tls_is_verified(service: Callable[..., UpstreamServer], tmp_path: Path) -> None:
    collector, authority = Collector(), Authority(tmp_path)
    server = service(collector, tls=authority.server(*authority.pair("collector", "127.0.0.1")))
    url = spec(server.address).url._replace(is_tls=True)
    exporter = sent(server.address, url=url._replace(ca=str(authority.ca)))
    assert exporter.exported["traces"] == 2
    exporter = sent(server.address, url=url)
    assert exporter.exported["traces"] == 0 and exporter.cause == "tls"
    exporter = sent(server.address, url=url._replace(ca="/nowhere"))
    assert exporter.cause == "tls" and "telemetry.ca" in exporter.detail


def test_who_it_is_has_the_names_of_opentelemetry() -> None:
    found = dict(identity())
    assert found["service.name"] == "fastgw" and found["host.name"]
    assert found["service.instance.id"] != dict(identity())["service.instance.id"]


# --- lines of the log

LINE = marshal.dumps((5, "warning", "it happens", (("route", "r"),)))


def test_lines_of_the_log_arrive_beside_what_was_recorded(service: Callable[..., UpstreamServer]) -> None:
    collector = Collector()
    address = service(collector).address

    async def work(exporter: Paced) -> None:
        exporter.keep(spec(address, logs=LogPushSpec("info")))
        assert exporter.take(Logged((LINE, LINE), 0)) and exporter.take(Recorded((RECORD,)))
        assert exporter.take(Logged((LINE,), 4))

    exporter = run(work)
    targets = [one.target for one in collector.asked]
    assert sorted(targets) == [b"/v1/logs", b"/v1/traces"]
    data = gzip.decompress(collector.asked[targets.index(b"/v1/logs")].body)
    [found] = ExportLogsServiceRequest.FromString(data).resource_logs
    assert {one.key: one.value.string_value for one in found.resource.attributes}["env"] == "test"
    assert [one.body.string_value for one in found.scope_logs[0].log_records] == ["it happens"] * 3
    assert exporter.exported == {"traces": 2, "logs": 3}
    assert exporter.dropped == {("logs", "supervisor_busy"): 4}


@pytest.mark.parametrize("is_wanted", [True, False])
def test_lines_have_the_bound_of_the_queue_and_come_late_where_nobody_wants_them(is_wanted: bool) -> None:
    async def work(exporter: Paced) -> None:
        exporter.keep(spec("127.0.0.1:1", queue=2 * len(LINE), logs=LogPushSpec("info") if is_wanted else None))
        exporter.take(Logged((LINE,) * 5, 1))
        exporter.close()

    dropped = {("logs", "queue_full"): 3, ("logs", "supervisor_busy"): 1, ("logs", "stopped"): 2}
    assert run(work).dropped == (dropped if is_wanted else {})


def test_a_collector_that_takes_no_lines_is_tried_as_for_any_other(service: Callable[..., UpstreamServer]) -> None:
    collector = Collector(status(503), status(404))
    address = service(collector).address

    async def work(exporter: Paced) -> None:
        exporter.keep(spec(address, logs=LogPushSpec("info")))
        exporter.take(Logged((LINE,), 0))

    exporter = run(work)
    assert [one.target for one in collector.asked] == [b"/v1/logs"] * 2
    assert exporter.dropped == {("logs", "refused"): 1}
