"""Counts instructions under valgrind and compares them with the committed figures.

A count is marginal: a run with N more of one workload, less the run without, divided by N.  Start-up, imports and warm-up
cancel out.  Everything that could vary is fixed: hash seed, input, clock; valgrind itself places memory always alike.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

BASELINE = Path(__file__).parent / "baseline.json"
TOLERANCE = 0.03  #: share of the committed figure
COUNT = 400  #: N
NAMES = ("get", "post", "event")

_COLLECTED = re.compile(r"Collected *: *(\d+)")
Figures = dict[str, int]  #: instructions for one of each workload


class GuardError(Exception):
    """Counting is not possible here; the message says why."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One figure against the committed one."""

    name: str
    measured: int
    committed: int | None

    @property
    def change(self) -> float:
        """As a share: 0.05 is 5 % more than committed."""
        return self.measured / self.committed - 1 if self.committed else 0.0

    @property
    def is_within(self) -> bool:
        """Neither more nor less than the tolerance allows: a figure that became better has to be committed too."""
        return self.committed is not None and abs(self.change) <= TOLERANCE


def parse_collected(text: str) -> int:
    """Instructions out of callgrind's last words.  GuardError without them."""
    found = _COLLECTED.search(text)
    if not found:
        raise GuardError(f"callgrind counted nothing: {text.strip()[-500:]}")
    return int(found[1])


def marginal(base: int, more: Mapping[str, int], count: int) -> Figures:
    """Instructions for one of each: the runs with ``count`` more, less the common run."""
    return {name: round((instructions - base) / count) for name, instructions in more.items()}


def key_of(version: tuple[int, ...], compiled: bool) -> str:
    """Where a set of figures stands in ``baseline.json``."""
    return f"cpython-{version[0]}.{version[1]}-{'compiled' if compiled else 'pure'}"


def compare(measured: Figures, committed: Mapping[str, int]) -> list[Finding]:
    """Figure by figure."""
    return [Finding(name, figure, committed.get(name)) for name, figure in measured.items()]


def describe(finding: Finding) -> str:
    """A line for the terminal."""
    if finding.committed is None:
        return f"{finding.name}: {finding.measured:,} instructions, no committed figure (scripts/guard --update)"
    verdict = "as committed" if finding.is_within else "MORE" if finding.change > 0 else "less: commit the new figure"
    return f"{finding.name}: {finding.measured:,} instructions, committed {finding.committed:,} ({finding.change:+.1%}): {verdict}"


def run(counts: Mapping[str, int]) -> int:
    """Instructions of a whole run."""
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise GuardError("valgrind is not installed")
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    words = [f"{name}={count}" for name, count in counts.items()]
    tool = [valgrind, "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    done = subprocess.run(
        [*tool, sys.executable, "-m", "bench.guard.workload", *words],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode != 0:
        raise GuardError(f"the workload failed under valgrind: {done.stderr.strip()[-800:]}")
    return parse_collected(done.stderr)


def measure() -> Figures:
    """All workloads."""
    base = dict.fromkeys(NAMES, COUNT)
    common = run(base)
    return marginal(common, {name: run({**base, name: 2 * COUNT}) for name in NAMES}, COUNT)


def load_baseline(path: Path = BASELINE) -> dict[str, Figures]:
    """All committed figures; none when there is no file yet."""
    return dict(orjson.loads(path.read_bytes())) if path.exists() else {}


def save_baseline(baseline: Mapping[str, Figures], path: Path = BASELINE) -> None:
    """Write them, sorted."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    path.write_bytes(orjson.dumps(baseline, option=options))
