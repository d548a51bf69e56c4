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


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ('{agent: "${header.user-agent}", by: "${response.status} ${service.name}"}', []),
        ("{status: x}", ["7:44: filters.log.fields.status: a line has 'status' already"]),
        ("{error: x}", ["7:44: filters.log.fields.error: a line has 'error' already"]),
        ("{'a b': x}", ["filters.log.fields.a b: expected a name"]),
        ('{a: "${x.y}"}', ["filters.log.fields.a: ${x.y} is no variable; known are client.address"]),
    ],
)
def test_fields_are_new_ones_with_variables_that_there_are(tmp_path: Path, fields: str, expected: list[str]) -> None:
    found = problems(tmp_path, MINIMAL + f"filters: {{log: {{type: access_log, fields: {fields}}}}}")
    assert len(found) == len(expected), found
    assert all(part in problem for part, problem in zip(expected, found, strict=True)), found


def test_what_the_filter_gets(tmp_path: Path) -> None:
    spec = read(tmp_path, MINIMAL + "filters: {log: {type: access_log, path: a, batch: 1KiB, flush: 500ms}}").filters[0]
    assert dict(spec.options) == {"path": str(tmp_path / "a"), "batch": 1024, "flush": 0.5, "fields": ()}
