"""A log file of a certain size at most, with those that were full before beside it: ``access.log``, ``access.log.1``, ``access.log.2``, ...

Several workers write to one file, and none of them knows of the others.  Who finds it full takes a lock on the *file* (and not on its
name: of two that have the same file open one gets it), moves it away if the name is still its own, and opens another under the name.  Who
comes too late finds that the name is another file's, and opens that.  Nobody waits for the lock: until the new file is there the others go
on with the one that is full, which is moved and not copied, so no line is lost.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable
from typing import NamedTuple


class Rotation(NamedTuple):
    """How a file is rotated."""

    size: int  #: bytes that it may have
    keep: int  #: files beside it, 1 at least
    mode: int = 0o640  #: permissions of a new one

    def turn(self, path: str, fd: int, reopen: Callable[[], None]) -> bool:
        """Put an empty file in the place of ``path``, which is open as ``fd``, if nobody else has; ``reopen`` opens what is there then.

        Returns:
            Whether that has happened; False: another worker is at it.

        Raises:
            OSError: it cannot be moved, or no other can be opened; ``fd`` is as before.
        """
        held = os.dup(fd)  # whatever becomes of ``fd`` meanwhile (SIGUSR1), this is the file that is locked
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(held)
            return False
        except OSError:
            os.close(held)
            raise
        try:
            if _is_at(path, held):
                self._shift(path)
            reopen()
        finally:
            fcntl.flock(held, fcntl.LOCK_UN)
            os.close(held)
        return True

    def _shift(self, path: str) -> None:
        """Each file becomes the next older one, and the oldest is no more."""
        for number in range(self.keep - 1, 0, -1):
            with contextlib.suppress(FileNotFoundError):
                os.replace(f"{path}.{number}", f"{path}.{number + 1}")
        os.replace(path, f"{path}.1")


def _is_at(path: str, fd: int) -> bool:
    """Whether ``path`` is the file that is open as ``fd``; where there is none it is not."""
    try:
        return os.path.samestat(os.stat(path), os.fstat(fd))
    except FileNotFoundError:
        return False
