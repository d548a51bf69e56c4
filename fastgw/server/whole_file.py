"""Files that are replaced as a whole: what a gateway keeps on the disk over restarts."""

from __future__ import annotations

import contextlib
import os
import stat
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

    One that somebody else may have written is not read: only its owner, who is this user or root, and a group that we are of may be able to
    (a volume of Kubernetes is its ``fsGroup``'s).

    ``most``: bytes that it may have; ``understand``: raises any of the errors of who reads data that may be anything; ``what`` the file
    should be, in words.
    """
    try:
        with open(path, "rb", opener=_at_once) as file:
            if others := _others(os.fstat(file.fileno())):
                return {}, f"is not trusted: {others}"
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


def _at_once(path: str, flags: int) -> int:
    """Open it without waiting for who writes to it, as of a pipe in its place."""
    return os.open(path, flags | os.O_NONBLOCK)


def _others(found: os.stat_result) -> str:
    """Who else may have written it; empty: nobody."""
    if not stat.S_ISREG(found.st_mode):
        return "it is no regular file"
    if found.st_uid not in (0, os.geteuid()):
        return f"it belongs to user {found.st_uid}, and this is user {os.geteuid()}"
    if found.st_mode & stat.S_IWOTH:
        return f"anybody may write it (mode {stat.S_IMODE(found.st_mode):04o})"
    if found.st_mode & stat.S_IWGRP and found.st_gid not in (os.getegid(), *os.getgroups()):
        return f"group {found.st_gid} may write it (mode {stat.S_IMODE(found.st_mode):04o})"
    return ""
