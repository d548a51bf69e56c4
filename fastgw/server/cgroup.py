"""How many processors the control groups of this process leave it: ``cpu.max`` of version 2, the quota of version 1.

A container with ``cpus: 2`` on a machine of 64 may run on each of them, and is stopped for the rest of every 100 ms when it does:
64 workers would be stopped all the time.  Which processors it may run on (``cpuset``) the scheduler says itself.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Final

ROOT: Final = "/sys/fs/cgroup"
OURS: Final = "/proc/self/cgroup"


def quota(ours: str = OURS, root: str = ROOT) -> float:
    """Processors' worth of time, of the narrowest group that we are in; 0: no group bounds it, or none can be read.

    ``ours``: the file that says which groups we are in; ``root``: where they are mounted.
    """
    try:
        with open(ours, encoding="utf-8", errors="surrogateescape") as file:
            lines = file.read().splitlines()
    except OSError:
        return 0.0
    found: list[float] = []
    for line in lines:
        number, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if number == "0" and not controllers:
            found += [_of_v2(folder) for folder in _upwards(root, path)]
        elif "cpu" in controllers.split(","):
            for mount in (controllers, "cpu"):
                found += [_of_v1(folder) for folder in _upwards(os.path.join(root, mount), path)]
    return min((one for one in found if one > 0), default=0.0)


def _upwards(root: str, path: str) -> Iterator[str]:
    """The folders of a group and of all above it.  In a container ``path`` may be that outside, and only the root be there."""
    while path.strip("/"):
        yield os.path.join(root, path.strip("/"))
        path = os.path.dirname(path.rstrip("/"))
    yield root


def _of_v2(folder: str) -> float:
    limit, _, period = _read(folder, "cpu.max").partition(" ")
    return _ratio(limit, period)


def _of_v1(folder: str) -> float:
    return _ratio(_read(folder, "cpu.cfs_quota_us"), _read(folder, "cpu.cfs_period_us"))


def _read(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name), encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""


def _ratio(limit: str, period: str) -> float:
    """0 for ``max``, -1 (no limit), and what is no number."""
    return int(limit) / int(period) if limit.isdigit() and period.isdigit() and int(period) else 0.0
