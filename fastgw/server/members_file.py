"""What the sources of members have listed, on the disk: for a gateway that starts while a registry is away.

A list belongs to what its source *is*: kind, place and question.  Passwords, certificates and times may change and it is still that
source; another prefix, cluster or name is another one, and takes nobody else's members.  Lists that no source of the configuration has any
more stay for ``OLDEST`` seconds, for the configuration may come back.
"""

from __future__ import annotations

import json
import math
from typing import Any, Final

from fastgw.core.sources import SourceSettings
from fastgw.discovery.keeping import Recalled
from fastgw.discovery.listing import MOST, ListedMember, listed
from fastgw.server.memory_file import MemoryFile

LARGEST: Final = 32 << 20  #: bytes
LISTS_MOST: Final = 2_000  #: of which the latest stay
OLDEST: Final = 7 * 86_400.0  #: seconds after which a list is not used any more

#: Settings by which the same source is asked in another way.
_HOW: Final = frozenset(
    (
        "user",
        "password",
        "token",
        "token_file",
        "tls",
        "ca",
        "timeout",
        "wait",
        "min_interval",
        "max_interval",
        "interval",
    )
)


def identity(kind: str, settings: SourceSettings) -> str:
    """What a source is, whoever asks it and how: a text without secrets."""
    asked = {name: value for name, value in settings._asdict().items() if name not in _HOW and value}
    return f"{kind} {json.dumps(asked, separators=(',', ':'))}"


def _plain(recalled: Recalled) -> dict[str, Any]:
    members = [
        [str(one.address), one.weight, one.zone, dict(one.metadata)]
        if one.metadata or one.zone or one.weight != 1
        else str(one.address)
        for one in recalled.members
    ]
    return {"seen_at": recalled.seen_at, "revision": recalled.revision, "members": members}


def _recalled(tree: Any) -> Recalled:
    seen_at = float(tree["seen_at"])
    if not math.isfinite(seen_at):
        raise ValueError("a time is none")
    members = tuple(map(_member, tree["members"][:MOST]))
    return Recalled(members, seen_at, str(tree.get("revision", "")))


def _member(tree: Any) -> ListedMember:
    return listed(tree) if isinstance(tree, str) else listed(tree[0], tree[1], tree[2], tree[3])


#: By ``identity``.
MEMBERS_FILE: Final = MemoryFile("members", LARGEST, LISTS_MOST, OLDEST, _plain, _recalled)
