"""Where the benchmark finds and leaves its files."""

from __future__ import annotations

from pathlib import Path

BENCH = Path(__file__).resolve().parent.parent
ROOT = BENCH.parent
MACRO = BENCH / "macro"
BUILD = BENCH / "build"  #: compiled programs and run directories; never committed
RESULTS = BENCH / "results"
VENV = BENCH / ".venv"  #: Python peers and Envoy live here, made by ``scripts/bench --full``
