"""``fastgw fmt``: files, standard input, and its exit codes."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest

from fastgw.cli.main import main

UGLY = "# us\nworkers:   2\nzone: a # where\n"
NICE = "# us\nzone: a # where\nworkers: 2\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "gw.yaml"
    path.write_text(UGLY)
    path.chmod(0o640)
    return path


def test_a_file_is_written_in_place_and_keeps_its_mode(file: Path) -> None:
    assert main(["fmt", str(file)]) == 0
    assert (file.read_text(), file.stat().st_mode & 0o777) == (NICE, 0o640)
    before = file.stat().st_ino
    assert main(["fmt", str(file)]) == 0
    assert file.stat().st_ino == before


def test_check_changes_nothing_and_shows_what_would(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fmt", "--check", str(file)]) == 1
    assert "-workers:   2\n" in capsys.readouterr().out
    assert file.read_text() == UGLY
    file.write_text(NICE)
    assert main(["fmt", "--check", str(file)]) == 0
    assert capsys.readouterr().out == ""


def test_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(UGLY.encode())))
    assert main(["fmt", "-"]) == 0
    assert capsys.readouterr().out == NICE


def test_what_cannot_be_formatted_is_2_and_stays(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_bytes(b"a: 1\na: 2\n")
    assert main(["fmt", str(file)]) == 2
    assert f"fastgw fmt: {file}:2:1: a: is given twice" in capsys.readouterr().err
    file.write_bytes(b"a: \xff\n")
    assert main(["fmt", str(file)]) == 2
    assert "is not UTF-8 text" in capsys.readouterr().err
    assert main(["fmt", str(file) + ".none"]) == 2
    assert "No such file or directory" in capsys.readouterr().err


def test_without_the_extra_it_is_named(
    file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "ruamel.yaml", None)
    assert main(["fmt", str(file)]) == 2
    assert "needs the package ruamel.yaml: pip install 'fastgw[fmt]'" in capsys.readouterr().err
    assert file.read_text() == UGLY
