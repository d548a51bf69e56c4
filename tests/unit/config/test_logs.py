"""A log is a standard stream, or a file that can be made."""

from __future__ import annotations

import os
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


@pytest.mark.parametrize("type_", ["access_log", "log_body"])
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ("path: new.log, rotate: {}", []),
        ("path: new.log, rotate: {size: 1GiB, keep: 3}", []),
        ("path: stdout, rotate: {}", ["rotate: stdout is no file"]),
        ("path: pipe, rotate: {}", ["rotate: PATH/pipe is a pipe or a device"]),
        ("path: new.log, rotate: {size: 1KiB}", ["rotate.size: expected a size from 64KiB to 16TiB, got '1KiB'"]),
        ("path: new.log, rotate: {keep: 0}", ["rotate.keep: expected a whole number from 1 to 1000, got '0'"]),
        ("path: new.log, rotate: {keep: 3, every: 1d}", ["rotate.every: unknown key; known are size, keep"]),
    ],
)
def test_what_can_be_rotated(tmp_path: Path, type_: str, options: str, expected: list[str]) -> None:
    os.mkfifo(tmp_path / "pipe")
    found = problems(tmp_path, MINIMAL + f"filters: {{log: {{type: {type_}, {options}}}}}")
    told = [one.partition("filters.log.")[2] for one in found]
    assert told == [one.replace("PATH", str(tmp_path)) for one in expected]


@pytest.mark.parametrize(
    ("other", "is_fine"),
    [
        ("type: access_log, path: a.log, rotate: {size: 1MiB}", True),
        ("type: access_log, path: a.log, rotate: {size: 2MiB}", False),
        ("type: log_body, path: a.log", False),
        ("type: log_body, path: b.log", True),
    ],
)
def test_those_who_write_to_one_file_rotate_it_alike(tmp_path: Path, other: str, is_fine: bool) -> None:
    log = "log: {type: access_log, path: a.log, rotate: {size: 1MiB}}"
    found = problems(tmp_path, MINIMAL + f"filters:\n  {log}\n  other: {{{other}}}\n")
    reason = "filters.other: filters.log writes to the same file with another rotate"
    assert [one.split(": ", 1)[1] for one in found] == [] if is_fine else [reason]
