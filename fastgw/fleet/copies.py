"""What a node has on its disk of the configurations of its fleet.

    FILE         the configuration that the gateway reads, as from any file
    FILE.good    the last that was promoted and served here without harm, as its record in etcd (``Generation``): what a start without
                 etcd, or a promoted one that cannot be used here, goes back to

Each is replaced as a whole, and is for its owner alone: a configuration may have secrets.
"""

from __future__ import annotations

import os
from typing import Final

from fastgw.fleet.records import GENERATION_MOST, TEXT_MOST, Generation, RecordError

MODE: Final = 0o600


class NodeCopies:
    """Those of one node."""

    def __init__(self, path: str) -> None:
        """``path``: of the configuration."""
        self.path = os.path.abspath(path)
        self.good_path = self.path + ".good"

    def text(self) -> str:
        """What the gateway reads; empty: there is nothing, or nothing that can be read."""
        try:
            return _read(self.path, TEXT_MOST).decode()
        except (OSError, ValueError):
            return ""

    def write(self, text: str) -> None:
        """Have the gateway read ``text``.  Raises OSError."""
        if text != self.text():
            _replace(self.path, text.encode())

    def good(self) -> Generation | None:
        """The last good one; None: there is none.  Raises RecordError: it cannot be read."""
        try:
            data = _read(self.good_path, GENERATION_MOST)
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise RecordError(self.good_path, str(error)) from None
        return Generation.read(self.good_path, data, is_copy=True)

    def keep(self, generation: Generation) -> None:
        """``generation`` is good.  Raises OSError."""
        _replace(self.good_path, generation.write())


def _read(path: str, most: int) -> bytes:
    """Raises OSError, ValueError."""
    with open(path, "rb") as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise ValueError(f"it has more than {most} bytes")
    return data


def _replace(path: str, data: bytes) -> None:
    new = f"{path}.new"
    fd = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, MODE)
    try:
        os.fchmod(fd, MODE)  # it may have been there
        with os.fdopen(fd, "wb", closefd=False) as file:
            file.write(data)
        os.fsync(fd)
    finally:
        os.close(fd)
    os.replace(new, path)
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
