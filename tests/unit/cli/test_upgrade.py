"""``fastgw upgrade``: what it says of the answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastgw.cli.main import main
from tests.unit.cli.test_rollout import Played, played

__all__ = ["played"]


def test_who_serves_now_is_said(played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = {"version": "0.2.0", "generation": 4, "workers": 2, "counters": "continued"}
    played.answer = {"ok": True, "pid": 12, "predecessor": 7, **told}
    assert main(["upgrade", "--socket", str(tmp_path / "admin.sock")]) == 0
    assert played.requests == [{"do": "upgrade"}]
    assert capsys.readouterr().out == (
        "fastgw 0.2.0, process 12, serves: 2 workers, generation 4, counters continued; process 7 drains\n"
    )


def test_a_failure_is_1_and_why(played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    played.answer = {"ok": False, "error": "failed", "detail": "the upgrade failed\nno module"}
    assert main(["upgrade", "--socket", str(tmp_path / "admin.sock")]) == 1
    assert capsys.readouterr() == ("", "fastgw: the upgrade failed\nno module\n")
    assert main(["upgrade", "--socket", str(tmp_path / "admin.sock"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == played.answer


def test_nobody_to_ask_is_1(tmp_path: Path) -> None:
    assert main(["upgrade", "--socket", str(tmp_path / "none.sock")]) == 1
