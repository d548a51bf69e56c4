"""``fastgw version``."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
from pathlib import Path

import pytest

import fastgw
from fastgw.cli.version import LIBRARIES, installed, version


def test_it_names_what_is_installed() -> None:
    lines = version().splitlines()
    assert lines[0] == f"fastgw {fastgw.__version__} ({'compiled' if fastgw.compiled() else 'pure Python'})"
    assert lines[1] == f"cpython {platform.python_version()} on {sys.platform}"
    assert lines[2:] == [f"{name} {importlib.metadata.version(name)}" for name in LIBRARIES]


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastgw.cli.version.LIBRARIES", ("no-such-thing",))
    assert version().splitlines()[-1] == "no-such-thing is not installed"


def test_the_first_folder_with_a_library_counts(tmp_path: Path) -> None:
    for folder, number in (("a", "1.0"), ("b", "2.0")):
        (tmp_path / folder / f"Some.Lib-{number}.dist-info").mkdir(parents=True)
    assert installed([str(tmp_path / "none"), str(tmp_path / "a"), str(tmp_path / "b")]) == {"some_lib": "1.0"}
