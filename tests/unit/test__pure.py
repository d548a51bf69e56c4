"""The chooser between Python and C: what FASTGW_PURE hides, and what the package says of itself."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.machinery import EXTENSION_SUFFIXES, PathFinder
from pathlib import Path

import pytest

import fastgw
from fastgw import _pure


@pytest.fixture
def hooks() -> Iterator[None]:
    before, known = list(sys.path_hooks), dict(sys.path_importer_cache)
    yield
    sys.path_hooks[:] = before
    sys.path_importer_cache.clear()
    sys.path_importer_cache.update(known)


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package folder with a source that has an extension beside it, and an extension alone."""
    folder = tmp_path / "fastgw" / "wire"
    folder.mkdir(parents=True)
    for name in ("both.py", f"both{EXTENSION_SUFFIXES[0]}", f"alone{EXTENSION_SUFFIXES[0]}"):
        (folder / name).touch()
    return folder


@pytest.mark.usefixtures("hooks")
def test_source_is_found_and_the_extension_beside_it_is_not(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    usual = PathFinder.find_spec("fastgw.wire.both", [str(package)])
    assert usual is not None and usual.origin == str(package / f"both{EXTENSION_SUFFIXES[0]}")
    monkeypatch.setattr(_pure, "_PACKAGE", str(package.parent))
    spec = _pure.source_only(str(package)).find_spec("fastgw.wire.both")
    assert spec is not None and spec.origin == str(package / "both.py")


def test_an_extension_without_source_is_not_found(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    monkeypatch.setattr(_pure, "_PACKAGE", str(package.parent))
    assert _pure.source_only(str(package)).find_spec("fastgw.wire.alone") is None


def test_other_folders_are_left_to_the_other_hooks(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    monkeypatch.setattr(_pure, "_PACKAGE", str(package.parent))
    for folder in (package.parent.parent, f"{package.parent}_other"):
        with pytest.raises(ImportError, match="no folder of fastgw"):
            _pure.source_only(str(folder))


@pytest.mark.parametrize(("value", "answer"), [(None, False), ("", False), ("0", False), ("1", True), ("yes", True)])
def test_the_environment_decides(monkeypatch: pytest.MonkeyPatch, value: str | None, answer: bool) -> None:
    monkeypatch.delenv("FASTGW_PURE", raising=False)
    if value is not None:
        monkeypatch.setenv("FASTGW_PURE", value)
    assert _pure.is_pure() is answer


@pytest.mark.usefixtures("hooks")
def test_the_hook_is_installed_once_and_only_when_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    sys.path_hooks[:] = before = [hook for hook in sys.path_hooks if hook is not _pure.source_only]
    monkeypatch.setenv("FASTGW_PURE", "0")
    _pure.install()
    assert sys.path_hooks == before
    monkeypatch.setenv("FASTGW_PURE", "1")
    _pure.install()
    _pure.install()
    assert sys.path_hooks == [_pure.source_only, *before]


def test_extensions_are_named_as_modules(monkeypatch: pytest.MonkeyPatch, package: Path) -> None:
    monkeypatch.setattr(_pure, "_PACKAGE", str(package.parent))
    monkeypatch.setenv("FASTGW_PURE", "0")
    assert _pure.extensions() == ["fastgw.wire.alone", "fastgw.wire.both"] and _pure.compiled()
    monkeypatch.setenv("FASTGW_PURE", "1")
    assert _pure.extensions() == [] and not _pure.compiled()


def test_a_pure_interpreter_imports_the_package() -> None:
    command = "import fastgw, fastgw.errors as e; print(fastgw.compiled(), e.__file__)"
    done = subprocess.run(
        [sys.executable, "-c", command],
        env={**os.environ, "FASTGW_PURE": "1"},
        cwd=Path(fastgw.__path__[0]).parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("False ") and "errors.py" in done.stdout
