"""``fastgw reload``: what it says of the answer."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastgw.cli.main import main
from fastgw.cli.reload import rehearsal_lines
from tests.unit.cli.test_rollout import Played, played

__all__ = ["played"]


def test_what_has_changed_is_said(played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["reload", "--socket", str(tmp_path / "admin.sock")]
    played.answer = {"ok": True, "generation": 2, "changes": ["gateway: workers: 1 -> 2"], "warnings": ["soon"]}
    assert main(asked) == 0
    assert played.requests == [{"do": "reload"}]
    assert capsys.readouterr() == ("generation 2: 1 change\ngateway: workers: 1 -> 2\n", "warning: soon\n")
    played.answer = {"ok": True, "generation": 3, "changes": [], "warnings": []}
    assert main(asked) == 0
    assert capsys.readouterr().out == "generation 3: nothing differs; files that it names were read again\n"


def test_a_refusal_is_1_with_every_line(played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    played.answer = {
        "ok": False,
        "error": "refused",
        "detail": "refused\ngw.yaml:1:1: wrong",
        "problems": ["gw.yaml:1:1: wrong"],
    }
    assert main(["reload", "--socket", str(tmp_path / "admin.sock")]) == 1
    assert capsys.readouterr() == ("", "fastgw: refused\ngw.yaml:1:1: wrong\n")
    assert main(["reload", "--socket", str(tmp_path / "admin.sock"), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == played.answer


def test_who_waits_for_the_guard_is_told(played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asked = ["reload", "--socket", str(tmp_path / "admin.sock"), "--wait-guard"]
    guard = {"state": "held", "reason": "0.0 % of 90 requests failed, 0.0 % before"}
    played.answer = {"ok": True, "generation": 3, "changes": [], "warnings": [], "guard": guard}
    assert main(asked) == 0
    assert played.requests == [{"do": "reload", "wait_guard": True}]
    assert capsys.readouterr().out.splitlines()[-1] == f"guard: held: {guard['reason']}"
    played.answer |= {"ok": False, "error": "went_back", "detail": "generation 3 was left again: ..."}
    assert main(asked) == 1
    assert capsys.readouterr() == ("", "fastgw: generation 3 was left again: ...\n")


def test_a_rehearsal_is_told_and_somebody_may_insist(
    played: Played, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rehearsal = {
        "state": "forced",
        "reason": "3 of 9 requests",
        "losses": [{"count": 3, "reason": "no route"}],
        "changes": [{"count": 4, "lines": ["route: a -> none", "filter q: is met no more"]}],
    }
    played.answer = {"ok": True, "generation": 2, "changes": ["x"], "warnings": [], "rehearsal": rehearsal}
    assert main(["reload", "--socket", str(tmp_path / "admin.sock"), "--force"]) == 0
    assert played.requests == [{"do": "reload", "force": True}]
    assert capsys.readouterr().out.splitlines()[2:] == [
        "rehearsal: forced: 3 of 9 requests",
        "  3 lost: no route",
        "  4 route: a -> none; filter q: is met no more",
    ]
    assert rehearsal_lines({"state": "not done", "reason": "why"}) == ["rehearsal: not done: why"]


def test_nobody_to_ask_is_1(tmp_path: Path) -> None:
    assert main(["reload", "--socket", str(tmp_path / "none.sock")]) == 1
