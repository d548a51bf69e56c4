"""``access_log`` in the file: where it writes must be there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("stdout", []),
        ("stderr", []),
        ("log", []),
        ("no/such/log", ["7:41: filters.log.path: the directory of the file does not exist"]),
        (".", ["7:41: filters.log.path: is a directory, expected a file"]),
        ("[]", ["7:35: filters.log.path: expected a path, got a list"]),
    ],
)
def test_the_file_can_be_made(tmp_path: Path, path: str, expected: list[str]) -> None:
    assert problems(tmp_path, MINIMAL + f"filters: {{log: {{type: access_log, path: {path}}}}}") == expected


def test_what_the_filter_gets(tmp_path: Path) -> None:
    spec = read(tmp_path, MINIMAL + "filters: {log: {type: access_log, path: a, batch: 1KiB, flush: 500ms}}").filters[0]
    assert dict(spec.options) == {"path": str(tmp_path / "a"), "batch": 1024, "flush": 0.5}
