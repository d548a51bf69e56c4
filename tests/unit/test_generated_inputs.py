"""Generated inputs are the same in every run; ``--long`` looks for new ones and tells the seed that gives them again."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from tests.support.gateway import ROOT

PROPERTY = """
from hypothesis import given, strategies as st

SEEN = []

@given(st.integers())
def test_collects(number):
    SEEN.append(number)

def test_shows():
    print("seen", SEEN)
"""


def seen(path: Path, *options: str) -> tuple[str, str]:
    """What a property was given, and what the header said of it."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-s",
        "-p",
        "no:cacheprovider",
        "-c",
        ROOT / "pyproject.toml",
        *options,
        path,
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    shown = next(line for line in lines if "seen [" in line)
    return shown[shown.index("seen") :], next(line for line in lines if line.startswith("generated inputs:"))


def test_inputs_are_the_same_unless_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "test_property.py"
    path.write_text(PROPERTY)
    (tmp_path / "conftest.py").write_text("from tests.conftest import *\n")
    usual, said = seen(path)
    assert (usual, said) == seen(path)
    assert said.endswith("the same as ever")
    new, said = seen(path, "--long")
    assert new != usual
    again, _ = seen(path, said.split()[-1])
    assert again == new
