"""``fastgw drain``: when it returns."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from fastgw.cli import drain
from fastgw.cli.main import main
from tests.unit.cli.test_rollout import Played, played

__all__ = ["played"]


def test_it_waits_for_the_end(
    played: Played, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(drain, "LATE", 0.1)
    asked = ["drain", "--socket", str(tmp_path / "admin.sock")]
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        played.answer = {"ok": True, "pid": other.pid, "grace": 0.1}
        assert main(asked) == 1
        assert "has not ended" in capsys.readouterr().err
        assert main([*asked, "--no-wait", "--json"]) == 0
        assert json.loads(capsys.readouterr().out) == played.answer
    assert main(asked) == 0
    assert played.requests == [{"do": "drain"}] * 3


def test_a_refusal_is_1(played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    played.answer = {"ok": False, "error": "not_allowed", "detail": "only root"}
    assert main(["drain", "--socket", str(tmp_path / "admin.sock")]) == 1
    assert capsys.readouterr().err == "fastgw: only root\n"
    assert main(["drain", "--socket", str(tmp_path / "none.sock")]) == 1
