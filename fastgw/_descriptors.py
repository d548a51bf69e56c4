"""Descriptors of a process: standard ones that are always open, and room for many.

A process that is started with one of them closed (``fastgw run >&-``) would get the next file or socket that it opens as
descriptor 0, 1 or 2, and what is meant for stdout or stderr would go to a client, or to a log that is not its own.

This module is ground, like ``fastgw.errors``: it imports nothing of fastgw.
"""

from __future__ import annotations

import fcntl
import os
import resource
import sys
from typing import Final

ROOM: Final = 16_384  #: descriptors; of a pointer each


def open_standard() -> None:
    """Put ``/dev/null`` wherever stdin, stdout or stderr is missing; called before anything else is opened."""
    for fd in range(3):
        try:
            os.fstat(fd)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free, which is this one
            os.set_inheritable(fd, True)  # the workers shall have it too
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, encoding="utf-8", closefd=False)
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)


def have_room(count: int = ROOM) -> None:
    """Have the table of this process's descriptors grow to ``count`` now, or as far as the limit lets it; called before there are threads.

    Each time that it grows while threads share it Linux waits until every processor has passed a quiet state (``expand_fdtable`` in its
    fs/file.c, ``synchronize_rcu``): several milliseconds, in which the loop stands still, at 64, 128, 256, ... descriptors.
    """
    place = min(count, resource.getrlimit(resource.RLIMIT_NOFILE)[0]) - 1
    os.close(fcntl.fcntl(0, fcntl.F_DUPFD_CLOEXEC, place))
