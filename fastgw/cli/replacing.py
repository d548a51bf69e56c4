"""Put a file in the place of another, all of it or nothing."""

from __future__ import annotations

import contextlib
import os


def replace(path: str, data: bytes) -> None:
    """Write ``data`` to ``path``; a file that was there keeps its owner and mode, a new one has 0600.

    A link stays one: what it leads to is replaced.

    Raises:
        OSError: nothing has changed.
    """
    import tempfile  # here, as every command would import what it imports

    path = os.path.realpath(path)
    name = os.path.basename(path)
    fd, beside = tempfile.mkstemp(prefix=f".{name}-", dir=os.path.dirname(path))  # its mode is 0600
    try:
        with os.fdopen(fd, "wb") as file:
            with contextlib.suppress(FileNotFoundError):
                before = os.stat(path)
                os.fchmod(fd, before.st_mode & 0o777)
                if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                    os.fchown(fd, before.st_uid, before.st_gid)
            file.write(data)
            file.flush()
            os.fsync(fd)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(beside)
        raise
