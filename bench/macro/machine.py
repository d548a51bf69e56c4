"""On what the figures were made."""

from __future__ import annotations

import os
import platform
from pathlib import Path

from bench.macro.peers.base import first_line


def parse_cpuinfo(text: str) -> str:
    """The processor's name out of ``/proc/cpuinfo``."""
    for line in text.splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return platform.machine()


def parse_os_release(text: str) -> str:
    """The distribution's name out of ``/etc/os-release``."""
    for line in text.splitlines():
        if line.startswith("PRETTY_NAME="):
            return line.split("=", 1)[1].strip('"')
    return platform.system()


def describe_machine() -> dict[str, str]:
    """Processor, cores, memory, kernel, system, tools."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / (1 << 30)
    return {
        "processor": parse_cpuinfo(_read("/proc/cpuinfo")),
        "cores": str(os.cpu_count()),
        "virtual": "yes" if "hypervisor" in _read("/proc/cpuinfo") else "no",
        "memory": f"{memory:.0f} GiB",
        "kernel": platform.release(),
        "system": parse_os_release(_read("/etc/os-release")),
        "python": platform.python_version(),
        "wrk": " ".join(first_line("wrk", "-v").split()[:2]),
        "h2load": first_line("h2load", "--version"),
        "load before": " ".join(_read("/proc/loadavg").split()[:3]),
    }


def _read(path: str) -> str:
    try:
        return Path(path).read_text()
    except OSError:
        return ""
