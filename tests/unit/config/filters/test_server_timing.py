"""``server_timing`` in the file: by its name alone."""

from __future__ import annotations

from pathlib import Path

from tests.unit.config.files import MINIMAL, problems


def test_it_may_be_named_without_being_defined_and_has_no_keys(tmp_path: Path) -> None:
    assert problems(tmp_path, MINIMAL.replace("service: ", "filters: [server_timing], service: ", 1)) == []
    [found] = problems(tmp_path, MINIMAL + "filters: {timing: {type: server_timing, unit: s}}")
    assert "filters.timing.unit: unknown key" in found
