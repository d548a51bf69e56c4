"""``maintenance`` in the file: by what it is on, and what is told of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read


def with_keys(keys: str) -> str:
    return MINIMAL + f"filters: {{closed: {{type: maintenance{keys}}}}}"


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("", []),
        (
            ", retry_after: 0",
            ["7:52: filters.closed.retry_after: expected a duration of at least 1ms, got '0'"],
        ),
        (", file: /nowhere/closed", ["7:45: filters.closed.file: the directory of the file does not exist"]),
        (", enabled: on", ["7:48: filters.closed.enabled: expected true or false, got 'on'; did you mean 'true'?"]),
        (
            ", exempt: [office]",
            ["7:39: filters.closed.exempt: expected a network such as 10.0.0.0/8 or one address, got 'office'"],
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, keys: str, expected: list[str]) -> None:
    assert problems(tmp_path, with_keys(keys)) == expected


@pytest.mark.parametrize(
    ("keys", "is_on", "file"),
    [
        ("", True, ""),
        (", enabled: false", False, ""),
        (", file: closed", False, "closed"),
        (", file: closed, enabled: true", True, ""),
        (", file: closed, enabled: false", False, ""),
    ],
)
def test_by_what_it_is_on(tmp_path: Path, keys: str, is_on: bool, file: str) -> None:
    options = dict(read(tmp_path, with_keys(keys)).filters[0].options)
    assert (options["enabled"], options["file"]) == (is_on, str(tmp_path / file) if file else "")


def test_what_nobody_says(tmp_path: Path) -> None:
    options = dict(read(tmp_path, with_keys(", exempt: 10.0.0.1")).filters[0].options)
    assert (options["retry_after"], options["exempt"]) == (60.0, ("10.0.0.1/32",))
    assert options["message"] == "this is being maintained; please come back later"
