"""Keys of tokens that were fetched, on the disk: for a gateway that starts while their issuer cannot be asked.

They are public, so nothing is lost if somebody reads them; whoever could write them could sign tokens.  So the file counts only where
nobody else can have written it (``server.whole_file``), and what it has is read as what is fetched is (``config.jwk.of_fetched``): public
keys alone, none of them weak.  A set belongs to its whole URL and to who is trusted to answer there.
"""

from __future__ import annotations

import hashlib
import json
import math
from typing import Any, Final, NamedTuple

from fastgw.config.jwk import JwkSpec, of_fetched
from fastgw.core.settings import KeySetSettings
from fastgw.server.memory_file import MemoryFile

LARGEST: Final = 4 << 20  #: bytes
SETS_MOST: Final = 256  #: of which the latest stay
OLDEST: Final = 90 * 86_400.0  #: seconds after which a set is forgotten; ``stale`` says up to when it is used
AHEAD: Final = 300.0  #: seconds by which clocks may differ; what was fetched later than that from now has no age


class AheadError(ValueError):
    """Keys were fetched later than now, so the clock is wrong, or was; once it is right they may be of use."""


class FetchedBefore(NamedTuple):
    """A set that somebody has fetched."""

    texts: tuple[str, ...]  #: JSON of each key
    seen_at: float  #: seconds since 1970, when it was fetched last


def key_set_identity(settings: KeySetSettings) -> str:
    """What a set is, without its query, which may have a secret in it."""
    url = settings.url
    whole = hashlib.sha256(json.dumps(url).encode()).hexdigest()
    return f"{url} {whole}"


def usable_keys(before: FetchedBefore, stale: float, now: float) -> tuple[list[JwkSpec], float]:
    """The keys of ``before``, and their age in seconds.

    Args:
        stale: seconds for which they may be used.
        now: seconds since 1970.

    Raises:
        AheadError: nobody knows how old they are now.
        ValueError: they are not used, and why.
    """
    age = now - before.seen_at
    if age < -AHEAD:
        raise AheadError(f"were fetched {-age:.0f} s after now: the clock is wrong, or was")
    if age >= stale:
        raise ValueError(f"were fetched {age:.0f} s ago, and are used for {stale:.0f} s")
    keys, _ = of_fetched(f'{{"keys":[{",".join(before.texts)}]}}')
    return keys, max(0.0, age)


def _plain(before: FetchedBefore) -> dict[str, Any]:
    return {"seen_at": before.seen_at, "keys": before.texts}


def _understood(tree: Any) -> FetchedBefore:
    seen_at = float(tree["seen_at"])
    texts = tree["keys"]
    if not math.isfinite(seen_at) or not isinstance(texts, list) or not all(isinstance(one, str) for one in texts):
        raise ValueError("a set is none")
    return FetchedBefore(tuple(texts), seen_at)


#: By ``identity``.
KEYS_FILE: Final = MemoryFile("keys", LARGEST, SETS_MOST, OLDEST, _plain, _understood)
