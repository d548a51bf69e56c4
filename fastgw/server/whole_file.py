"""Files that are replaced as a whole: what a gateway keeps on the disk over restarts."""

from __future__ import annotations

import contextlib
import os
import tempfile


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
