"""A log is a standard stream, or a file that can be made."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems


@pytest.mark.parametrize("type_", ["access_log", "log_body"])
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("stdout", []),
        ("new.log", []),
        ("nowhere/new.log", ["the directory of the file does not exist"]),
        (".", ["is a directory, expected a file"]),
    ],
)
def test_where_to_write(tmp_path: Path, type_: str, path: str, expected: list[str]) -> None:
    found = problems(tmp_path, MINIMAL + f"filters: {{log: {{type: {type_}, path: {path}}}}}")
    assert [one.partition("filters.log.path: ")[2] for one in found] == expected
