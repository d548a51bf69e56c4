"""Load reports in every form that servers have them in, and everything that is none."""

from __future__ import annotations

import base64
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.load_report import FIELD, FIELDS, NUMBERS_MAX, REPORT_MAX, read_report

BIN, JSON = FIELDS[1:]
VLLM = b"TEXT named_metrics.kv_cache_usage_perc=0.4, named_metrics.num_requests_waiting=12.0"
SAID = {"named_metrics.kv_cache_usage_perc": 0.4, "named_metrics.num_requests_waiting": 12.0}


def double(number: int, value: float) -> bytes:
    return bytes([number << 3 | 1]) + struct.pack("<d", value)


def entry(number: int, name: bytes, value: float) -> bytes:
    inner = b"\n" + bytes([len(name)]) + name + double(2, value)
    return bytes([number << 3 | 2, len(inner)]) + inner


MESSAGE = double(1, 0.5) + b"\x18\x07" + entry(8, b"kv_cache_usage_perc", 0.4) + entry(5, b"disk", 0.1) + double(9, 0.9)
IN_MESSAGE = {
    "cpu_utilization": 0.5,
    "named_metrics.kv_cache_usage_perc": 0.4,
    "utilization.disk": 0.1,
    "application_utilization": 0.9,
}
CODED = base64.b64encode(MESSAGE)


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        (FIELD, VLLM, SAID),
        (FIELD, VLLM.replace(b"=", b":"), SAID),
        (FIELD, b"TEXT cpu_utilization=0.3,mem_utilization = 1e-1 ,", {"cpu_utilization": 0.3, "mem_utilization": 0.1}),
        (FIELD, b"JSON " + json.dumps({"named_metrics": {"kv_cache_usage_perc": 0.4, "num_requests_waiting": 12}}).encode(), SAID),
        (FIELD, b'JSON {"cpuUtilization": 0.3, "namedMetrics": {"a": 1}, "other": []}', {"cpu_utilization": 0.3, "named_metrics.a": 1.0}),
        (JSON, b'{"rps_fractional": 3, "eps": 0}', {"rps_fractional": 3.0, "eps": 0.0}),
        (FIELD, b"BIN " + CODED, IN_MESSAGE),
        (BIN, CODED, IN_MESSAGE),
        (BIN, CODED.rstrip(b"="), IN_MESSAGE),
        (BIN, b"", {}),
    ],
)  # fmt: skip
def test_every_form(field: bytes, value: bytes, expected: dict[str, float]) -> None:
    assert read_report({field: value}) == expected


@pytest.mark.parametrize(
    ("field", "value"),
    [
        (FIELD, b""),
        (FIELD, b"cpu_utilization=0.3"),
        (FIELD, b"text cpu_utilization=0.3"),
        (FIELD, b"TEXT cpu_utilization"),
        (FIELD, b"TEXT cpu_utilization="),
        (FIELD, b"TEXT cpu_utilization=x"),
        (FIELD, b"TEXT cpu_utilization=nan"),
        (FIELD, b"TEXT cpu_utilization=inf"),
        (FIELD, b"TEXT cpu_utilization=-1"),
        (FIELD, b"TEXT cpu_utilization=1, cpu_utilization=1"),
        (FIELD, b"TEXT named_metrics.=1"),
        (FIELD, b"TEXT own=1"),
        (FIELD, "TEXT named_metrics.\xe9=1".encode("latin-1")),
        (FIELD, b"TEXT named_metrics." + b"x" * 300 + b"=1"),
        (FIELD, b"TEXT " + b",".join(b"named_metrics.%d=1" % one for one in range(NUMBERS_MAX + 1))),
        (FIELD, VLLM + b" " * REPORT_MAX),
        (FIELD, VLLM + b", " + VLLM),
        (FIELD, b"JSON"),
        (FIELD, b"JSON []"),
        (FIELD, b'JSON {"cpu_utilization": "1"}'),
        (FIELD, b'JSON {"cpu_utilization": true}'),
        (FIELD, b'JSON {"named_metrics": 1}'),
        (FIELD, b'JSON {"cpu_utilization": NaN}'),
        (FIELD, b'JSON {"cpu_utilization": 1, "cpuUtilization": 1}'),
        (FIELD, b"BIN !"),
        (BIN, base64.b64encode(MESSAGE[:-1])),
        (BIN, base64.b64encode(b"\x0b")),
        (BIN, base64.b64encode(b"\xff" * 12)),
        (BIN, base64.b64encode(double(1, float("nan")))),
        (BIN, base64.b64encode(entry(8, b"\xff", 1.0))),
        (BIN, base64.b64encode(b"\x42\x05\x0a\x01a\x12\x00")),
        (BIN, base64.b64encode(entry(8, b"a", 1.0) * 2)),
    ],
)
def test_what_is_none(field: bytes, value: bytes) -> None:
    with pytest.raises(ValueError):
        assert read_report({field: value}) is None


def test_one_alone() -> None:
    with pytest.raises(ValueError, match="there are 2"):
        read_report({FIELD: VLLM, BIN: CODED})
    with pytest.raises(ValueError, match="there are 0"):
        read_report({})


@given(st.sampled_from(FIELDS), st.binary(max_size=80), st.sampled_from([b"", b"TEXT ", b"JSON ", b"BIN "]))
def test_junk_is_a_value_error_or_numbers(field: bytes, value: bytes, word: bytes) -> None:
    try:
        found = read_report({field: word + value})
    except ValueError:
        return
    assert all(0.0 <= one < float("inf") for one in found.values())


@given(st.binary(max_size=60))
def test_so_is_any_message(message: bytes) -> None:
    try:
        found = read_report({BIN: base64.b64encode(message)})
    except ValueError:
        return
    assert all(0.0 <= one < float("inf") for one in found.values())
