"""Addresses that names of endpoints had, on the disk: for a gateway that starts while no name server answers.

Addresses belong to a name and to who was asked for it.
"""

from __future__ import annotations

import ipaddress
import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from fastgw.core.live.news import MOST
from fastgw.server.memory_file import MemoryFile

LARGEST: Final = 8 << 20  #: bytes
NAMES_MOST: Final = 20_000  #: of which the latest stay
OLDEST: Final = 7 * 86_400.0  #: seconds after which addresses are not used any more


class FoundBefore(NamedTuple):
    """What was found for a name."""

    addresses: tuple[str, ...]  #: at least one
    seen_at: float  #: seconds since 1970, when a name server said so last


def name_identity(host: str, servers: Sequence[str]) -> str:
    """A name as it is asked for."""
    return " ".join((host, *servers))


def _plain(before: FoundBefore) -> dict[str, Any]:
    return {"seen_at": before.seen_at, "addresses": before.addresses}


def _understood(tree: Any) -> FoundBefore:
    seen_at = float(tree["seen_at"])
    addresses = tuple(str(ipaddress.ip_address(str(one))) for one in list(tree["addresses"])[:MOST])
    if not math.isfinite(seen_at) or not addresses:
        raise ValueError("a name has no address, or no time")
    return FoundBefore(addresses, seen_at)


#: By ``name_identity``.
NAMES_FILE: Final = MemoryFile("names", LARGEST, NAMES_MOST, OLDEST, _plain, _understood)
