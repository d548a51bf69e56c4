"""What runtimes of languages ask of WASI (preview 1) when they begin: output goes to the log, clocks and randomness are there, and nothing
else is: no argument, no variable of the environment, no file, no socket."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from fastgw.wasm.traps import WasmTrap

if TYPE_CHECKING:
    from fastgw.wasm.caller import HostCaller

SUCCESS, BADF, FAULT, INVAL, NOTSUP = 0, 8, 21, 28, 58
_LEVELS: Final = {1: "info", 2: "error"}  #: standard output, standard error
_PIECES_MAX: Final = 16
_RANDOM_MAX: Final = 4096
_LOG_MAX: Final = 1024


def fd_write(guest: HostCaller, fd: int, pieces: int, count: int, size_at: int) -> int:
    """A line for the log."""
    if fd not in _LEVELS:
        return BADF
    if count > _PIECES_MAX:
        return INVAL
    vectors = guest.read(pieces, 8 * count)
    if vectors is None:
        return FAULT
    text, size = b"", 0
    for at in range(0, 8 * count, 8):
        length = int.from_bytes(vectors[at + 4 : at + 8], "little")
        piece = guest.read(int.from_bytes(vectors[at : at + 4], "little"), min(length, _LOG_MAX))
        if piece is None:
            return FAULT
        text += piece
        size += length
    guest.put_out(_LEVELS[fd], text)
    return guest.write_number(size_at, size) and FAULT


def clock_time_get(guest: HostCaller, clock: int, _: int, time_at: int) -> int:
    """Nanoseconds since 1970, or since some time."""
    if clock > 1:
        return NOTSUP
    now = time.monotonic_ns() if clock else time.time_ns()
    return guest.write(time_at, now.to_bytes(8, "little")) and FAULT


def random_get(guest: HostCaller, data: int, size: int) -> int:
    """Random bytes, of the system."""
    if size > _RANDOM_MAX:
        return INVAL
    return guest.write(data, os.urandom(size)) and FAULT


def _nothing(guest: HostCaller, count_at: int, size_at: int) -> int:
    return (guest.write_number(count_at, 0) or guest.write_number(size_at, 0)) and FAULT


def _success(guest: HostCaller, *_: int) -> int:
    return SUCCESS


def _no_file(guest: HostCaller, *_: int) -> int:
    return BADF


def poll_oneoff(guest: HostCaller, subscriptions: int, events: int, count: int, count_at: int) -> int:
    """Nothing happened, and no time passed: nobody sleeps here.  Go ends a program that is told anything else."""
    return guest.write_number(count_at, 0) and FAULT


def proc_exit(guest: HostCaller, code: int) -> None:
    """Ends the call, and with it the instance."""
    raise WasmTrap(f"the module left with {code}", "exit")


#: By name: what they take and return, and what does it.
FUNCTIONS: Final[dict[str, tuple[str, str, Callable[..., int | None]]]] = {
    "fd_write": ("iiii", "i", fd_write),
    "clock_time_get": ("iIi", "i", clock_time_get),
    "random_get": ("ii", "i", random_get),
    "environ_sizes_get": ("ii", "i", _nothing),
    "environ_get": ("ii", "i", _success),
    "args_sizes_get": ("ii", "i", _nothing),
    "args_get": ("ii", "i", _success),
    "proc_exit": ("i", "", proc_exit),
    "sched_yield": ("", "i", _success),
    "fd_close": ("i", "i", _no_file),
    "fd_read": ("iiii", "i", _no_file),
    "fd_seek": ("iIii", "i", _no_file),
    "fd_fdstat_get": ("ii", "i", _no_file),
    "fd_fdstat_set_flags": ("ii", "i", _no_file),
    "fd_prestat_get": ("ii", "i", _no_file),
    "fd_prestat_dir_name": ("iii", "i", _no_file),
    "path_open": ("iiiiiIIii", "i", _no_file),
    "poll_oneoff": ("iiii", "i", poll_oneoff),
}
