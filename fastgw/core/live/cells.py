"""64-bit cells in memory that several processes have mapped.  Compiled (``_cells.pyx``) when the extension is there.

Both forms keep the same promises, but not to each other: a compare-and-swap under a lock means nothing to one by the processor.
``form`` tells them apart, and all processes at one memory have the same.
"""

from __future__ import annotations

import fcntl
import mmap
import os
import struct
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

_FLOCK = struct.Struct("@hhqqi")  # ``struct flock``: type, whence, start, length, pid
_WORD_LOCKS_AT = 1 << 41  #: the first byte that is locked for a word; there need not be such a byte


def lock(fd: int, byte: int, *, is_patient: bool = False) -> bool:
    """Lock one byte of the file for whoever opened ``fd``; False: somebody else has it, unless we wait (``is_patient``).

    The lock is that of the open file description (``fcntl(2)``, F_OFD_SETLK): when its process ends, in whatever way, the
    kernel unlocks.
    """
    command = fcntl.F_OFD_SETLKW if is_patient else fcntl.F_OFD_SETLK
    try:
        fcntl.fcntl(fd, command, _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, byte, 1, 0))
    except BlockingIOError:
        return False
    return True


def unlock(fd: int, byte: int) -> None:
    """Undo ``lock``."""
    fcntl.fcntl(fd, fcntl.F_OFD_SETLK, _FLOCK.pack(fcntl.F_UNLCK, os.SEEK_SET, byte, 1, 0))


class PlainCells:
    """The cells of a file, each a number from 0 to 2**64 - 1; every read and write is whole.

    Reading and writing 8 aligned bytes of a mapping is one access in CPython.  What must not be disturbed between the two is done
    under a lock of the kernel, so it costs two system calls.
    """

    __slots__ = ("_map", "_words", "fd")

    form = 2

    def __init__(self, fd: int, words: int) -> None:
        """``fd``: an open file description of our own, which is taken over; ``words``: how many cells there are."""
        self.fd = fd
        self._map = mmap.mmap(fd, words * 8)
        self._words = memoryview(self._map).cast("Q")

    def load(self, index: int) -> int:
        """The value of a cell."""
        return self._words[index]

    def store(self, index: int, value: int) -> Any:
        """Overwrite a cell, which is ours alone."""
        self._words[index] = value

    def compare_and_swap(self, index: int, old: int, new: int) -> bool:
        """Make ``new`` of a cell that is ``old``; False, and nothing happens, if it is not."""
        byte = _WORD_LOCKS_AT + index
        lock(self.fd, byte, is_patient=True)
        try:
            if self._words[index] != old:
                return False
            self._words[index] = new
            return True
        finally:
            unlock(self.fd, byte)

    def close(self) -> None:
        """Unmap; what is locked is unlocked.  A second time is nothing."""
        if self.fd >= 0:
            self._words.release()
            self._map.close()
            os.close(self.fd)
            self.fd = -1


if TYPE_CHECKING or find_spec("fastgw.core.live._cells") is None:
    Cells = PlainCells
else:
    from fastgw.core.live._cells import Cells

__all__ = ["Cells", "PlainCells", "lock", "unlock"]
