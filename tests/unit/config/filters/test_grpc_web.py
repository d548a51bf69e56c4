"""``grpc_web`` in the file: by its name alone, also in front of routing."""

from __future__ import annotations

from pathlib import Path

from tests.unit.config.files import MINIMAL, problems


def test_it_may_be_named_without_being_defined_and_has_no_keys(tmp_path: Path) -> None:
    assert problems(tmp_path, MINIMAL.replace("service: ", "filters: [grpc_web], service: ", 1)) == []
    [found] = problems(tmp_path, MINIMAL + "filters: {pages: {type: grpc_web, text: false}}")
    assert "filters.pages.text: unknown key" in found
