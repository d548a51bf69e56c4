"""The file of the keys that a filter ``api_key`` knows: JSON, one object for each key, which has its hash and never the key itself.

    {"keys": [
      {"name": "ann", "sha256": "9f86d0...", "created": "2026-11-27T19:00:00Z", "expires": "2027-11-27T00:00:00Z",
       "limits": [{"rate": "100/s", "burst": 200}, {"rate": "10000/d"}], "routes": ["chat"]}
    ]}

A key is 32 random bytes, so nobody finds it by trying, and SHA-256 of it is as good as a slow hash would be: those are for passwords, which
people choose.  It is also what finds the key in a table, in a microsecond.
"""

from __future__ import annotations

import base64
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from fastgw.policy.gcra import LONGEST, Rate

PREFIX: Final = "fgw_"  #: of keys that are made here, so that scanners of secrets find them where they should not be
MOST_KEYS: Final = 10_000  #: of one file
MOST_LIMITS: Final = 8  #: of one key
_MOST: Final = 1_000_000
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,99}").fullmatch
_HASH = re.compile(r"[0-9a-f]{64}").fullmatch
_RATE = re.compile(r"([0-9]{1,9}) ?/ ?([smhd])").fullmatch


class KeyLimit(NamedTuple):
    """So many requests in a time."""

    rate: str  #: as it is written, 100/s
    burst: int  #: requests at once

    def made(self) -> Rate:
        """As the buckets need it; raises ValueError in words for the operator."""
        match = _RATE(self.rate)
        if match is None or not 1 <= int(match[1]) <= _MOST:
            raise ValueError(f"{self.rate!r} is no rate such as 100/s, 60/m, 1000/h or 5000/d")
        if not 1 <= self.burst <= _MOST:
            raise ValueError(f"a burst of {self.burst} is not 1 to {_MOST}")
        seconds = _SECONDS[match[2]]
        most = LONGEST // Rate(int(match[1]), seconds * 10**9, 1).interval
        if self.burst > most:
            raise ValueError(f"a burst of {self.burst} takes more than a year to come back at {self.rate}")
        return Rate(int(match[1]), seconds * 10**9, self.burst)


class ApiKey(NamedTuple):
    """What is known of one key."""

    name: str
    digest: bytes  #: SHA-256 of it
    created: float | None = None  #: seconds since 1970
    expires: float | None = None  #: the same; None: never
    limits: tuple[KeyLimit, ...] = ()  #: none: it has no limit of its own
    routes: tuple[str, ...] = ()  #: names of those it is for; none: all


def new_secret() -> str:
    """A key that nobody has yet: 32 random bytes behind the prefix."""
    return PREFIX + base64.urlsafe_b64encode(secrets.token_bytes(32)).rstrip(b"=").decode()


def digest_of(secret: bytes) -> bytes:
    """What is kept of a key."""
    return sha256(secret).digest()


def parse_keys(data: bytes) -> tuple[ApiKey, ...]:
    """The keys in ``data``; raises ValueError in words for the operator, which name a key and have nothing of its hash."""
    try:
        found = json.loads(data, object_pairs_hook=_once)
    except (UnicodeDecodeError, RecursionError) as error:
        raise ValueError(f"is no JSON: {error}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is no JSON: {error.msg} in line {error.lineno}") from None
    if not isinstance(found, dict) or found.keys() != {"keys"} or not isinstance(found["keys"], list):
        raise ValueError('is no object with a list of "keys"')
    if len(found["keys"]) > MOST_KEYS:
        raise ValueError(f"has {len(found['keys'])} keys, and {MOST_KEYS} are the most")
    keys = tuple(_key(one, place) for place, one in enumerate(found["keys"]))
    _refuse_repeated([one.name for one in keys], "names")
    _refuse_repeated([one.digest.hex() for one in keys], "hashes", is_secret=True)
    return keys


def dump_keys(keys: Sequence[ApiKey]) -> bytes:
    """The file with ``keys``."""
    lines = ",\n".join("  " + json.dumps(_plain(one)) for one in keys)
    return f'{{"keys": [\n{lines}\n]}}\n'.encode() if keys else b'{"keys": []}\n'


