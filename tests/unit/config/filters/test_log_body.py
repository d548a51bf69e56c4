"""``log_body`` in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("path: stdout, sample: 100%, only: errors, bodies: requests, max_size: 1MiB, redact: [ssn]", []),
        ("sample: 1%", ["filters.log.path: is required"]),
        ("path: stdout, max_size: 2MiB", ["filters.log.max_size: expected a size from 1B to 1MiB, got '2MiB'"]),
        ("path: stdout, only: some", ["filters.log.only: expected all or errors, got 'some'"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, keys: str, expected: list[str]) -> None:
    found = problems(tmp_path, MINIMAL + f"filters: {{log: {{type: log_body, {keys}}}}}")
    assert [one.partition(": ")[2] for one in found] == expected


def test_what_nobody_says(tmp_path: Path) -> None:
    options = dict(read(tmp_path, MINIMAL + "filters: {log: {type: log_body, path: stdout}}").filters[0].options)
    assert (options["sample"], options["max_size"], options["max_open"]) == (0.01, 16384, 100)
    assert "password" in options["redact"]
