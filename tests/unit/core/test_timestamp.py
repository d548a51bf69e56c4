"""One form of time."""

from __future__ import annotations

import datetime

import pytest

from fastgw.core.timestamp import timestamp


@pytest.mark.parametrize("seconds", [0.0, 1789000000.25, 1789000000.9996, 1789000000.5, 1789000001.0, 1.001])
def test_a_moment_is_iso_8601_in_utc_with_milliseconds(seconds: float) -> None:
    found = timestamp(seconds)
    assert len(found) == len("2026-11-22T12:45:33.120Z") and found.endswith("Z")
    read = datetime.datetime.fromisoformat(found)
    assert read.utcoffset() == datetime.timedelta(0)
    assert 0 <= seconds - read.timestamp() < 0.00101  # cut, never rounded into the future


def test_seconds_do_not_stick() -> None:
    assert [timestamp(one) for one in (5.1, 5.2, 6.1, 5.3)] == [
        "1970-01-01T00:00:05.100Z",
        "1970-01-01T00:00:05.200Z",
        "1970-01-01T00:00:06.100Z",
        "1970-01-01T00:00:05.300Z",
    ]
