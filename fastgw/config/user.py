"""Who the gateway becomes when it is started as root: ``user: NAME`` or ``user: NAME:GROUP``, and whether it can be that.

The ids are those of this host at the time of reading.  Without a group it is the one that the user has in the password database; the
other groups of the user come with it (``initgroups(3)``).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from fastgw.config.address_values import owner
from fastgw.config.spec import UserSpec
from fastgw.config.unsound import Unsound
from fastgw.config.values import scalar, shown

if TYPE_CHECKING:
    from fastgw.config.source import Document

ROOT: Final = 0
_FORM: Final = "user or user:group"


def user(value: object) -> UserSpec:
    """The user that ``value`` names; raise ValueError if this host has none, or it says only half of it."""
    found = scalar(value, _FORM)
    name, colon, group = found.partition(":")
    if not name or (colon and not group):
        raise ValueError(f"expected {_FORM}, got {shown(value)}")
    uid, gid = owner(value)
    import pwd

    try:
        entry = pwd.getpwuid(uid) if re.fullmatch("[0-9]+", name) else pwd.getpwnam(name)
    except KeyError:
        if gid < 0:
            raise ValueError(
                f"this host has no user {shown(value)}, so nobody knows its group: write user:group"
            ) from None
        return UserSpec("", uid, gid)
    return UserSpec(entry.pw_name, uid, gid if gid >= 0 else entry.pw_gid)


def user_of(tree: object) -> UserSpec | None:
    """Whom a file names, before anything else of it is looked at; None: nobody, or wrongly, which is told later."""
    value = tree.get("user") if isinstance(tree, Mapping) else None
    if value is None:
        return None
    try:
        return user(value)
    except ValueError:
        return None


def check_user(document: Document, wanted: UserSpec | Unsound | None, source: str, now: int | None = None) -> None:
    """Note what keeps this process from being the user that the file names.

    ``wanted``: whom it names; ``source``: path of the file, empty if it is none; ``now``: the user that the process runs as.
    """
    now = os.geteuid() if now is None else now
    if wanted is None or isinstance(wanted, Unsound):
        return
    if now not in (ROOT, wanted.uid):
        document.report(
            ("user",),
            f"this process runs as {named(now)}, and only root can become {named(wanted.uid)}: start it as root, or as that user "
            "without this key",
        )
    elif now != ROOT and source and not os.access(source, os.R_OK):
        document.report(
            ("user",),
            f"{named(now)} may not read this file, and a reload has to: give it to that user, or to its group",
        )


def named(uid: int) -> str:
    """A user in words: its name if it has one."""
    import pwd

    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"
