"""Opening a file beneath a directory, whatever its name is and whoever changes the tree meanwhile.

``openat2`` (Linux 5.6) does it in one step: the kernel itself refuses to leave the directory, and to follow any link.  Where there is no
such call (an older kernel, or a sandbox that does not let it through) the path is walked: each directory is opened in the one above it
without following a link, which refuses the same, in one system call for each step of the path.
"""

from __future__ import annotations

import ctypes
import errno
import os
from functools import cache
from typing import Final

SYS_OPENAT2: Final = 437  #: on every architecture but Alpha
TRIES: Final = 16  #: while something is renamed the kernel cannot be sure, and says EAGAIN
_RESOLVE: Final = 0x02 | 0x04 | 0x08  #: RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS, RESOLVE_BENEATH
_DIRECTORY: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
#: NONBLOCK: a FIFO is opened without waiting for whoever writes to it.  NOCTTY: a terminal does not become ours.
_FILE: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC


class _How(ctypes.Structure):
    """``struct open_how``."""

    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_HOW: Final = _How(_FILE, 0, _RESOLVE)


def open_beneath(root: str, path: bytes) -> int:
    """A descriptor to read ``path``, relative and without dot segments, beneath the directory ``root``, which may be a link itself.

    It may be of anything that can be opened, a directory or a FIFO too.

    Raises:
        OSError: there is no such thing, a link is on the way (ELOOP), or it cannot be opened.
    """
    directory = os.open(root, _DIRECTORY)
    try:
        return open_at(directory, path) if is_known() else walk(directory, path)
    finally:
        os.close(directory)


def open_at(directory: int, path: bytes) -> int:
    """The same in one step, by ``openat2``; ``directory``: a descriptor."""
    for _ in range(TRIES):
        fd: int = _LIBC.syscall(SYS_OPENAT2, directory, path, ctypes.byref(_HOW), ctypes.sizeof(_HOW))
        if fd >= 0:
            return fd
        code = ctypes.get_errno()
        if code not in (errno.EINTR, errno.EAGAIN):
            break
    raise OSError(code, os.strerror(code))


def walk(directory: int, path: bytes) -> int:
    """The same step by step."""
    *folders, name = steps = path.split(b"/")
    if b".." in steps:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))  # what ``openat2`` says of leaving the directory
    here = directory
    try:
        for folder in folders:
            above, here = here, os.open(folder, _DIRECTORY | os.O_NOFOLLOW, dir_fd=here)
            if above != directory:
                os.close(above)
        return os.open(name, _FILE | os.O_NOFOLLOW, dir_fd=here)
    finally:
        if here != directory:
            os.close(here)


@cache
def is_known() -> bool:
    """Whether this kernel, and what guards this process, has ``openat2``."""
    root = os.open("/", _DIRECTORY)
    try:
        os.close(open_at(root, b"."))
    except OSError as error:
        return error.errno not in (errno.ENOSYS, errno.EPERM)
    finally:
        os.close(root)
    return True
