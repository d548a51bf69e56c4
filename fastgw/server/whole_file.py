"""Files that are replaced as a whole: what a gateway keeps on the disk over restarts."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def replace_whole(path: str, data: bytes) -> None:
    """Have ``path`` be ``data``, for its owner alone (0600), so that a power cut leaves the old file or the new one.

    Raises:
        OSError: it stays as it is.
    """
    folder = os.path.dirname(path) or "."
    handle, beside = tempfile.mkstemp(prefix=f".{os.path.basename(path)}.", dir=folder)  # 0600
    try:
        with open(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(place)
    finally:
        os.close(place)


def read_whole(
    path: str, most: int, understand: Callable[[bytes], dict[str, T]], what: str
) -> tuple[dict[str, T], str]:
    """What ``understand`` makes of the file, and what is wrong with it: then it is empty.  Nothing is wrong where there is none.

    ``most``: bytes that it may have; ``understand``: raises any of the errors of who reads data that may be anything; ``what`` the file
    should be, in words.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(most + 1)
    except FileNotFoundError:
        return {}, ""
    except OSError as error:
        return {}, f"cannot be read: {error.strerror}"
    try:
        if len(data) > most:
            raise ValueError(f"more than {most} bytes")
        return understand(data), ""
    except (ValueError, LookupError, TypeError, OverflowError, RecursionError) as error:
        return {}, f"is no {what}: {error}"
