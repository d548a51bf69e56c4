"""Counts instructions under valgrind and compares them with the committed figures.

Counting is on only between the marks of ``workload``, so start-up does not matter.  What could vary is fixed (hash seed, input,
clock; valgrind itself places memory always alike), or varied on purpose (``workload.run``).
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import orjson

from bench.guard.workload import SLICES

BASELINE = Path(__file__).parent / "baseline.json"
MARKS = Path(__file__).parent / "marks.c"
TOLERANCE = 0.03  #: share of the committed figure
TOLD = frozenset({"combined", "gate", "members", "policies", "sampled", "traced", "traces"})
"""Told, and not held: a collection of garbage falls into one of them or another, which is a twentieth of it; and chance picks what is
``sampled``."""
COUNT = 40  #: repetitions in a slice of a workload

_NAME = re.compile(r"^desc: Trigger: Client Request: (\S+)$", re.MULTILINE)
_TOTALS = re.compile(r"^(?:totals|summary): (\d+)", re.MULTILINE)
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
        return self.name in TOLD or (self.committed is not None and abs(self.change) <= TOLERANCE)


def parse_dump(text: str) -> tuple[str, int]:
    """Name and instructions out of one of callgrind's files.  GuardError when it is none of ours."""
    name, totals = _NAME.search(text), _TOTALS.search(text)
    if not name or not totals:
        raise GuardError("callgrind wrote a file without a mark or without a sum")
    return name[1], int(totals[1])


def key_of(version: str, compiled: bool) -> str:
    """Where a set of figures stands in ``baseline.json``: other tools make other instructions, so these are named."""
    if not compiled:
        return f"CPython {version}, pure Python"
    compiler = shutil.which("cc")
    made = (
        subprocess.run([compiler, "-dumpfullversion"], capture_output=True, text=True, check=False)
        if compiler
        else None
    )
    return f"CPython {version}, Cython {_version_of('Cython')}, cc {made.stdout.strip() if made else 'unknown'}"


def _version_of(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "unknown"


def compare(measured: Figures, committed: Mapping[str, int]) -> list[Finding]:
    """Figure by figure."""
    return [Finding(name, figure, committed.get(name)) for name, figure in measured.items()]


def medians(*several: Figures) -> Figures:
    """Of each figure, the median of what was counted several times."""
    return {name: int(median(one[name] for one in several)) for name in several[0]}


def describe(finding: Finding) -> str:
    """A line for the terminal."""
    if finding.name in TOLD:
        return f"{finding.name}: {finding.measured:,} instructions"
    if finding.committed is None:
        return f"{finding.name}: {finding.measured:,} instructions, no committed figure (scripts/guard --update)"
    verdict = "as committed" if finding.is_within else "MORE" if finding.change > 0 else "less: commit the new figure"
    return f"{finding.name}: {finding.measured:,} instructions, committed {finding.committed:,} ({finding.change:+.1%}): {verdict}"


def build_marks(directory: Path) -> Path:
    """The compiled ``marks.c``.  GuardError without a compiler or valgrind's headers."""
    library = directory / "marks.so"
    compiler = shutil.which("cc")
    if compiler is None:
        raise GuardError("there is no C compiler (cc)")
    argv = [compiler, "-O2", "-shared", "-fPIC", str(MARKS), "-o", str(library)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise GuardError(f"marks.c does not compile (valgrind's headers?): {done.stderr.strip()[-300:]}")
    return library


def measure(annotate: str = "") -> tuple[Figures, str]:
    """Instructions for one of each workload, and where those of ``annotate`` go (functions by own cost), if asked.

    Raises:
        GuardError: valgrind or the compiler is missing, or the workload failed.
    """
    valgrind = shutil.which("valgrind")
    if valgrind is None:
        raise GuardError("valgrind is not installed")
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
    with TemporaryDirectory(prefix="guard-") as name:
        directory = Path(name)
        tool = [
            valgrind,
            "--tool=callgrind",
            "--instr-atstart=no",
            "--collect-atstart=no",
            f"--callgrind-out-file={directory}/out",
        ]
        work = [sys.executable, "-m", "bench.guard.workload", str(build_marks(directory)), str(COUNT)]
        done = subprocess.run([*tool, *work], capture_output=True, text=True, env=environment, check=False)
        if done.returncode != 0:
            raise GuardError(f"the workload failed under valgrind: {done.stderr.strip()[-800:]}")
        dumps = {path: parse_dump(path.read_text(errors="replace")) for path in sorted(directory.glob("out.*"))}
        figures = {workload: round(instructions / COUNT / SLICES) for workload, instructions in dumps.values()}
        chosen = [path for path, (workload, _) in dumps.items() if workload == annotate]
        return figures, _annotated(chosen[0]) if chosen else ""


def _annotated(dump: Path) -> str:
    argv = ["callgrind_annotate", "--auto=no", "--threshold=90", str(dump)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    start = next((number for number, line in enumerate(lines) if "file:function" in line), 0)
    return "\n".join(line for line in lines[start:] if line.strip())


def load_baseline(path: Path = BASELINE) -> dict[str, Figures]:
    """All committed figures; none when there is no file yet."""
    return dict(orjson.loads(path.read_bytes())) if path.exists() else {}


def save_baseline(baseline: Mapping[str, Figures], path: Path = BASELINE) -> None:
    """Write them, sorted."""
    options = orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE
    path.write_bytes(orjson.dumps(baseline, option=options))
