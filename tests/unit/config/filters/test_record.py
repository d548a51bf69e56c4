"""``record`` in the file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.config.files import MINIMAL, problems, read


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ("path: stdout, sample: 10%, fields: [x-tenant], query: [page], body: whole, max_body: 1MiB, secret: abc", []),
        ("sample: 1%", ["filters.log.path: is required"]),
        ("path: stdout, fields: [Cookie]", ["filters.log.fields[0]: cookie has credentials, which are never written"]),
        ("path: stdout, body: some", ["filters.log.body: expected none, hash or whole, got 'some'"]),
        ("path: /none/a.log", ["filters.log.path: the directory of the file does not exist"]),
    ],
)
def test_what_is_wrong_is_told_with_its_line(tmp_path: Path, keys: str, expected: list[str]) -> None:
    found = problems(tmp_path, MINIMAL + f"filters: {{log: {{type: record, {keys}}}}}")
    assert [one.partition(": ")[2] for one in found] == expected


def test_a_file_is_bounded_whatever_is_said(tmp_path: Path) -> None:
    text = MINIMAL + "filters: {a: {type: record, path: a.log}, b: {type: record, path: stdout}}"
    found = {one.name: dict(one.options) for one in read(tmp_path, text).filters}
    first, second = found["a"], found["b"]
    assert dict(first["rotate"]) == {"size": 64 << 20, "keep": 1} and second["rotate"] is None
    assert (first["sample"], first["body"], first["max_open"]) == (0.01, "none", 1000)
