"""Rates and amounts in the file."""

from __future__ import annotations

import pytest

from fastgw.config.rates import Pace, amount, rate


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100/s", Pace(100, 1)),
        ("60 / m", Pace(60, 60)),
        ("1000000000000/d", Pace(10**12, 86400)),
        ("10MiB/s", Pace(10 << 20, 1, True)),
        ("10 kb/h", Pace(10_000, 3600, True)),
        ("7B/s", Pace(7, 1, True)),
        ("2gib/m", Pace(2 << 30, 60, True)),
    ],
)
def test_a_rate(text: str, expected: Pace) -> None:
    assert rate(text) == expected


@pytest.mark.parametrize("text", ["0/s", "1000000000001/s", "1000GiB/s"])
def test_a_rate_out_of_bounds(text: str) -> None:
    with pytest.raises(ValueError, match="expected a rate of 1 to 1000000000000, got"):
        rate(text)


@pytest.mark.parametrize("text", ["", "5", "5ib/s", "5TB/s", "5/y", "x/s", "-5/s", "5.5MB/s"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="expected a rate such as"):
        rate(text)


@pytest.mark.parametrize(("said", "expected"), [(5, 5), ("500", 500), ("64MiB", 64 << 20), ("1.5KB", 1500)])
def test_an_amount(said: object, expected: int) -> None:
    assert amount(said) == expected


@pytest.mark.parametrize("said", ["0", "-1", "10000000000000", "0B", "much"])
def test_what_is_no_amount(said: str) -> None:
    with pytest.raises(ValueError, match="expected a"):
        amount(said)
