"""``request_id`` in the file: it has no options."""

from __future__ import annotations

from pathlib import Path

from tests.unit.config.files import MINIMAL, problems, read


def test_it_has_no_options(tmp_path: Path) -> None:
    assert read(tmp_path, MINIMAL + "filters: {id: {type: request_id}}").filters[0].options == ()
    found = problems(tmp_path, MINIMAL + "filters: {id: {type: request_id, header: x}}")
    assert found == ["7:34: filters.id.header: unknown key; known are type, on_failure, timeout"]
