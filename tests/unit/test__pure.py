"""The chooser between Python and C: what FASTGW_PURE hides, and what the package says of itself."""

from __future__ import annotations

import importlib.machinery
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path

import pytest

import fastgw
from fastgw import _pure


@pytest.fixture
def meta_path() -> Iterator[None]:
    before = list(sys.meta_path)
    yield
    sys.meta_path[:] = before


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package folder with a source that has an extension beside it, and an extension alone."""
    folder = tmp_path / "fastgw" / "wire"
    folder.mkdir(parents=True)
    for name in ("both.py", f"both{EXTENSION_SUFFIXES[0]}", f"alone{EXTENSION_SUFFIXES[0]}"):
        (folder / name).touch()
    (folder / "no_init").mkdir()
    return folder


def test_source_is_found_and_the_extension_beside_it_is_not(package: Path) -> None:
    spec = _pure.SourceOnlyFinder().find_spec("fastgw.wire.both", [str(package)])
    assert spec is not None and spec.origin == str(package / "both.py")
    usual = importlib.machinery.PathFinder.find_spec("fastgw.wire.both", [str(package)])
    assert usual is not None and usual.origin == str(package / f"both{EXTENSION_SUFFIXES[0]}")


def test_an_extension_without_source_is_not_found(package: Path) -> None:
    with pytest.raises(ModuleNotFoundError, match="FASTGW_PURE") as caught:
        _pure.SourceOnlyFinder().find_spec("fastgw.wire.alone", [str(package)])
    assert caught.value.name == "fastgw.wire.alone"


@pytest.mark.parametrize("name", ["json.decoder", "fastgw_other.x", "fastgw.wire.no_init"])
def test_the_rest_is_left_to_the_other_finders(package: Path, name: str) -> None:
    assert _pure.SourceOnlyFinder().find_spec(name, [str(package)]) is None


def test_top_level_modules_are_left_alone() -> None:
    assert _pure.SourceOnlyFinder().find_spec("fastgw", None) is None


@pytest.mark.parametrize(("value", "answer"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)])
def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch, value: str | None, answer: bool) -> None:
    monkeypatch.delenv("FASTGW_PURE", raising=False)
    if value is not None:
        monkeypatch.setenv("FASTGW_PURE", value)
    assert _pure.is_pure() is answer


@pytest.mark.usefixtures("meta_path")
def test_the_finder_is_installed_once_and_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, _pure.SourceOnlyFinder)]
    before = list(sys.meta_path)
    monkeypatch.setenv("FASTGW_PURE", "0")
    _pure.install()
    assert sys.meta_path == before
    monkeypatch.setenv("FASTGW_PURE", "1")
    _pure.install()
    _pure.install()
    assert isinstance(sys.meta_path[0], _pure.SourceOnlyFinder) and sys.meta_path[1:] == before


def test_extensions_are_named_as_modules(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    monkeypatch.setattr(_pure, "_PACKAGE", str(package.parent))
    monkeypatch.setenv("FASTGW_PURE", "0")
    assert _pure.extensions() == ["fastgw.wire.alone", "fastgw.wire.both"] and _pure.compiled()
    monkeypatch.setenv("FASTGW_PURE", "1")
    assert _pure.extensions() == [] and not _pure.compiled()


def test_a_pure_interpreter_imports_the_package() -> None:
    command = "import fastgw, fastgw.errors as e, sys; print(fastgw.compiled(), e.__file__, sys.meta_path[0])"
    done = subprocess.run(
        [sys.executable, "-c", command],
        env={**os.environ, "FASTGW_PURE": "1"},
        cwd=Path(fastgw.__path__[0]).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("False ") and "errors.py" in done.stdout and "SourceOnlyFinder" in done.stdout
