"""The services and the maker of samples are scripts: they are imported from their own folders."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
SAMPLES = EXAMPLES / "samples"

for folder in (EXAMPLES / "services", SAMPLES):
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


@pytest.fixture
def samples() -> Path:
    """The folder of the committed sample files."""
    return SAMPLES
