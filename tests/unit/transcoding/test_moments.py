"""Times, beside protobuf's own."""

from __future__ import annotations

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from fastgw.transcoding.moments import timestamp, timestamp_out
from fastgw.transcoding.scalars import MisfitError


@given(st.integers(-62_135_596_800, 253_402_300_799), st.sampled_from([0, 5, 500, 1_000, 7_000_000, 999_999_999]))
def test_they_are_written_and_read_as_protobuf_does(seconds: int, nanos: int) -> None:
    message = Timestamp(seconds=seconds, nanos=nanos)
    text = timestamp_out(message)
    assert text == message.ToJsonString()
    assert Timestamp(**timestamp(text, 1)) == message


@pytest.mark.parametrize(
    "text",
    ["2020-01-01T00:00:00Z", "2020-01-01T00:00:00.1Z", "2020-01-01T02:00:00+02:00", "2020-02-29T23:59:59.123456789Z"],
)
def test_what_is_one(text: str) -> None:
    expected = Timestamp()
    expected.FromJsonString(text)
    assert Timestamp(**timestamp(text, 1)) == expected


@pytest.mark.parametrize(
    "value",
    [
        *("", "yesterday", "2020-01-01", "2021-02-29T00:00:00Z", "2020-01-01T24:00:00Z", "2020-01-01T00:60:00Z"),
        *("2020-01-01T00:00:60Z", "0000-01-01T00:00:00Z", "2020-01-01T00:00:00", "\u0662020-01-01T00:00:00Z", 7, None),
    ],
)
def test_what_is_none(value: object) -> None:
    with pytest.raises(MisfitError):
        timestamp(value, 1)


@pytest.mark.parametrize(("seconds", "nanos"), [(253_402_300_800, 0), (0, -1), (0, 1_000_000_000)])
def test_what_cannot_be_written(seconds: int, nanos: int) -> None:
    with pytest.raises(MisfitError):
        timestamp_out(Timestamp(seconds=seconds, nanos=nanos))
