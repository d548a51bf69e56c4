"""inotify(7) of Linux: the kernel tells when something happens to what is in a folder.

Called through libc by ``ctypes``, which needs no memory that is writable and executable (there is no callback), so it works under
``MemoryDenyWriteExecute=``; the calls are of ``@file-system``, which is in ``@system-service`` of systemd.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final, NamedTuple

MODIFY: Final = 0x2
ATTRIB: Final = 0x4
CLOSE_WRITE: Final = 0x8
MOVED_FROM: Final = 0x40
MOVED_TO: Final = 0x80
CREATE: Final = 0x100
DELETE: Final = 0x200
DELETE_SELF: Final = 0x400
MOVE_SELF: Final = 0x800
UNMOUNT: Final = 0x2000
OVERFLOW: Final = 0x4000  #: events were lost
IGNORED: Final = 0x8000  #: the folder is watched no longer
ONLYDIR: Final = 0x1000000
MASK_ADD: Final = 0x20000000  #: beside what was asked of this folder before

AT_ONCE: Final = 64 * 1024  #: bytes of events of one read
READS: Final = 16  #: in a row; what waits behind them is read the next time

#: File systems that others change too, of which this kernel does not hear: their numbers in statfs(2).
SHARED: Final = {
    0x6969: "NFS",
    0x517B: "SMB",
    0xFF534D42: "SMB",
    0xFE534D42: "SMB",
    0x01021997: "9P",
    0x00C36400: "Ceph",
    0x5346414F: "AFS",
    0x786F4256: "a folder of VirtualBox",
    0x65735546: "FUSE",
}

_HEAD: Final = struct.Struct("iIII")  # wd, mask, cookie, length of the name


class Event(NamedTuple):
    """Something has happened."""

    watch: int  #: number of the folder; -1: of none (``OVERFLOW``)
    mask: int
    name: bytes  #: in that folder; empty: of itself


class Inotify:
    """One instance, with its descriptor."""

    def __init__(self) -> None:
        """Raise OSError: EMFILE where the user has too many, or this process has too many descriptors."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self.fd: int = _checked(self._libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC))

    def add(self, folder: str, mask: int) -> int:
        """Tell what happens in ``folder``; return its number, which is the same for the same folder by whatever path.

        Raises:
            OSError: ENOSPC where the user watches too many, EACCES where it may not be read, ENOENT, ENOTDIR.
        """
        return _checked(self._libc.inotify_add_watch(self.fd, os.fsencode(folder), ctypes.c_uint32(mask)))

    def shared(self, folder: str) -> str:
        """The name of the file system of ``folder`` if others may change it unheard (``SHARED``), or ""."""
        about = ctypes.create_string_buffer(256)  # struct statfs has 120 bytes at most, and the kind first
        if self._libc.statfs(os.fsencode(folder), about):
            return ""
        kind = ctypes.c_long.from_buffer(about).value & 0xFFFFFFFF
        return SHARED.get(kind, "")

    def remove(self, watch: int) -> None:
        """Tell no more of that folder; one that is gone is forgotten already."""
        self._libc.inotify_rm_watch(self.fd, watch)

    def read(self) -> list[Event]:
        """What has happened since the last time; waits for nothing."""
        found: list[Event] = []
        for _ in range(READS):
            try:
                data = os.read(self.fd, AT_ONCE)
            except BlockingIOError:
                break
            found += events(data)
        return found

    def close(self) -> None:
        """Tell nothing any more."""
        os.close(self.fd)


def events(data: bytes) -> list[Event]:
    """Those of one read."""
    found, start = [], 0
    while start < len(data):
        watch, mask, _, length = _HEAD.unpack_from(data, start)
        start += _HEAD.size + length
        found.append(Event(watch, mask, data[start - length : start].rstrip(b"\0")))
    return found


def _checked(result: int) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result
