"""Files of users and passwords as ``htpasswd -B`` writes them, with bcrypt: what ``filters.basic`` knows."""

from __future__ import annotations

import re
from typing import Final

HIGHEST_COST: Final = 15  #: of bcrypt: more than a second of a processor for each try

_BCRYPT = re.compile(rb"\$2[aby]\$([0-9]{2})\$[./A-Za-z0-9]{53}").fullmatch


def parse_users(data: bytes) -> dict[bytes, bytes]:
    """The users in ``data``, lines of ``name:hash``; raises ValueError in words for the operator, with nothing of a hash in them."""
    found: dict[bytes, bytes] = {}
    for number, line in enumerate(data.splitlines(), 1):
        line = line.strip()
        if not line or line.startswith(b"#"):
            continue
        name, colon, rest = line.partition(b":")
        hashed = rest.partition(b":")[0]
        if not colon or not _is_name(name):
            raise ValueError(f"line {number} is no 'name:hash'")
        match = _BCRYPT(hashed)
        if match is None:
            raise ValueError(f"line {number} has no password as bcrypt; 'htpasswd -B' writes such")
        if not 4 <= int(match[1]) <= HIGHEST_COST:
            raise ValueError(f"line {number} has a cost of bcrypt of {int(match[1])}; expected 4 to {HIGHEST_COST}")
        if name in found:
            raise ValueError(f"line {number} has a user that is in the file already")
        found[name] = hashed
    if not found:
        raise ValueError("has no user")
    return found


def _is_name(name: bytes) -> bool:
    """Whether it can be told in a log and in a header field."""
    try:
        return bool(name) and name.decode().isprintable() and name == name.strip()
    except UnicodeDecodeError:
        return False
