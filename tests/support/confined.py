"""A program under what a unit of ``deploy/systemd`` forbids, without systemd: its system call filter, its address families, memory that is
never both written and executed, and its capabilities.

The files, devices and other processes that a unit hides are not hidden here: that takes systemd itself.

    python confined.py JSON PROGRAM ARGUMENT...
"""

from __future__ import annotations

import ctypes
import errno
import functools
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

UNITS = Path(__file__).resolve().parents[2] / "deploy" / "systemd"
NEEDED = ("systemd-analyze", "setpriv")

_ALLOW = 0x7FFF0000
_EQ, _GT, _MASKED_EQ = 4, 6, 7
_WRITE, _EXEC, _SHM_EXEC = 2, 4, 0o100000
_LAST_FAMILY = 64


def drop_in(name: str) -> Path:
    """The file of a drop-in."""
    return UNITS / "drop-ins" / f"{name}.conf"


def settings(name: str, *units: Path) -> list[str]:
    """What the files say of ``name``, one after the other; an empty one forgets those before it."""
    found: list[str] = []
    for unit in units:
        for value in re.findall(f"^{name}=(.*)$", unit.read_text(), re.MULTILINE):
            found = [*found, value] if value else []
    return found


def allowed(*filters: str) -> set[str]:
    """The system calls of lines ``SystemCallFilter=``, one after the other; the first one says what they begin with."""
    found: set[str] = set()
    for line in filters:
        for word in line.removeprefix("~").split():
            calls = _members(word)
            found = found - calls if line.startswith("~") else found | calls
    return found


@functools.cache
def _members(word: str) -> frozenset[str]:
    if not word.startswith("@"):
        return frozenset((word,))
    said = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter", word],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    ).stdout
    lines = (line.strip() for line in said.splitlines()[1:])
    return frozenset().union(*(_members(line) for line in lines if line and not line.startswith("#")))


def confinement(*drop_ins: str) -> list[str]:
    """What stands in front of a program that shall run as the service does, as the user who starts it."""
    units = (UNITS / "fastgw.service", *map(drop_in, drop_ins))
    told = {
        "calls": sorted(allowed(*settings("SystemCallFilter", *units))),
        "families": " ".join(settings("RestrictAddressFamilies", *units)).split(),
        "is_executable": settings("MemoryDenyWriteExecute", *units)[-1] == "no",
    }
    bounds = _capabilities("CapabilityBoundingSet", units)
    ambient = _capabilities("AmbientCapabilities", units)
    words = ["setpriv", "--no-new-privs", f"--bounding-set={_set(bounds)}", f"--inh-caps={_set(ambient)}"]
    words.append(f"--ambient-caps={_set(ambient)}")
    return [*words, sys.executable, "-I", __file__, json.dumps(told)]


def _capabilities(name: str, units: Sequence[Path]) -> list[str]:
    return " ".join(settings(name, *units)).lower().replace("cap_", "").split()


def _set(capabilities: Iterable[str]) -> str:
    return ",".join(["-all", *(f"+{one}" for one in capabilities)])


class _Compared(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("how", ctypes.c_int),
        ("one", ctypes.c_uint64),
        ("other", ctypes.c_uint64),
    )


class _Filter:
    """One filter of libseccomp."""

    def __init__(self, otherwise: int) -> None:
        self._lib: Any = ctypes.CDLL("libseccomp.so.2", use_errno=True)
        self._lib.seccomp_init.restype = ctypes.c_void_p
        self._context = ctypes.c_void_p(self._lib.seccomp_init(ctypes.c_uint32(otherwise)))

    def rule(self, action: int, call: str, *compared: _Compared) -> None:
        """What becomes of a call, if its arguments are like this; one that this machine does not have is left out."""
        number = self._lib.seccomp_syscall_resolve_name(call.encode())
        if number >= 0:
            array = (_Compared * len(compared))(*compared)
            done = self._lib.seccomp_rule_add_array(
                self._context, ctypes.c_uint32(action), number, ctypes.c_uint(len(compared)), array
            )
            if done:
                raise OSError(-done, f"seccomp_rule_add {call}")

    def load(self) -> None:
        if done := self._lib.seccomp_load(self._context):
            raise OSError(-done, "seccomp_load")


def _refuse(number: int) -> int:
    return 0x00050000 | number


def confine(told: dict[str, Any]) -> None:
    """Have the kernel refuse, from now on, what ``confinement`` tells of."""
    some = _Filter(_ALLOW)
    known = {int(getattr(socket, name)) for name in told["families"]}
    for family in set(range(_LAST_FAMILY + 1)) - known:
        some.rule(_refuse(errno.EAFNOSUPPORT), "socket", _Compared(0, _EQ, family))
    some.rule(_refuse(errno.EAFNOSUPPORT), "socket", _Compared(0, _GT, _LAST_FAMILY))
    if not told["is_executable"]:
        some.rule(_refuse(errno.EPERM), "mmap", _Compared(2, _MASKED_EQ, _WRITE | _EXEC, _WRITE | _EXEC))
        some.rule(_refuse(errno.EPERM), "mprotect", _Compared(2, _MASKED_EQ, _EXEC, _EXEC))
        some.rule(_refuse(errno.EPERM), "pkey_mprotect", _Compared(2, _MASKED_EQ, _EXEC, _EXEC))
        some.rule(_refuse(errno.EPERM), "shmat", _Compared(2, _MASKED_EQ, _SHM_EXEC, _SHM_EXEC))
    some.load()
    calls = _Filter(_refuse(errno.EPERM))  # SystemCallErrorNumber=EPERM
    for call in told["calls"]:
        calls.rule(_ALLOW, call)
    calls.load()


if __name__ == "__main__":
    confine(json.loads(sys.argv[1]))
    os.execvp(sys.argv[2], sys.argv[2:])
