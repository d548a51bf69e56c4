"""Traces through real processes to a real receiver of OTLP, which reads them by the official messages."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import signal
import threading
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.integration.processes import REQUEST, Gateway, Service, connect, get, read_answer
from tests.support.gateway import GatewayProcess, wait_until
from tests.support.ports import free_port
from tests.support.upstream import Connection, Received, response

pytestmark = pytest.mark.integration

CONFIG = """
workers: 2
admin: {{address: "127.0.0.1:$admin"}}
telemetry:
  otlp: http://{collector}
  timeout: 300ms
  traces: {{sample: 100%}}
  logs: {{}}
listeners:
  - {{name: edge, address: "127.0.0.1:$port", trusted_proxies: [127.0.0.1], filters: [request_id, log]}}
routes:
  - {{name: all, path: "/*", service: main, filters: [tell]}}
services:
  main: {{endpoints: ["{service}"]}}
filters:
  log: {{type: access_log, path: access.log, flush: 10ms}}
  tell: {{type: headers, response: {{set: {{x-trace: "${{trace.id}} ${{span.id}}"}}}}}}
"""


class Collector:
    """Takes what it is sent, or answers with what the test says."""

    def __init__(self) -> None:
        self.answer = response(b"")
        self.spans: list[tuple[str, Any]] = []  #: with the instance that sent it
        self.lines: dict[str, Any] = {}  #: of the log, the last of each event
        self.asked = 0
        self.held: threading.Event | None = None

    def __call__(self, request: Received, connection: Connection) -> None:
        self.asked += 1
        if self.held is not None:
            connection.wait(self.held)
        if request.target == b"/v1/logs" and self.answer.startswith(b"HTTP/1.1 200"):
            for of in ExportLogsServiceRequest.FromString(gzip.decompress(request.body)).resource_logs:
                self.lines |= {one.body.string_value: one for found in of.scope_logs for one in found.log_records}
        elif self.answer.startswith(b"HTTP/1.1 200"):
            for one in ExportTraceServiceRequest.FromString(gzip.decompress(request.body)).resource_spans:
                told = {pair.key: pair.value.string_value for pair in one.resource.attributes}
                self.spans += [(told["service.instance.id"], span) for found in one.scope_spans for span in found.spans]
        with contextlib.suppress(OSError):
            connection.send(self.answer)

    def whole(self) -> list[Any]:
        """The spans of exchanges."""
        return [span for _, span in self.spans if span.kind == span.SPAN_KIND_SERVER]


def telling(request: Received, connection: Connection) -> None:
    """A service that answers with what it was told of the trace."""
    connection.send(response(b", ".join(request.headers(b"traceparent"))))


def telemetry(running: GatewayProcess) -> dict[str, Any]:
    found: dict[str, Any] = running.admin("/status")["telemetry"]
    return found


def test_requests_of_all_workers_arrive_over_a_reload_and_a_death(gateway: Gateway, service: Service) -> None:
    collector = Collector()
    running = gateway(CONFIG.format(collector=service(collector).address, service=service(telling).address))
    answers = [get(running.port) for _ in range(20)]
    trace, span = b"4bf92f3577b34da6a3ce929d0e0e4736", b"00f067aa0ba902b7"
    with connect(running.port) as sock:
        sock.sendall(REQUEST[:-2] + b"traceparent: 00-%b-%b-01\r\n\r\n" % (trace, span))
        answers.append(read_answer(sock))
    wait_until(lambda: len(collector.whole()) == 21)
    assert len({instance for instance, _ in collector.spans}) == 1
    by_trace = {one.trace_id.hex(): one for one in collector.whole()}
    tries = {one.span_id.hex(): one for _, one in collector.spans if one.kind == one.SPAN_KIND_CLIENT}
    assert len(by_trace) == len(tries) == 21
    for answer in answers:
        head, _, body = answer.partition(b"\r\n\r\n")
        [_, told_trace, told_span, flags] = body.decode().split("-")
        whole, tried = by_trace[told_trace], tries[told_span]
        assert tried.parent_span_id == whole.span_id and flags in ("01", "03")
        assert f"x-trace: {told_trace} {whole.span_id.hex()}".encode() in head
    last = by_trace[trace.decode()]
    assert last.parent_span_id.hex().encode() == span
    lines = wait_until(lambda: (found := logged(running)) and len(found) == 21 and found)
    assert {one["trace_id"] for one in lines} == set(by_trace)
    assert all(by_trace[one["trace_id"]].span_id.hex() == one["span_id"] for one in lines)

    generation = running.generation()
    running.signal(signal.SIGHUP)
    wait_until(lambda: running.generation() == generation + 1)
    for _ in range(5):
        get(running.port)
    wait_until(lambda: len(collector.whole()) == 26)
    with connect(running.port) as sock:
        sock.sendall(b"no request\r\n\r\n")
        assert read_answer(sock).startswith(b"HTTP/1.1 400")

    dead = running.admin("/status")["workers"][0]["pid"]
    os.kill(dead, signal.SIGKILL)
    wait_until(lambda: running.admin("/status")["workers"][0]["pid"] not in (None, dead))
    wait_until(lambda: running.admin("/status")["workers"][0]["state"] == "ready")
    for _ in range(10):
        get(running.port)
    assert running.stop() == 0  # what is left is sent before the end
    assert len(collector.whole()) == 36
    said = {
        event: {pair.key: pair.value.string_value for pair in one.attributes} for event, one in collector.lines.items()
    }
    assert said["a request was refused"]["fastgw.process"].startswith("worker ")
    assert said["a worker died and is started again"]["fastgw.process"] == "supervisor"
    assert collector.lines["a worker died and is started again"].severity_text == "ERROR"
    assert len({instance for instance, _ in collector.spans}) == 1


def logged(running: GatewayProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (running.config.parent / "access.log").read_text().splitlines()]


def test_a_collector_that_is_dead_slow_or_busy_changes_nothing_for_clients(gateway: Gateway, service: Service) -> None:
    collector = Collector()
    collector.answer = b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"
    collecting, answering = service(collector).address, service(telling).address
    running = gateway(CONFIG.format(collector=f"127.0.0.1:{free_port()}", service=answering))
    assert get(running.port).startswith(b"HTTP/1.1 200")
    wait_until(lambda: telemetry(running)["cause"] == "refused")
    assert "fastgw_telemetry_up 0.0" in running.admin("/metrics")

    running.write_config(CONFIG.format(collector=collecting, service=answering))
    running.signal(signal.SIGHUP)
    wait_until(lambda: telemetry(running)["cause"] == "status")
    assert get(running.port).startswith(b"HTTP/1.1 200")
    collector.held, collector.answer = threading.Event(), response(b"")
    wait_until(lambda: telemetry(running)["cause"] == "timeout")
    assert get(running.port).startswith(b"HTTP/1.1 200")
    collector.held.set()
    collector.held = None
    wait_until(lambda: telemetry(running)["up"] and not telemetry(running)["queued_bytes"])
    assert telemetry(running)["exported"]["traces"] >= 6  # each request, its try, and perhaps its wait for a connection
    assert telemetry(running)["dropped"] == {}
    assert running.stop() == 0
    assert collector.lines and not any(
        "collector" in event for event in collector.lines
    )  # or each would be cause for the next
    log = running.read_log()
    assert log.count("a collector takes no telemetry") == 2  # of one address each
    assert log.count("a collector takes telemetry again") == 1
