"""Which files a load has read, and what was in them: by that a gateway which watches its files knows whether there is anything new.

The digest of a file is of what was there before it was read (of the configuration itself: of what was read), so that a change in
between is seen as one; to see the same content twice does no harm, to miss one would.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from hashlib import blake2b
from typing import Final

from fastgw.config.source import LARGEST_FILE

LARGEST_READ: Final = LARGEST_FILE + 1  #: bytes of a file that count, as many as are read of the largest
MOST_FILES: Final = 4096  #: that are told apart; what a configuration names beyond is not watched
NOTHING: Final = ""  #: instead of a digest: there is no file, an empty one, or one that cannot be read


class LoadedFiles:
    """The files of one load."""

    __slots__ = ("_is_wanted", "content", "files", "left_out")

    def __init__(self, *, is_wanted: bool) -> None:
        """``is_wanted``: look at them even if the configuration does not ask for that."""
        self._is_wanted = is_wanted
        self.files: dict[
            str, str
        ] = {}  #: digest of each by its absolute path, ``NOTHING`` if there was none; empty: nobody asks
        self.content = b""  #: of the configuration itself; empty as well: nobody asks
        self.left_out = 0  #: files beyond ``MOST_FILES``

    def take(self, path: str, content: bytes, named: Iterable[str] = (), *, is_wanted: bool = False) -> None:
        """The configuration at ``path`` has ``content``, and names files that are about to be read."""
        if not (self._is_wanted or is_wanted):
            return
        self.files[path], self.content = digest(content), content
        for one in named:
            if len(self.files) < MOST_FILES:
                self.files[one] = digest_of(one)
            else:
                self.left_out += one not in self.files


def digest(content: bytes) -> str:
    """That of a file with ``content``."""
    return blake2b(content, digest_size=16).hexdigest() if content else NOTHING


def digest_of(path: str) -> str:
    """That of what is at ``path`` now.  It waits for no writer of a pipe, and reads of nothing but regular files."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    except (OSError, ValueError):  # not there, not for us, or no name of a file
        return NOTHING
    try:
        return digest(_content(fd)) if stat.S_ISREG(os.fstat(fd).st_mode) else NOTHING
    except OSError:  # a network that is gone, a disk that is broken
        return NOTHING
    finally:
        os.close(fd)


def _content(fd: int) -> bytes:
    """Up to ``LARGEST_READ`` bytes."""
    parts, left = [], LARGEST_READ
    while left and (part := os.read(fd, min(left, 1 << 20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)
