"""The memory of the board, as the supervisor makes it or finds it at the gateway it takes over from."""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Callable

from fastgw.core.live.board import Board, blank
from fastgw.core.live.words import BOARD_BYTES

_NAME = "fastgw-board"
_SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL


def make_memory() -> int:
    """The descriptor of a new board in an anonymous file."""
    fd = os.memfd_create(_NAME, os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    os.ftruncate(fd, BOARD_BYTES)
    os.pwrite(fd, blank(os.urandom(16)), 0)
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)  # a mapping of it can never fault
    return fd


def find_memory(pid: int) -> int:
    """The descriptor of the board that process ``pid``, a supervisor, has open.

    Two versions need no words for it: the kernel shows what a process has open to others of its user.

    Raises:
        OSError: it shows nothing, or there is none.
    """
    folder = f"/proc/{pid}/fd"
    for name in os.listdir(folder):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            if os.readlink(f"{folder}/{name}").startswith(f"/memfd:{_NAME} "):
                return os.open(f"{folder}/{name}", os.O_RDWR | os.O_CLOEXEC)
    raise OSError("it has none")


class SharedBoard:
    """The board of this gateway: the descriptor that workers get, and our own view."""

    def __init__(self, predecessor: int = 0, find: Callable[[int], int] = find_memory) -> None:
        """``predecessor``: process whose board this is too, if it can be had; 0: a new one.  ``find``: its descriptor, for us to close."""
        self.problem = ""  #: why the predecessor's is not ours
        self.inherited_from = 0  #: the predecessor, if it is
        if predecessor:
            try:
                self.fd = find(predecessor)
                try:
                    self.view = Board(self.fd)
                except OSError:
                    os.close(self.fd)
                    raise
                self.inherited_from = predecessor
                return
            except OSError as error:
                self.problem = str(error)
        self.fd = make_memory()
        self.view = Board(self.fd)

    def close(self) -> None:
        """Let our side go; the workers keep theirs."""
        self.view.close()
        os.close(self.fd)
