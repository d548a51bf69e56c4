"""``fastgw top`` before there is a gateway; with one: ``tests/integration/test_top.py``."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fastgw.cli.main import main


def test_no_gateway_can_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["top", "--once", "--socket", str(tmp_path / "none")]) == 1
    assert "no gateway can be asked at" in capsys.readouterr().err


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setitem(sys.modules, "rich", None)
    assert main(["top", "--socket", "x"]) == 2
    assert "fastgw[top]" in capsys.readouterr().err