def moment(text: str) -> float:
    """Seconds since 1970 of a time with its zone (RFC 3339), or of the beginning of a day; raises ValueError."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text!r} is no time such as 2027-11-27 or 2027-11-27T12:00:00Z") from None
    if found.tzinfo is None:
        if len(text) > len("2027-11-27"):
            raise ValueError(f"{text!r} has no zone; write a Z behind it for UTC")
        found = found.replace(tzinfo=UTC)
    return found.timestamp()


def told_moment(seconds: float) -> str:
    """The same as text, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def limit_of(text: str) -> KeyLimit:
    """A limit as it stands on a command line, ``100/s`` or ``100/s:200`` with its burst; raises ValueError."""
    rate, _, burst = text.partition(":")
    if burst and not (burst.isascii() and burst.isdigit() and len(burst) < 10):
        raise ValueError(f"{burst!r} is no burst")
    found = KeyLimit(rate, int(burst) if burst else _count(rate))
    found.made()
    return found


def refuse_name(name: str) -> None:
    """Raise ValueError if ``name`` is none: it stands in logs, and in a header field."""
    if not _NAME(name):
        raise ValueError(f"{name!r} is no name of letters, digits, '_', '.', '@' and '-'")


def _count(rate: str) -> int:
    match = _RATE(rate)
    return int(match[1]) if match else 0


def _key(found: Any, place: int) -> ApiKey:
    where = f"keys[{place}]"
    if not isinstance(found, dict):
        raise ValueError(f"{where} is no object")
    unknown = found.keys() - _READERS.keys()
    if unknown:
        raise ValueError(f"{where} has {min(unknown)!r}, and knows {', '.join(_READERS)}")
    for needed in ("name", "sha256"):
        if needed not in found:
            raise ValueError(f"{where} has no {needed!r}")
    read = {}
    for key, value in found.items():
        try:
            read[key] = _READERS[key](value)
        except (ValueError, TypeError, AttributeError) as error:
            told = str(error) if isinstance(error, ValueError) else "is of another kind"
            raise ValueError(f"{where}.{key}: {told}") from None
    read["digest"] = read.pop("sha256")
    return ApiKey(**read)


def _name(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("is no text")
    refuse_name(value)
    return value


def _digest(value: Any) -> bytes:
    if not isinstance(value, str) or not _HASH(value):
        raise ValueError("is no SHA-256 in 64 hexadecimal digits, in lower case")
    return bytes.fromhex(value)


def _moment(value: Any) -> float:
    if not isinstance(value, str):
        raise ValueError("is no text")
    return moment(value)


def _limits(value: Any) -> tuple[KeyLimit, ...]:
    if not isinstance(value, list) or len(value) > MOST_LIMITS:
        raise ValueError(f"is no list of {MOST_LIMITS} limits at most")
    limits = tuple(_limit(one) for one in value)
    _refuse_repeated([one.rate for one in limits], "rates")
    return limits


def _limit(value: Any) -> KeyLimit:
    if not isinstance(value, dict) or not {"rate"} <= value.keys() <= {"rate", "burst"}:
        raise ValueError('has something else than objects of "rate" and "burst"')
    rate, burst = value["rate"], value.get("burst")
    if not isinstance(rate, str) or (burst is not None and type(burst) is not int):
        raise ValueError("has a rate that is no text, or a burst that is no number")
    found = KeyLimit(rate, _count(rate) if burst is None else burst)
    found.made()
    return found


def _routes(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not value or not all(isinstance(one, str) for one in value):
        raise ValueError("is no list of names of routes; leave it out for all of them")
    return tuple(dict.fromkeys(value))


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "name": _name,
    "sha256": _digest,
    "created": _moment,
    "expires": _moment,
    "limits": _limits,
    "routes": _routes,
}


def _plain(key: ApiKey) -> dict[str, Any]:
    found: dict[str, Any] = {"name": key.name, "sha256": key.digest.hex()}
    for name, value in (("created", key.created), ("expires", key.expires)):
        if value is not None:
            found[name] = told_moment(value)
    if key.limits:
        found["limits"] = [
            {"rate": one.rate} | ({"burst": one.burst} if one.burst != _count(one.rate) else {}) for one in key.limits
        ]
    if key.routes:
        found["routes"] = list(key.routes)
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    _refuse_repeated([name for name, _ in pairs], "members")
    return dict(pairs)


def _refuse_repeated(found: Sequence[str], what: str, *, is_secret: bool = False) -> None:
    seen = set()
    for one in found:
        if one in seen:
            raise ValueError(f"two of the {what} are the same" + ("" if is_secret else f": {one[:100]!r}"))
        seen.add(one)
