"""``fastgw check``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fastgw.cli.check import check
from tests.unit.config.files import MINIMAL

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "gw.yaml"


def test_a_good_file_is_0(path: Path, capsys: Capture) -> None:
    path.write_text(MINIMAL.replace("routes:", "  - address: 127.0.0.1:18081\nroutes:"))
    assert check(str(path), as_json=False) == 0
    assert capsys.readouterr().out == f"{path}: fine (2 listeners, 1 route, 1 service)\n"


def test_a_bad_file_is_1_and_its_mistakes_go_to_stderr(path: Path, capsys: Capture) -> None:
    path.write_text(MINIMAL + "worker: 1\n")
    assert check(str(path), as_json=False) == 1
    assert capsys.readouterr() == ("", f"{path}:7:1: worker: unknown key; did you mean 'workers'?\n")


def test_tools_get_json(path: Path, capsys: Capture) -> None:
    path.write_text(MINIMAL + "worker: 1\n")
    assert check(str(path), as_json=True) == 1
    problem = {"line": 7, "column": 1, "path": "worker", "message": "unknown key; did you mean 'workers'?"}
    assert json.loads(capsys.readouterr().out) == {"file": str(path), "ok": False, "problems": [problem]}
    path.write_text(MINIMAL)
    assert check(str(path), as_json=True) == 0
    assert json.loads(capsys.readouterr().out) == {"file": str(path), "ok": True, "problems": []}


def test_the_environment_is_the_process(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_text(MINIMAL + "workers: '${FASTGW_TEST_WORKERS}'\n")
    assert check(str(path), as_json=False) == 1
    monkeypatch.setenv("FASTGW_TEST_WORKERS", "2")
    assert check(str(path), as_json=False) == 0
