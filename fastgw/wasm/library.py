"""Where the runtime is: the shared library in the wheel of ``wasmtime``, whose Python is not imported (it would cost a worker 6 MiB)."""

from __future__ import annotations

import ctypes
import mmap
import platform
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

MISSING: Final = "needs the package wasmtime: pip install 'fastgw[wasm]'"
VERSION: Final = 50  #: the major version whose C interface is spoken here
SLOT: Final = (4 << 30) + (
    64 << 20
)  #: bytes of address space that the runtime sets aside for a memory, with its guards
_NAMES: Final = {"linux": "_libwasmtime.so", "darwin": "_libwasmtime.dylib"}
_MACHINES: Final = {"amd64": "x86_64", "arm64": "aarch64"}


def library_path() -> str:
    """The path of the library.

    Raises:
        ImportError: it is not installed, or not made for this machine.
    """
    spec = find_spec("wasmtime")
    if spec is None or spec.origin is None:
        raise ImportError(MISSING)
    machine = platform.machine().lower()
    place = f"{sys.platform}-{_MACHINES.get(machine, machine)}"
    path = Path(spec.origin).parent / place / _NAMES.get(sys.platform, "")
    if not path.is_file():
        raise ImportError(f"the package wasmtime has no library for {place}")
    return str(path)


def library_problem() -> str:
    """Why it cannot be used, empty: it can."""
    try:
        library_path()
    except ImportError as error:
        return str(error)
    return ""


def has_room(instances: int) -> bool:
    """Is there address space for so many memories?  The runtime, which is told to set it aside, ends the process where there is none."""
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0)
    if not instances:
        return True
    try:
        mmap.mmap(-1, instances * SLOT, flags=flags, prot=0).close()
    except (OSError, OverflowError):
        return False
    return True


def may_execute() -> bool:
    """May memory that was written be executed, as machine code that is made here has to be?  ``MemoryDenyWriteExecute=`` of systemd, and
    ``PR_SET_MDWE`` of prctl(2), refuse it."""
    size = mmap.PAGESIZE
    page = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    first = ctypes.c_char.from_buffer(page)
    place = ctypes.c_void_p(ctypes.addressof(first))
    is_refused = ctypes.CDLL(None).mprotect(place, ctypes.c_size_t(size), mmap.PROT_READ | mmap.PROT_EXEC)
    del first
    page.close()
    return not is_refused
