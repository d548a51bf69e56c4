"""Figures of a running process tree, read from /proc, and the arithmetic over them.

The functions that take text are pure, so the tests can feed them what the kernel prints; those that take a process
number read /proc and return zeros for a process that has just gone.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Usage:
    """What a process tree holds at one moment."""

    at: float
    """`time.monotonic()` of the reading."""
    pss: int
    """Proportional set size in bytes, summed over the tree."""
    fds: int
    """Open file descriptors, summed over the tree."""
    sockets: int
    """Those of them that are sockets."""
    cpu: float
    """User and system seconds spent so far, summed over the living processes of the tree."""
    processes: int
    """Processes in the tree; 0 means it has exited."""

    def cpu_share(self, before: Usage) -> float:
        """CPU seconds per second of wall clock since `before` (1.0 is one whole core)."""
        elapsed = self.at - before.at
        return (self.cpu - before.cpu) / elapsed if elapsed > 0 else 0.0

    def grown_per(self, before: Usage, count: int) -> float:
        """Bytes of PSS gained since `before`, for each of `count` connections; never below zero."""
        return max(0.0, (self.pss - before.pss) / count) if count else 0.0


def parse_pss(smaps_rollup: str) -> int:
    """Return the `Pss:` figure of a `/proc/PID/smaps_rollup` text in bytes (0 when it has none)."""
    for line in smaps_rollup.splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


def parse_stat(stat: str) -> tuple[int, float]:
    """Return (parent process, CPU seconds) of a `/proc/PID/stat` text.

    The command name may contain spaces and brackets, so fields are counted from the last `)`.
    """
    fields = stat[stat.rindex(")") + 2 :].split()
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / _TICKS


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile (`share` in 0..1) of unsorted `values`; NaN for none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def descendants(root: int, parents: Iterable[tuple[int, int]]) -> list[int]:
    """Return `root` and all below it, given (process, parent) pairs."""
    children: dict[int, list[int]] = {}
    for pid, parent in parents:
        children.setdefault(parent, []).append(pid)
    found = [root]
    for pid in found:  # grows while it is walked: breadth first
        found.extend(children.get(pid, ()))
    return found


def tree(root: int) -> list[int]:
    """Return the living processes of the tree under `root`, itself included."""
    pairs: list[tuple[int, int]] = []
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                pairs.append((int(entry.name), parse_stat((entry / "stat").read_text())[0]))
            except (OSError, ValueError):
                continue  # gone between the listing and the reading
    alive = {pid for pid, _ in pairs}
    return [pid for pid in descendants(root, pairs) if pid in alive]


def _process(pid: int) -> tuple[int, int, int, float]:
    """Return (PSS bytes, fds, sockets, CPU seconds) of one process."""
    base = PROC / str(pid)
    try:
        pss = parse_pss((base / "smaps_rollup").read_text())
        cpu = parse_stat((base / "stat").read_text())[1]
        names = os.listdir(base / "fd")
    except (OSError, ValueError):
        return 0, 0, 0, 0.0
    sockets = 0
    for name in names:
        try:
            sockets += os.readlink(base / "fd" / name).startswith("socket:")
        except OSError:
            continue
    return pss, len(names), sockets, cpu


def usage(root: int) -> Usage:
    """Read the figures of the whole tree under `root` now."""
    pids = tree(root)
    rows = [_process(pid) for pid in pids]
    return Usage(
        at=time.monotonic(),
        pss=sum(row[0] for row in rows),
        fds=sum(row[1] for row in rows),
        sockets=sum(row[2] for row in rows),
        cpu=sum(row[3] for row in rows),
        processes=len(pids),
    )


def kib(count: float) -> str:
    """Render bytes as KiB with one decimal."""
    return f"{count / 1024:.1f} KiB"


def ms(seconds: float) -> str:
    """Render seconds as milliseconds with two significant decimals below ten."""
    return f"{seconds * 1000:.1f} ms"
