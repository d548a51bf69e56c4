"""What the filters before routing make of a path."""

from __future__ import annotations

from pathlib import Path

from fastgw.rehearsal.paths import rewritten
from tests.unit.config.files import MINIMAL, read

TEXT = (
    MINIMAL.replace("18080", "18080\n    before_routing: [strip, ids]")
    + """
filters:
  strip: {type: rewrite, strip_prefix: /api}
  ids: {type: request_id}
"""
)


def test_only_rewrites_change_it(tmp_path: Path) -> None:
    spec = read(tmp_path, TEXT)
    [listener] = spec.listeners
    assert rewritten(spec, listener, b"/api/a") == b"/a" and rewritten(spec, listener, b"*") == b"*"
