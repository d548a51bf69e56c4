"""``digest`` in the file: what is checked, what is added, and what makes no sense."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", []),
        (", require: true, algorithm: sha-512, gather: 1MiB, gather_streams: true", []),
        (", algorithm: md5", ["filters.sum.algorithm: expected sha-256 or sha-512, got 'md5'"]),
        (", gather: 2MiB", ["filters.sum.gather: expected a size from 0B to 1MiB, got '2MiB'"]),
        (", require: perhaps", ["filters.sum.require: expected true or false, got 'perhaps'"]),
        (
            ", require: true, check_requests: false",
            ["filters.sum.require: nothing is checked with 'check_requests: false'"],
        ),
        (
            ", add: false, check_requests: false",
            ["filters.sum.add: with 'check_requests: false' the filter does nothing"],
        ),
        (
            ", gather: 0, gather_streams: true",
            ["filters.sum.gather_streams: nothing is gathered with 'gather: 0'"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, keys: str, expected: list[str]) -> None:
    found = problems(tmp_path, MINIMAL + f"filters: {{sum: {{type: digest{keys}}}}}")
    assert [one.partition(": ")[2] for one in found] == expected
    assert all(one.startswith("7:") for one in found)


def test_what_nobody_says(tmp_path: Path) -> None:
    options = dict(read(tmp_path, MINIMAL + "filters: {sum: {type: digest}}").filters[0].options)
    assert options == {
        "check_requests": True,
        "require": False,
        "add": True,
        "algorithm": "sha-256",
        "gather": 65536,
        "gather_streams": False,
    }
