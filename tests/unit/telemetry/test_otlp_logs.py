"""Lines of a log that are written by hand are what the official messages read."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import SeverityNumber

from fastgw.telemetry import otlp
from fastgw.telemetry.otlp_logs import logs
from tests.unit.telemetry.test_otlp import NANOS, TEXT, VALUES, pairs

FIELDS = st.dictionaries(st.text("abc_", min_size=1, max_size=20), VALUES, max_size=6).map(
    lambda one: tuple(one.items())
)
LINES = st.tuples(NANOS, st.sampled_from(["info", "warning", "error"]), TEXT, FIELDS)


def read(*lines: Any) -> list[Any]:
    data = logs(otlp.resource((("service.name", "fastgw"),)), otlp.scope("fastgw", "1"), lines)
    [found] = ExportLogsServiceRequest.FromString(data).resource_logs
    assert pairs(found.resource.attributes) == [("service.name", "fastgw")]
    [scoped] = found.scope_logs
    assert (scoped.scope.name, scoped.scope.version) == ("fastgw", "1")
    return list(scoped.log_records)


@given(st.lists(LINES, max_size=4))
def test_what_is_written_is_what_was_said(lines: list[Any]) -> None:
    found = read(*lines)
    assert len(found) == len(lines)
    for one, (when, level, event, fields) in zip(found, lines, strict=True):
        assert (one.time_unix_nano, one.observed_time_unix_nano) == (when, when)
        assert (one.severity_text, one.body.string_value) == (level.upper(), event)
        assert pairs(one.attributes) == [(f"fastgw.{name}", value) for name, value in fields]
        assert one.trace_id == one.span_id == b""


def test_levels_are_numbers_of_opentelemetry() -> None:
    found = read(*((1, level, "e", ()) for level in ("info", "warning", "error", "other")))
    names = [SeverityNumber.Name(one.severity_number).removeprefix("SEVERITY_NUMBER_") for one in found]
    assert names == ["INFO", "WARN", "ERROR", "INFO"]


def test_ids_are_those_of_the_trace_and_nothing_else_is() -> None:
    trace, span = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    whole, half, none, other = read(
        (1, "info", "e", (("trace_id", trace), ("span_id", span), ("request_id", "r"))),
        (1, "info", "e", (("trace_id", trace),)),
        (1, "info", "e", (("span_id", span),)),
        (1, "info", "e", (("trace_id", "nothing"), ("span_id", span))),
    )
    assert (whole.trace_id.hex(), whole.span_id.hex()) == (trace, span)
    assert pairs(whole.attributes) == [("fastgw.request_id", "r")]
    assert (half.trace_id.hex(), half.span_id) == (trace, b"")
    assert none.trace_id == none.span_id == other.trace_id == other.span_id == b""


def test_what_opentelemetry_has_a_name_for_has_it() -> None:
    fields = (("pid", 7), ("process", "worker 1"), ("error", "ValueError()"), ("traceback", "Traceback"))
    [found] = read((1, "error", "e", fields))
    assert pairs(found.attributes) == [
        ("process.pid", 7),
        ("fastgw.process", "worker 1"),
        ("exception.message", "ValueError()"),
        ("exception.stacktrace", "Traceback"),
    ]
