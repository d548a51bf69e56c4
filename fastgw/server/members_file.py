"""What the sources of members have listed, on the disk: for a gateway that starts while a registry is away.

One file, beside the state file, replaced as a whole.  It is written soon after a list has changed, no more often than each ``PAUSE``
seconds, and each ``REFRESH`` seconds so that it says how long ago a list was still true; in a thread, so that the disk delays nobody.

A list belongs to what its source *is*: kind, place and question.  Passwords, certificates and times may change and it is still that
source; another prefix, cluster or name is another one, and takes nobody else's members.  Lists that no source of the configuration has any
more stay for ``OLDEST`` seconds, for the configuration may come back.

The file is read strictly, entry by entry, as a source is: it may be of any age and of any hand.  One that is none is set aside.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.core.sources import SourceSettings
from fastgw.discovery.keeping import Recalled
from fastgw.discovery.listing import MOST, ListedMember, listed
from fastgw.server.whole_file import read_whole, replace_whole

if TYPE_CHECKING:
    pass

FORMAT: Final = 1  #: of the file; another one is not read
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


def members_path(state_file: str) -> str:
    """The file for the members of a gateway with this state file: ``gateway.state.members.json``."""
    stem, ending = os.path.splitext(state_file)
    return f"{stem}.members{ending}"


def identity(kind: str, settings: SourceSettings) -> str:
    """What a source is, whoever asks it and how: a text without secrets."""
    asked = {name: value for name, value in settings._asdict().items() if name not in _HOW and value}
    return f"{kind} {json.dumps(asked, separators=(',', ':'))}"


def read(path: str) -> tuple[dict[str, Recalled], str]:
    """What the file has, and what is wrong with it: then it is empty.  Nothing is wrong where there is none."""
    return read_whole(path, LARGEST, _understood, f"list of members of version {FORMAT}")


def _understood(data: bytes) -> dict[str, Recalled]:
    tree = orjson.loads(data)
    if not isinstance(tree, dict) or tree.get("format") != FORMAT:
        raise ValueError("it says another format")
    return {str(name): _recalled(one) for name, one in dict(tree["lists"]).items()}


def set_aside(path: str) -> str:
    """Where a file is now that is none, so that the next one does not replace it; empty: it could not be moved."""
    try:
        os.replace(path, f"{path}.bad")
    except OSError:
        return ""
    return f"{path}.bad"


def write(path: str, lists: Mapping[str, Recalled]) -> int:
    """Replace the file by ``lists`` (by ``identity``); return how many it has: the oldest are left out where all would be too much.

    Raises:
        OSError: it stays as it is.
    """
    latest = sorted(lists.items(), key=lambda one: one[1].seen_at, reverse=True)[:LISTS_MOST]
    parts, size = [], 64
    for name, one in latest:
        part = orjson.dumps(name) + b":" + orjson.dumps(_plain(one))
        size += len(part) + 2
        if size > LARGEST:
            break
        parts.append(part)
    replace_whole(path, b'{"format":%d,"lists":{\n%b\n}}\n' % (FORMAT, b",\n".join(parts)))
    return len(parts)


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
