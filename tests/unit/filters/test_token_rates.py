"""Rates as they are written, and what is wrong with others."""

from __future__ import annotations

import pytest

from fastgw.filters.token_rates import (
    COST,
    DAY,
    HOUR,
    MICRO,
    MONTH,
    TOKENS,
    WEEK,
    counted,
    rate_text,
    read_amount,
    read_rate,
    shown,
)


@pytest.mark.parametrize(
    ("text", "micro", "seconds"),
    [
        ("100000/m", 100_000 * MICRO, 60),
        ("1 / s", MICRO, 1),
        ("12.5/d", 12_500_000, 86400),
        ("0.000001/30d", 1, 30 * 86400),
        ("3/366d", 3 * MICRO, 366 * 86400),
        ("7/90s", 7 * MICRO, 90),
        ("300/month", 300 * MICRO, MONTH),
        ("2.5 / day", 2_500_000, DAY),
        ("1/week", MICRO, WEEK),
        ("1/hour", MICRO, HOUR),
    ],
)
def test_rates(text: str, micro: int, seconds: int) -> None:
    assert read_rate(text) == (micro, seconds)


@pytest.mark.parametrize(
    "text",
    ["", "5", "5/w", "5/367d", "-1/s", "0/s", "0.0/s", "1e9/s", "1/0s", "1/2month", "1/months", "1.1234567/d", "/m"],
)
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        read_rate(text)


@pytest.mark.parametrize(("text", "micro"), [("20000", 20_000 * MICRO), ("2.5", 2_500_000)])
def test_amounts(text: str, micro: int) -> None:
    assert read_amount(text) == micro


@pytest.mark.parametrize("text", ["", "0", "x", "1.", "5/m"])
def test_no_amounts(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        read_amount(text)


def test_only_costs_have_fractions() -> None:
    assert counted(1_500_000, COST) == 1_500_000
    assert counted(2_000_000, TOKENS) == 2
    with pytest.raises(ValueError, match="whole numbers"):
        counted(1_500_000, TOKENS)
    with pytest.raises(ValueError, match="at most 1000000"):
        counted(2 * 10**12, COST)


@pytest.mark.parametrize(
    ("count", "seconds", "unit", "text"),
    [
        (100_000, 60, TOKENS, "100000 tokens/m"),
        (12_500_000, 30 * 86400, COST, "12.5 cost/30d"),
        (7, 90, TOKENS, "7 tokens/90s"),
        (3_000_000, 7200, COST, "3 cost/2h"),
    ],
)
def test_how_they_are_shown(count: int, seconds: int, unit: str, text: str) -> None:
    assert rate_text(count, seconds, unit) == text


def test_how_amounts_are_shown() -> None:
    assert (shown(1, COST), shown(1_000_000, COST), shown(100, TOKENS)) == ("0.000001", "1", "100")


def test_windows_are_told_by_their_word() -> None:
    assert rate_text(2_500_000, MONTH, COST) == "2.5 cost/month"
    assert rate_text(100, DAY, TOKENS) == "100 tokens/day"
