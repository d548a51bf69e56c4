"""``rate_limit`` in the file: rates, and what is told of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastgw.policy.gcra import LONGEST, Rate
from tests.unit.config.files import MINIMAL, PER, problems, read


def with_limits(*limits: str, more: str = "") -> str:
    lines = "".join(f"      - {{{limit}}}\n" for limit in limits)
    return MINIMAL + "filters:\n  limit:\n    type: rate_limit\n    limits:\n" + lines + more


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (["rate: 1/s"], []),
        (["rate: 1000000/d, burst: 1000000"], []),
        (["burst: 5"], ["11:9: filters.limit.limits[0].rate: is required"]),
        (["rate: 0/s"], ["11:16: filters.limit.limits[0].rate: expected a rate of 1 to 1000000000000, got '0/s'"]),
        (
            ["rate: 1000001/s"],
            ["11:16: filters.limit.limits[0].rate: expected at most 1000000 requests, got 1000001"],
        ),
        (
            ["rate: 5/s, burst: 0"],
            ["11:28: filters.limit.limits[0].burst: expected a whole number from 1 to 1000000000000, got '0'"],
        ),
        (
            ["rate: 5/s, per: client"],
            ["11:26: filters.limit.limits[0].per: expected " + PER + ", got 'client'"],
        ),
        (
            ["rate: 1/d, burst: 367"],
            [
                "11:28: filters.limit.limits[0].burst: so many come back in more than a year at this rate; at most 366 do in one"
            ],
        ),
        (
            ["rate: 5/s, per: address", "rate: 5/s", "rate: 5/s, burst: 9, per: address"],
            [
                "13:16: filters.limit.limits[2].rate: is the rate of limits[0] already, per address too; give one of them"
            ],
        ),
        (["rate: 5/s, per: address", "rate: 100/m, per: address", "rate: 5/s, per: 'header:x-a'"], []),
        (["rate: 5/s", "rate: 5/s, unit: bytes", "rate: 5/s, unit: cost", "rate: 5/s, unit: cost, cost_from: x-b"], []),
        (
            ["rate: 5/s, unit: tokens"],
            ["11:27: filters.limit.limits[0].unit: expected requests, bytes or cost, got 'tokens'"],
        ),
        (["rate: 5MB/s"], ["11:16: filters.limit.limits[0].rate: is of bytes, and unit is requests"]),
        (
            ["rate: 5/s, burst: 2000000"],
            ["11:28: filters.limit.limits[0].burst: expected at most 1000000 requests, got 2000000"],
        ),
        (
            ["rate: 5/s, reserve: 2, cost_from: x-a"],
            [
                "11:30: filters.limit.limits[0].reserve: a request is one, and nothing is known of it later; unit is requests",
                "11:44: filters.limit.limits[0].cost_from: unit is requests, and only cost is read from an answer",
            ],
        ),
        (
            ["rate: 5/s, unit: cost, reserve: 6"],
            ["11:42: filters.limit.limits[0].reserve: is more than there ever is at once, which is 5 (burst)"],
        ),
        (
            ["rate: 1/d, burst: 1KB, unit: bytes"],
            [
                "11:28: filters.limit.limits[0].burst: so many come back in more than a year at this rate; at most 366 do in one"
            ],
        ),
        (
            ["rate: 0/s, per: address", "rate: 5/s, burst: x"],
            [
                "11:16: filters.limit.limits[0].rate: expected a rate of 1 to 1000000000000, got '0/s'",
                "12:28: filters.limit.limits[1].burst: expected a whole number, got 'x'",
            ],
        ),
    ],
)
def test_what_is_no_limit_is_told_with_its_line(tmp_path: Path, limits: list[str], expected: list[str]) -> None:
    assert problems(tmp_path, with_limits(*limits)) == expected


@pytest.mark.parametrize(
    "rate", ["100", "100/", "/s", "1.5/s", "-1/s", "100/w", "100/ms", "s/100", "100000000000000/s", "5TB/s"]
)
def test_what_is_no_rate(tmp_path: Path, rate: str) -> None:
    assert problems(tmp_path, with_limits(f"rate: {rate}")) == [
        f"11:16: filters.limit.limits[0].rate: expected a rate such as 100/s, 60/m, 1000/h, 5000/d or 10MiB/s, got '{rate}'"
    ]


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            "    fields: [draft, ratelimit]",
            ["12:21: filters.limit.fields[1]: expected draft or openai, got 'ratelimit'"],
        ),
        ("    fields: [openai, openai]", ["12:22: filters.limit.fields[1]: 'openai' is in this list already"]),
        ("    tell: some", ["12:11: filters.limit.tell: expected refused or all, got 'some'"]),
        ("    when_full: open", ["12:16: filters.limit.when_full: expected refuse or let_through, got 'open'"]),
        ("    dry_run: perhaps", ["12:14: filters.limit.dry_run: expected true or false, got 'perhaps'"]),
    ],
)
def test_other_mistakes(tmp_path: Path, more: str, expected: list[str]) -> None:
    assert problems(tmp_path, with_limits("rate: 5/s", more=more)) == expected


def test_there_are_some_limits_and_not_too_many(tmp_path: Path) -> None:
    assert problems(tmp_path, MINIMAL + "filters: {limit: {type: rate_limit}}") == [
        "7:11: filters.limit.limits: is required"
    ]
    assert problems(tmp_path, MINIMAL + "filters: {limit: {type: rate_limit, limits: []}}") == [
        "7:37: filters.limit.limits: expected 1 to 8 limits, got 0"
    ]
    found = problems(tmp_path, with_limits(*(f"rate: {count}/s" for count in range(1, 10))))
    assert found == ["10:5: filters.limit.limits: expected 1 to 8 limits, got 9"]


def test_what_the_check_lets_pass_the_filter_can_make(tmp_path: Path) -> None:
    """The greatest bursts, also where the interval is rounded up."""
    for count in (1, 7, 366, 999_983):
        most = min(1_000_000, LONGEST // Rate(count, 86400 * 10**9, 1).interval)
        assert problems(tmp_path, with_limits(f"rate: {count}/d, burst: {most}")) == []
        Rate(count, 86400 * 10**9, most)


def test_what_the_filter_gets(tmp_path: Path) -> None:
    text = with_limits(
        "rate: 5/s, burst: 9, per: 'header:X-Key'",
        "rate: 1000 / h",
        "rate: 10MiB/s, burst: 64MiB, unit: bytes, reserve: 1KB",
        "rate: 50000/m, unit: cost, cost_from: X-Tokens",
        more="    fields: [openai]\n    tell: all\n    when_full: let_through\n    dry_run: true\n",
    )
    plain = (("unit", "requests"), ("reserve", None))
    assert dict(read(tmp_path, text).filters[0].options) == {
        "limits": (
            (("rate", (5, 1)), ("burst", 9), ("per", ("header:x-key",)), *plain, ("block", 1), ("field", "")),
            (("rate", (1000, 3600)), ("burst", None), ("per", ("route",)), *plain, ("block", 100), ("field", "")),
            (
                *(("rate", (10 << 20, 1)), ("burst", 64 << 20), ("per", ("route",))),
                *(("unit", "bytes"), ("reserve", 1000), ("block", (64 << 20) // 10), ("field", "")),
            ),
            (
                *(("rate", (50_000, 60)), ("burst", None), ("per", ("route",))),
                *(("unit", "cost"), ("reserve", None), ("block", 5000), ("field", "x-tokens")),
            ),
        ),
        "fields": ("openai",),
        "tell": "all",
        "when_full": "let_through",
        "dry_run": True,
        "cluster": None,
    }


def test_what_nobody_says(tmp_path: Path) -> None:
    options = dict(read(tmp_path, with_limits("rate: 5/m")).filters[0].options)
    del options["limits"]
    assert options == {
        "fields": ("draft",),
        "tell": "refused",
        "when_full": "refuse",
        "dry_run": False,
        "cluster": None,
    }
