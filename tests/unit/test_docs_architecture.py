"""``docs/architecture.md``: the tests and files it names are there, and it can be read in one go."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import fastgw

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
TESTS = re.findall(r"`((?:tests/)?[\w/]+\.py)::(\w+)`", PAGE)
FILES = sorted(
    set(re.findall(r"`((?:[a-z]+/)+[\w.]+)`", PAGE)) - {"filters/NAME.py", "config/filters/NAME.py", "adapters/NAME.py"}
)
PACKAGES = sorted(path.parent.name for path in ROOT.glob("fastgw/*/__init__.py"))


def test_it_is_short() -> None:
    assert PAGE.count("\n") < 300


@pytest.mark.parametrize(("path", "name"), TESTS, ids=[name for _, name in TESTS])
def test_an_invariant_has_its_test(path: str, name: str) -> None:
    file = ROOT / path if path.startswith("tests/") else ROOT / "tests" / "unit" / path
    assert f"def {name}(" in file.read_text()


@pytest.mark.parametrize("file", FILES)
def test_a_file_it_names_is_there(file: str) -> None:
    assert any((folder / file).is_file() for folder in (ROOT, Path(fastgw.__path__[0])))


def test_every_package_has_its_floor() -> None:
    assert sorted(re.findall(r"^\| [0-9] \| `(\w+)/`", PAGE, re.MULTILINE)) == PACKAGES
