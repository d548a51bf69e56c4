"""``token_limit`` in the file: rates of every unit, and what is told of mistakes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.unit.config.files import MINIMAL, PER, problems, read

CHAINED = MINIMAL.replace("service: a}", "service: a, filters: [limit, usage]}")
NO_EFFECT = "12:9: filters.limit.limits[0].burst: has no effect on max, which counts requests under way"
METER = "  usage: {type: usage, prices: {m: {input: 1}}}\n"
PER_OF_MODELS = PER.replace("api_key, ", "api_key, key, user, model, ").replace(
    " or note:<name>", ", note:<name> or label:<name>"
)


def with_limits(*limits: str, more: str = "") -> str:
    lines = "".join(f"      - {{{limit}}}\n" for limit in limits)
    return CHAINED + "filters:\n" + METER + "  limit:\n    type: token_limit\n    limits:\n" + lines + more


@pytest.mark.parametrize(
    ("limits", "expected"),
    [
        (["rate: 100000/m"], []),
        (["rate: 0.5/30d, unit: cost, burst: 0.25", "rate: 5/d, unit: requests, per: [key, 'label:team']"], []),
        (["max: 5, per: user", "max: 7, per: model"], []),
        (
            ["burst: 5"],
            [
                "12:9: filters.limit.limits[0]: has neither rate nor max: one of them is the limit",
                "12:9: filters.limit.limits[0].burst: has no effect on max, which counts requests under way",
            ],
        ),
        (["rate: 5/m, max: 5"], ["12:19: filters.limit.limits[0].max: stands beside rate: the limit is one of them"]),
        (
            ["max: 5", "max: 6"],
            ["13:15: filters.limit.limits[1].max: is the max of limits[0] already, per key too; give one of them"],
        ),
        (
            ["rate: 5/w"],
            [
                "12:16: filters.limit.limits[0].rate: expected a rate such as 100000/m, 5000000/d, 300/month or, of cost, 12.50/30d"
            ],
        ),
        (["rate: 1.5/m"], ["12:16: filters.limit.limits[0].rate: cannot be counted: tokens are whole numbers"]),
        (
            ["rate: 5/m, burst: 1.5"],
            ["12:28: filters.limit.limits[0].burst: cannot be counted: tokens are whole numbers"],
        ),
        (
            ["rate: 5/m, per: team"],
            [f"12:26: filters.limit.limits[0].per: expected {PER_OF_MODELS}, got 'team'"],
        ),
        (
            ["rate: 1/d, burst: 367"],
            ["12:28: filters.limit.limits[0].burst: so much comes back in more than a year at this rate"],
        ),
        (
            ["rate: 5/m", "rate: 5/m, per: user", "rate: 5/m, burst: 9"],
            ["14:16: filters.limit.limits[2].rate: is the rate of limits[0] already, per key too; give one of them"],
        ),
        (
            ["rate: 5/day, burst: 9"],
            ["12:28: filters.limit.limits[0].burst: has no effect: all of it is there when a day begins"],
        ),
        (["rate: 5/m, block: 2"], ["12:28: filters.limit.limits[0].block: nothing is leased without cluster"]),
        (
            [f"rate: {number}/m" for number in range(1, 10)],
            ["11:7: filters.limit.limits: expected at most 8 limits, got 9"],
        ),
    ],
)
def test_limits(tmp_path: Path, limits: list[str], expected: list[str]) -> None:
    found = problems(tmp_path, with_limits(*limits))
    assert [line.partition(": ")[2] for line in found] == [line.partition(": ")[2] for line in expected]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        ("rate: 5000/m, block: 600", ""),
        ("rate: 5000/m, block: 6000", "block: is more than there ever is at once (burst)"),
        ("rate: 9000000000/d", "burst: of a limit with cluster is at most 2147483647"),
        ("rate: 9000000000/month", ""),
        ("rate: 9000000000/month, block: 3000000000", "block: is more than can be leased"),
        ("rate: 2148/d, unit: cost", "burst: of a limit with cluster is at most 2147, as it is counted in millionths"),
    ],
)
def test_what_is_leased(tmp_path: Path, limit: str, expected: str) -> None:
    pytest.importorskip("hiredis")
    found = problems(tmp_path, with_limits(limit, more='    cluster: {redis: "redis://localhost"}\n'))
    assert [line.partition("limits[0].")[2] for line in found] == ([expected] if expected else [])


def options(folder: Path, text: str) -> dict[str, Any]:
    return next(dict(one.options) for one in read(folder, text).filters if one.name == "limit")


def test_what_the_filter_gets(tmp_path: Path) -> None:
    found = options(tmp_path, with_limits("rate: 0.5/30d, unit: cost", "rate: 100/m, burst: 7, per: model"))
    assert found == {
        "limits": (
            (
                ("rate", (500_000, 2_592_000)),
                ("burst", 500_000),
                ("per", ("key",)),
                ("unit", "cost"),
                ("block", 50_000),
            ),
            (("rate", (100, 60)), ("burst", 7), ("per", ("model",)), ("unit", "tokens"), ("block", 1)),
        ),
        "reserve": "maximum",
        "default_max_tokens": None,
        "bytes_per_token": 4,
        "timezone": "UTC",
        "ceiling": False,
        "tell": "refused",
        "when_full": "refuse",
        "dry_run": False,
        "cluster": None,
    }


def test_what_it_does_in_words(tmp_path: Path) -> None:
    spec = read(tmp_path, with_limits("rate: 100/m", "rate: 0.5/d, unit: cost, per: [user, model]"))
    [does] = [one.does for one in spec.filters if one.name == "limit"]
    assert does == "refuses more than 100 tokens/m per key, 0.5 cost/d per user and model"
