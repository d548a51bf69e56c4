"""``fastgw keys``: makes, shows and revokes the keys that a filter ``api_key`` knows.

The file is replaced as a whole, by a rename, so that no gateway ever reads half of it; what changes it meanwhile waits for a lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from fastgw.cli.replacing import replace
from fastgw.filters.key_file import (
    ApiKey,
    KeyLimit,
    digest_of,
    dump_keys,
    new_secret,
    parse_keys,
    refuse_name,
    told_moment,
)
from fastgw.filters.secret_file import read_file


def new(
    path: str,
    name: str,
    *,
    expires: float | None = None,
    limits: Sequence[KeyLimit] = (),
    routes: Sequence[str] = (),
    now: float | None = None,
) -> int:
    """Make a key and print it: nobody can show it again.  ``now``: seconds since 1970."""
    created = time.time() if now is None else now

    def add(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        refuse_name(name)
        if any(one.name == name for one in keys):
            raise ValueError(f"there is a key {name!r} already; revoke it, or choose another name")
        if expires is not None and expires <= created:
            raise ValueError("it would have expired already")
        return (*keys, made)

    secret = new_secret()
    made = ApiKey(name, digest_of(secret.encode()), created, expires, tuple(limits), tuple(routes))
    if not _changed(path, add, may_begin=True):
        return 1
    print(secret)
    print(f"this is the key {name!r}; it is shown this once, and {path} has its hash only", file=sys.stderr)
    return 0


def revoke(path: str, name: str) -> int:
    """Take a key out."""

    def without(keys: tuple[ApiKey, ...]) -> tuple[ApiKey, ...]:
        rest = tuple(one for one in keys if one.name != name)
        if len(rest) == len(keys):
            raise ValueError(f"there is no key {name!r}")
        return rest

    return 0 if _changed(path, without) else 1


def show(path: str, now: float | None = None) -> int:
    """Print what is known of each key."""
    try:
        keys = parse_keys(read_file(path))
    except (OSError, ValueError) as error:
        return _failed(path, error)
    moment = time.time() if now is None else now
    rows = [("NAME", "SHA-256", "CREATED", "EXPIRES", "LIMITS", "ROUTES"), *(_row(one, moment) for one in keys)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip())
    return 0


def _row(key: ApiKey, now: float) -> tuple[str, ...]:
    expires = "never" if key.expires is None else told_moment(key.expires)
    if key.expires is not None and key.expires <= now:
        expires += " (expired)"
    return (
        key.name,
        key.digest.hex()[:8],
        "-" if key.created is None else told_moment(key.created),
        expires,
        " ".join(f"{one.rate}:{one.burst}" for one in key.limits) or "-",
        " ".join(key.routes) or "all",
    )


def _changed(path: str, change: Callable[[tuple[ApiKey, ...]], tuple[ApiKey, ...]], *, may_begin: bool = False) -> bool:
    """Whether the file has become what ``change`` makes of it."""
    try:
        with _locked(path):
            try:
                keys = parse_keys(read_file(path))
            except FileNotFoundError:
                if not may_begin:
                    raise
                keys = ()
            replace(path, dump_keys(change(keys)))
    except (OSError, ValueError) as error:
        _failed(path, error)
        return False
    return True


def _failed(path: str, error: Exception) -> int:
    told = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    print(f"fastgw keys: {path}: {told}", file=sys.stderr)
    return 1


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    """Nobody else changes the file meanwhile.  The lock is on its directory: the file itself is another one afterwards."""
    directory = os.open(os.path.dirname(os.path.abspath(path)), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        yield
    finally:
        os.close(directory)
