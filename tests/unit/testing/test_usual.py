"""What tests of the lower floors begin with is what a configuration that says nothing means."""

from __future__ import annotations

from pathlib import Path

from fastgw.config.load import load
from fastgw.testing import usual

SILENT = "listeners: [{address: '127.0.0.1:1'}]\nroutes: [{path: /, service: s}]\nservices: {s: {endpoints: ['127.0.0.1:2']}}\n"


def test_the_defaults_are_those_of_the_schema(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(SILENT)
    spec = load(tmp_path / "gateway.yaml", {})
    assert spec.listeners[0].settings.limits == usual.limits()
    assert spec.listeners[0].settings.timeouts == usual.timeouts()
    assert spec.services[0].pool == usual.pool()
    assert usual.pool(max_connections=1) == spec.services[0].pool._replace(max_connections=1)
