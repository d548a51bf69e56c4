"""``concurrency`` in the file: how many, of what, and what is answered."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, PER, problems, read


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("max: 1", []),
        ("", ["7:11: filters.limit.max: is required"]),
        ("max: 0", ["7:43: filters.limit.max: expected a whole number from 1 to 1000000, got '0'"]),
        ("max: 1000001", ["7:43: filters.limit.max: expected a whole number from 1 to 1000000, got '1000001'"]),
        ("max: 1, status: 404", ["7:54: filters.limit.status: expected 429 or 503, got '404'"]),
        (
            "max: 1, per: client",
            [
                "7:51: filters.limit.per: expected " + PER + ", got 'client'",
            ],
        ),
        ("max: 1, per: 'header:'", ["7:51: filters.limit.per: expected the name of a header field, got ''"]),
        ("max: 1, retry_after: 0", ["7:59: filters.limit.retry_after: expected a duration of at least 1ms, got '0'"]),
    ],
)
def test_what_is_no_limit_is_told_with_its_line(tmp_path: Path, keys: str, expected: list[str]) -> None:
    assert problems(tmp_path, MINIMAL + f"filters: {{limit: {{type: concurrency, {keys}}}}}") == expected


@pytest.mark.parametrize(("per", "found"), [("listener", "listener"), ("header:X-Api-Key", "header:x-api-key")])
def test_what_the_filter_gets(tmp_path: Path, per: str, found: str) -> None:
    text = (
        MINIMAL + f"filters: {{limit: {{type: concurrency, max: 5, per: '{per}', status: 503, retry_after: 2500ms}}}}"
    )
    assert dict(read(tmp_path, text).filters[0].options) == {
        "max": 5,
        "per": (found,),
        "status": "503",
        "retry_after": 2.5,
    }


def test_what_nobody_says(tmp_path: Path) -> None:
    options = dict(read(tmp_path, MINIMAL + "filters: {limit: {type: concurrency, max: 5}}").filters[0].options)
    assert options == {"max": 5, "per": ("route",), "status": "429", "retry_after": 1.0}
