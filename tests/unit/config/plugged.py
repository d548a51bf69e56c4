"""Filters and transformers of others, for tests: a module beside the configuration, and an installed package with entry points."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

CODE = """
from dataclasses import dataclass


class Mark:
    runs_before_routing = True

    @dataclass
    class Options:
        level: int = 1
        words: tuple = ()

    def __init__(self, name, options):
        self.name = name
        self.options = options

    def request(self, exchange):
        exchange.request.set_header(b"x-mark", b"%d" % self.options.level)


class Upper:
    def __init__(self, name, options):
        assert not options
        self.name = name

    def transform_response(self, exchange):
        return None


class Nothing:
    pass


class Nameless(Upper):
    def __init__(self, name, options):
        pass


class Failing(Upper):
    def __init__(self, name, options):
        raise RuntimeError("no\\nmodel")
"""
ENTRIES = "[fastgw.filters]\nmark = plugged_code:Mark\n[fastgw.transformers]\ntext/upper = plugged_code:Upper\n"


def write_code(folder: Path, monkeypatch: pytest.MonkeyPatch, *, is_installed: bool = False) -> None:
    """``plugged_code`` in ``folder``, found by whoever looks there; ``is_installed``: by its entry points too."""
    (folder / "plugged_code.py").write_text(CODE)
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.delitem(sys.modules, "plugged_code", raising=False)
    if is_installed:
        facts = folder / "plugged-1.2.dist-info"
        facts.mkdir()
        (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: plugged\nVersion: 1.2\n")
        (facts / "entry_points.txt").write_text(ENTRIES)
        (facts / "top_level.txt").write_text("plugged_code\n")
        monkeypatch.syspath_prepend(str(folder))
