"""What a gateway's processes cost, read from the kernel: CPU time, memory, and who else used the core.

Total CPU time comes from the POSIX CPU clock of each process (nanoseconds; threads that ended are counted, which
``/proc/PID/task/*/schedstat`` would lose).  How it divides into user and system comes from ``/proc/PID/stat``, whose ticks
of 10 ms are too coarse for the sum and good enough for the ratio.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
TICK = 1.0 / os.sysconf("SC_CLK_TCK")  #: seconds per tick of /proc/PID/stat and /proc/stat


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds of a group of processes since each began."""

    total: float  #: precise
    user: float  #: in ticks
    system: float  #: in ticks

    def __add__(self, other: Cpu) -> Cpu:
        return Cpu(self.total + other.total, self.user + other.user, self.system + other.system)

    def __sub__(self, other: Cpu) -> Cpu:
        return Cpu(self.total - other.total, self.user - other.user, self.system - other.system)

    def split(self) -> tuple[float, float]:
        """User and system seconds that sum up to the precise total; all user when no tick was seen."""
        ticks = self.user + self.system
        user = self.total * self.user / ticks if ticks > 0 else self.total
        return user, self.total - user


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes of a group of processes."""

    rss: int  #: of the largest process without children: the worker, not its supervisor
    pss: int  #: of all, shared pages divided among their users


def parse_stat(text: str) -> tuple[int, float, float]:
    """Parent's id, user and system seconds out of ``/proc/PID/stat``; the name in it may hold spaces and parentheses."""
    fields = text[text.rindex(")") + 2 :].split()
    return int(fields[1]), int(fields[11]) * TICK, int(fields[12]) * TICK


def parse_smaps_rollup(text: str) -> tuple[int, int]:
    """Rss and Pss in bytes out of ``/proc/PID/smaps_rollup``."""
    sizes = {"Rss:": 0, "Pss:": 0}
    for line in text.splitlines():
        words = line.split()
        if words and words[0] in sizes:
            sizes[words[0]] = int(words[1]) * 1024
    return sizes["Rss:"], sizes["Pss:"]


def parse_core(text: str, core: int) -> tuple[float, float]:
    """Busy and stolen seconds of one core out of ``/proc/stat``; stolen is what the hypervisor gave to others."""
    for line in text.splitlines():
        words = line.split()
        if words and words[0] == f"cpu{core}":
            user, nice, system, _idle, _wait, irq, softirq, steal = (int(word) * TICK for word in words[1:9])
            return user + nice + system + irq + softirq, steal
    raise ValueError(f"no core {core} in /proc/stat")


def cpu_clock(pid: int) -> float:
    """CPU seconds of the whole process, its ended threads included, in nanosecond resolution (clock_getcpuclockid(3))."""
    return time.clock_gettime((~pid << 3) | 2)


def process_tree(root: int) -> list[int]:
    """The process and its descendants, those that live now."""
    children: dict[int, list[int]] = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                parent = parse_stat((entry / "stat").read_text())[0]
            except (OSError, ValueError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting.extend(children.get(pid, ()))
    return found


def read_cpu(pids: list[int]) -> Cpu:
    """What these processes used so far; one that is gone counts nothing."""
    total = Cpu(0.0, 0.0, 0.0)
    for pid in pids:
        try:
            _, user, system = parse_stat((PROC / str(pid) / "stat").read_text())
            total += Cpu(cpu_clock(pid), user, system)
        except OSError:
            continue
    return total


def read_memory(pids: list[int]) -> Memory:
    """Resident and proportional memory of these processes."""
    sizes: dict[int, tuple[int, int]] = {}
    parents: set[int] = set()
    for pid in pids:
        try:
            sizes[pid] = parse_smaps_rollup((PROC / str(pid) / "smaps_rollup").read_text())
            parents.add(parse_stat((PROC / str(pid) / "stat").read_text())[0])
        except OSError:
            continue
    workers = [rss for pid, (rss, _) in sizes.items() if pid not in parents]
    return Memory(max(workers, default=0), sum(pss for _, pss in sizes.values()))


def read_core(core: int) -> tuple[float, float]:
    """Busy and stolen seconds of the core since boot."""
    return parse_core((PROC / "stat").read_text(), core)
