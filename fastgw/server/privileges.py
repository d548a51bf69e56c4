"""Giving root up (``user:``): before anything but the file itself is read, and for ever.

    become      ids and groups of the user.  Of what root may do one thing is kept, to bind ports below 1024, and no program that this
                process starts has it
    renounce    as soon as the addresses are bound: that too

Between the two the configuration is checked, so what the user may not read (a private key, say) is found at the start, and not by the
first reload; sockets are made by the user, so that more of them can be bound beside them later (``SO_REUSEPORT`` is for one user).  The
way back is shut: no id of root is kept, no capability, and no program that has some of its own gives them to us (``PR_SET_NO_NEW_PRIVS``).
Each step is looked at when it is done, as some of them fail without a word.  Calls of the kernel that Python lacks are made by ``ctypes``,
which only a gateway with ``user:`` imports.
"""

from __future__ import annotations

import ctypes
import os
import sys
from typing import Final

from fastgw.config.spec import UserSpec
from fastgw.errors import ConfigError

ROOT: Final = 0
CAP_NET_BIND_SERVICE: Final = 10  # include/uapi/linux/capability.h
_VERSION_3: Final = 0x20080522
_SET_DUMPABLE: Final = 4  # include/uapi/linux/prctl.h
_SET_KEEPCAPS: Final = 8
_SET_NO_NEW_PRIVS: Final = 38
_HOW: Final = (
    "it needs CAP_SETUID and CAP_SETGID, and to be allowed to use them (under systemd: the drop-in user.conf); "
    "or start the gateway as that user, and leave user out"
)


class _Header(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _Set(ctypes.Structure):
    """Half of the three sets: the first has capabilities 0 to 31."""

    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


class Kernel:
    """What a process may ask of the kernel about itself; each raises OSError."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)

    def groups(self, name: str, gid: int) -> None:
        """Have the groups of a user, and ``gid``; without a name no other."""
        if name:
            os.initgroups(name, gid)
        else:
            os.setgroups([gid])

    def ids(self, uid: int, gid: int) -> None:
        """Have these, real, effective and saved."""
        os.setresgid(gid, gid, gid)
        os.setresuid(uid, uid, uid)

    def has_ids(self, uid: int, gid: int) -> bool:
        """Has it these, and no other?"""
        return os.getresuid() == (uid, uid, uid) and os.getresgid() == (gid, gid, gid)

    def try_root(self) -> None:
        """Become root again."""
        os.setresuid(-1, ROOT, -1)

    def control(self, option: int, value: int) -> None:
        """``prctl(2)``."""
        if self._libc.prctl(option, ctypes.c_ulong(value), *[ctypes.c_ulong(0)] * 3):
            raise _error("prctl")

    def permitted(self) -> int:
        """The capabilities that it may use, as bits."""
        header, sets = _Header(_VERSION_3, 0), (_Set * 2)()
        if self._libc.capget(ctypes.byref(header), ctypes.byref(sets)):
            raise _error("capget")
        return int(sets[0].permitted) | int(sets[1].permitted) << 32

    def keep(self, capabilities: int) -> None:
        """Have these capabilities of those that it has, and pass none on."""
        header, sets = _Header(_VERSION_3, 0), (_Set * 2)()
        sets[0].effective = sets[0].permitted = capabilities & 0xFFFFFFFF
        if self._libc.capset(ctypes.byref(header), ctypes.byref(sets)):
            raise _error("capset")


def _error(call: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{call}: {os.strerror(number)}")


def become(user: UserSpec, kernel: Kernel | None = None) -> None:
    """Be ``user`` from now on, with the right to bind low ports if root had it.

    Raises:
        ConfigError: that is not allowed, or the user may not run this program; the process is of no use then.
    """
    kernel = kernel or Kernel()
    try:
        kept = kernel.permitted() & 1 << CAP_NET_BIND_SERVICE
        kernel.groups(user.name, user.gid)
        kernel.control(_SET_KEEPCAPS, 1)
        kernel.ids(user.uid, user.gid)
        kernel.keep(kept)
        kernel.control(_SET_KEEPCAPS, 0)
        kernel.control(_SET_NO_NEW_PRIVS, 1)
        # What is in memory now the user may read.  Else /proc/PID/fd, which a successor looks at, would be root's.
        kernel.control(_SET_DUMPABLE, 1)
    except OSError as error:
        raise ConfigError(
            [f"user: this process cannot become {told(user)} ({error.strerror or error}); {_HOW}"]
        ) from None
    _prove(user, kernel, kept)
    for path in (sys.executable, __file__):
        if not os.access(path, os.R_OK):
            raise ConfigError(
                [f"user: {told(user)} may not read {path}, which its workers run: install it where it may"]
            )


def renounce(user: UserSpec, kernel: Kernel | None = None) -> None:
    """Give up the right to bind low ports as well; raise ConfigError if it stays."""
    kernel = kernel or Kernel()
    try:
        kernel.keep(0)
    except OSError as error:
        raise ConfigError([f"user: capabilities cannot be given up ({error.strerror or error})"]) from None
    _prove(user, kernel, 0)


def _prove(user: UserSpec, kernel: Kernel, kept: int) -> None:
    try:
        kernel.try_root()
    except PermissionError:
        if kernel.has_ids(user.uid, user.gid) and kernel.permitted() == kept:
            return
    raise ConfigError(
        [f"user: this process has become {told(user)}, and could be root again; it does not go on like this"]
    )


def told(user: UserSpec) -> str:
    """A user in a word."""
    return user.name or f"user {user.uid}"
