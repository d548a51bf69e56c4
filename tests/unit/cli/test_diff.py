"""``fastgw diff``: lines and exit codes; what the lines say is tested at ``config.changes``."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import pytest

from fastgw.cli.main import main
from tests.unit.config.files import MINIMAL


def test_the_same_is_0_another_1_and_a_broken_one_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(MINIMAL)
    new.write_text("# the same\n" + MINIMAL)
    assert main(["diff", str(old), str(new)]) == 0
    assert capsys.readouterr() == ("", "")
    new.write_text(MINIMAL + "workers: 3\n")
    assert main(["diff", str(old), str(new)]) == 1
    assert capsys.readouterr().out == "gateway: workers: 0 -> 3\n"
    assert main(["diff", str(old), str(new), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == ["gateway: workers: 0 -> 3"]
    new.write_text("nothing: 1\n")
    assert main(["diff", str(old), str(new)]) == 2
    assert "new.yaml:1:1: nothing: unknown key" in capsys.readouterr().err


def test_one_may_be_standard_input(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    new = tmp_path / "new.yaml"
    new.write_text(MINIMAL)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(MINIMAL.encode())))
    assert main(["diff", "-", str(new)]) == 0
    assert main(["diff", "-", "-"]) == 2
    assert "only one of the two" in capsys.readouterr().err
