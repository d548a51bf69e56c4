"""Numbers of a page of metrics: what is read, what is refused, and that nothing else is looked at."""

from __future__ import annotations

import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Gauge, generate_latest

from fastgw.wire.exposition import MOST, values

PAGE = b"""\
# HELP vllm:num_requests_running Number of requests in model execution batches.
# TYPE vllm:num_requests_running gauge
vllm:num_requests_running{engine="0",model_name="a \\"b\\" \\\\ \\n }"} 12.0
vllm:num_requests_running{engine="1",model_name="c"} 3
vllm:num_requests_running_total{engine="1"} 99
not_vllm:num_requests_running 7
plain 1.5e2 1395066363000\r
bare{} +.5
last 4"""


def test_every_line_of_a_metric_whatever_its_labels() -> None:
    names = ("vllm:num_requests_running", "plain", "bare", "last", "none", "num_requests_running")
    assert values(PAGE, names) == {
        "vllm:num_requests_running": [12.0, 3.0],
        "plain": [150.0],
        "bare": [0.5],
        "last": [4.0],
    }


@pytest.mark.parametrize(
    "line",
    [
        b"x NaN",
        b"x +Inf",
        b"x -1",
        b"x 1e999",
        b"x 0x10",
        b"x 1_0",
        b"x ",
        b"x 1 2 3",
        b'x{a="b} 1',
        b"x{a=b} 1",
        b'x{="b"} 1',
        b'x{a="\\x"} 1',
        b"x{",
        b"x 1 soon",
        b"x \xff",
        b'x{a="' + b"b" * 9000 + b'"} 1',
    ],
)
def test_a_line_that_says_no_number_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError, match="x"):
        values(b"y 1\n" + line + b"\ny 2\n", ("x",))


def test_so_many_lines_and_no_more() -> None:
    assert len(values(b"x 1\n" * MOST, ("x",))["x"]) == MOST
    with pytest.raises(ValueError, match=f"more than {MOST} lines of x"):
        values(b"x 1\n" * (MOST + 1), ("x",))


@given(st.binary(max_size=200))
@example(b"x{x{x 1")
def test_whatever_it_is_it_is_read_or_refused(page: bytes) -> None:
    try:
        found = values(b"x " + page, ("x", "y"))
    except ValueError:
        return
    assert all(0 <= one < math.inf for lines in found.values() for one in lines)


@given(st.dictionaries(st.text(max_size=20), st.floats(0, 1e300), max_size=6))
def test_what_a_client_library_writes_is_read(numbers: dict[str, float]) -> None:
    registry = CollectorRegistry()
    gauge = Gauge("busy", "Text\nwith \\ lines", ["model"], registry=registry)
    for label, number in numbers.items():
        gauge.labels(label.encode("utf-8", "replace").decode()).set(number)
    expected = sorted(one.value for family in registry.collect() for one in family.samples)
    assert sorted(values(generate_latest(registry), ("busy",)).get("busy", [])) == expected
