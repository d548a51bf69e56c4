"""Files with secrets of clients, or what is left of those."""

from __future__ import annotations

from typing import Final

LARGEST: Final = 4 * 1024 * 1024  #: bytes


def read_file(path: str) -> bytes:
    """All of it; raises OSError, also where it is larger than ``LARGEST``."""
    with open(path, "rb") as file:
        data = file.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise OSError(f"is larger than {LARGEST} bytes")
    return data
