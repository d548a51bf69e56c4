"""What is written by hand is what the official messages read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from fastgw.telemetry import otlp

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
VALUES = st.one_of(TEXT, st.booleans(), st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
ATTRIBUTES = st.lists(st.tuples(st.text("abc.", min_size=1, max_size=100), VALUES), max_size=6)
NANOS = st.integers(0, 2**63 - 1)
IDS = st.binary(min_size=8, max_size=8).map(lambda one: one.hex().encode())
TRACES = st.binary(min_size=16, max_size=16).map(lambda one: one.hex().encode())
LINKS = st.lists(st.tuples(TRACES, IDS, st.integers(0, 3)), max_size=3)
SPANS = st.tuples(
    TEXT, st.integers(1, 3), IDS, st.just(b"") | IDS, NANOS, NANOS, st.booleans(), TEXT, ATTRIBUTES, LINKS
)
RECORDS = st.tuples(TRACES, st.integers(0, 3), st.sampled_from([b"", b"a=1,b=2"]), st.lists(SPANS, max_size=4))


def read(value: AnyValue) -> Any:
    return getattr(value, value.WhichOneof("value"))


def pairs(found: Any) -> list[tuple[str, Any]]:
    return [(one.key, read(one.value)) for one in found]


@given(st.lists(RECORDS, max_size=4), ATTRIBUTES)
def test_what_is_written_is_what_was_recorded(records: list[Any], attributes: list[Any]) -> None:
    data = otlp.traces(otlp.resource(attributes), otlp.scope("fastgw", "1"), records)
    [found] = ExportTraceServiceRequest.FromString(data).resource_spans
    assert pairs(found.resource.attributes) == attributes
    [scoped] = found.scope_spans
    assert (scoped.scope.name, scoped.scope.version) == ("fastgw", "1")
    expected = [(trace, flags, state, *span) for trace, flags, state, spans in records for span in spans]
    assert len(scoped.spans) == len(expected)
    for one, of in zip(scoped.spans, expected, strict=True):
        same(one, *of)


def same(
    one: Span,
    trace: bytes,
    flags: int,
    state: bytes,
    name: str,
    kind: int,
    span: bytes,
    above: bytes,
    began: int,
    ended: int,
    is_failed: bool,
    told: str,
    attributes: Any,
    links: Any,
) -> None:
    assert (one.trace_id.hex().encode(), one.span_id.hex().encode(), one.trace_state.encode()) == (trace, span, state)
    assert (one.parent_span_id.hex().encode(), one.name, one.kind) == (above, name, kind)
    assert (one.start_time_unix_nano, one.end_time_unix_nano) == (began, max(began, ended))
    assert pairs(one.attributes) == attributes
    is_remote = kind == Span.SPAN_KIND_SERVER and above
    assert one.flags == flags | (0x300 if is_remote else 0x100)
    assert (one.status.code, one.status.message) == ((Status.STATUS_CODE_ERROR, told) if is_failed else (0, ""))
    found = [(link.trace_id.hex().encode(), link.span_id.hex().encode(), link.flags) for link in one.links]
    assert found == [(*link[:2], link[2] | 0x300) for link in links]


@given(st.text("ab", max_size=3), VALUES)
def test_an_attribute_is_the_same_each_time(key: str, value: Any) -> None:
    """1, 1.0 and true are equal and not the same."""
    for one in (value, 1, True, 1.0, value):
        (found,) = Resource.FromString(otlp.attribute(1, key, one)).attributes
        assert found.key == key and (read(found.value), type(read(found.value))) == (one, type(one))


@given(st.integers(0, 2**64 - 1))
def test_a_number_has_as_many_bytes_as_it_needs(number: int) -> None:
    data = otlp.varint(number)
    assert len(data) == max(1, -(-number.bit_length() // 7))
    assert sum((byte & 127) << 7 * place for place, byte in enumerate(data)) == number


def test_long_text_is_cut() -> None:
    found = KeyValue.FromString(otlp.key_value("key", "x" * 10_000))
    assert len(found.value.string_value) == otlp.MOST_TEXT


def test_text_that_is_none_is_replaced() -> None:
    assert KeyValue.FromString(otlp.key_value("key", "a\udc80b")).value.string_value == "a?b"


def test_what_a_collector_does_not_take_is_read() -> None:
    partial = ExportTracePartialSuccess(rejected_spans=300, error_message="too old")
    answer = ExportTraceServiceResponse(partial_success=partial)
    assert otlp.rejected(answer.SerializeToString()) == (300, "too old")
    assert otlp.rejected(ExportTraceServiceResponse().SerializeToString()) == (0, "")


@pytest.mark.parametrize("answer", [b"{}", b"\x0a", b"\x0a\x7fshort", b"\xff" * 20, b"\x08\x01", b"\x0a\x02\x10\x01"])
def test_an_answer_that_is_none_says_nothing(answer: bytes) -> None:
    assert otlp.rejected(answer) == (0, "")


@given(st.binary(max_size=60))
def test_any_answer_is_read_or_not(answer: bytes) -> None:
    count, told = otlp.rejected(answer)
    assert count >= 0 and isinstance(told, str)
