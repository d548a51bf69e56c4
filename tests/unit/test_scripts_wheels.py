"""scripts/wheels refuses what is not to be published; and whatever the package has is installed."""

from __future__ import annotations

import fnmatch
import io
import os
import subprocess
import tarfile
import tomllib
from pathlib import Path

import pytest

from tests.support.demo import load
from tests.support.gateway import ROOT

_wheels = load("scripts/_wheels.py")
SOURCE = [
    "fastgw/__init__.py",
    "fastgw/py.typed",
    "fastgw/hot.py",
    "fastgw/hot.pxd",
    "fastgw/_scan.pyx",
    "fastgw/a.pxd",
    "README.md",
]
PURE = {name for name in SOURCE if name.startswith("fastgw/")} | {
    "fastgw-1.dist-info/METADATA",
    "fastgw-1.dist-info/licenses/LICENSE",
}
COMPILED = PURE | {f"fastgw/{name}.cpython-311-x86_64-linux-gnu.so" for name in ("hot", "_scan", "_shared")}


def test_whatever_the_package_has_is_installed() -> None:
    """A new kind of file (a page, a picture, ...) needs a pattern in pyproject.toml."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a checkout")
    patterns = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["package-data"]["*"]
    names = subprocess.run(["git", "ls-files", "fastgw"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    others = [name for name in names.split() if not name.endswith(".py")]
    assert others
    for name in others:
        assert any(fnmatch.fnmatch(os.path.basename(name), pattern) for pattern in patterns), name


def test_what_is_right_passes() -> None:
    _wheels.look_at_wheel(PURE, SOURCE, has_extensions=False)
    _wheels.look_at_wheel(COMPILED, SOURCE, has_extensions=True)
    metadata = {"PKG-INFO", "setup.cfg", "fastgw.egg-info/SOURCES.txt"}
    needed = {name for name in SOURCE if name.startswith("fastgw/")} | {
        "pyproject.toml",
        "setup.py",
        "LICENSE",
        "README.md",
    }
    _wheels.look_at_sdist(needed | metadata, SOURCE)


@pytest.mark.parametrize(
    ("names", "has_extensions", "said"),
    [
        (PURE - {"fastgw/py.typed"}, False, "not in the wheel"),
        (PURE | {"tests/test_a.py"}, False, "not of the package"),
        (PURE | {"fastgw/_scan.c"}, False, "not of the package"),
        (PURE - {"fastgw-1.dist-info/licenses/LICENSE"}, False, "no licence"),
        (PURE, True, "extensions: .*_scan.*hot"),
        (COMPILED, False, "extensions"),
    ],
)
def test_what_is_wrong_with_a_wheel(names: set[str], has_extensions: bool, said: str) -> None:
    with pytest.raises(_wheels.Wrong, match=said):
        _wheels.look_at_wheel(names, SOURCE, has_extensions=has_extensions)


@pytest.mark.parametrize(
    ("more", "less", "said"), [({"tests/a.py"}, set(), "not needed"), (set(), {"setup.py"}, "not in")]
)
def test_what_is_wrong_with_an_sdist(more: set[str], less: set[str], said: str) -> None:
    needed = {name for name in SOURCE if name.startswith("fastgw/")} | {
        "pyproject.toml",
        "setup.py",
        "LICENSE",
        "README.md",
    }
    with pytest.raises(_wheels.Wrong, match=said):
        _wheels.look_at_sdist((needed | more) - less, SOURCE)


def packed(folder: Path, order: list[str], seconds: int, mode: int) -> bytes:
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w:gz") as target:
        for name in order:
            path = folder / name
            path.write_text(name)
            path.chmod(mode)
            os.utime(path, (seconds, seconds))
            target.add(path, arcname=f"fastgw-1/{name}")
    return archive.getvalue()


def test_an_archive_says_nothing_of_who_packed_it(tmp_path: Path) -> None:
    one = packed(tmp_path, ["a", "b"], 1_000_000_000, 0o600)
    other = packed(tmp_path, ["b", "a"], 1_500_000_000, 0o664)
    assert one != other
    assert _wheels.same_for_all(one, 1_700_000_000) == _wheels.same_for_all(other, 1_700_000_000)
    with tarfile.open(fileobj=io.BytesIO(_wheels.same_for_all(one, 1_700_000_000))) as archive:
        assert archive.getnames() == ["fastgw-1/a", "fastgw-1/b"] and archive.extractfile("fastgw-1/b").read() == b"b"  # type: ignore[union-attr]
        assert {member.mtime for member in archive.getmembers()} == {1_700_000_000}


def test_two_builds_that_differ(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    with pytest.raises(_wheels.Wrong, match="two builds of the sdist differ"):
        _wheels.twice("sdist", tmp_path / "a", tmp_path / "b")
