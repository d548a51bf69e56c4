"""Processes that these tests start import modules of this folder."""

from __future__ import annotations

import pytest

from tests.support.gateway import ROOT


@pytest.fixture(autouse=True)
def tests_of_this_checkout(monkeypatch: pytest.MonkeyPatch) -> None:
    """In front of installed packages, of which some have a package ``tests`` too (gmqtt 0.8)."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
