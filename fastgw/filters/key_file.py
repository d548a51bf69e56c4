"""The file of the keys that a filter ``api_key`` knows: JSON, one object for each key, which has its hash and never the key itself.

    {"keys": [
      {"name": "ann", "sha256": "9f86d0...", "created": "2026-11-27T19:00:00Z", "expires": "2027-11-27T00:00:00Z",
       "limits": [{"rate": "100/s", "burst": 200}, {"rate": "10000/d"}], "routes": ["chat"], "models": ["gpt-*"],
       "labels": {"team": "search"}, "guardrails": "strict"}
    ]}

A key is 256 random bits, so nobody finds it by trying, and SHA-256 of it is as good as a slow hash would be: those are for passwords, which
people choose.  It is also what finds the key in a table, in a microsecond.

    fgw_  3f9K...43 digits of base 62...  0aX7Qp
    who made it       32 random bytes     CRC-32 of all in front of it, six digits of base 62

So a scanner that meets such text in a repository can tell a key from what only looks like one, without asking anybody.
"""

from __future__ import annotations

import json
import re
import secrets
import string
import zlib
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Final, NamedTuple

from fastgw.policy.gcra import LONGEST, Rate
from fastgw.routing.by_model import STAR
from fastgw.wire.inference import MODEL_MAX

PREFIX: Final = "fgw_"  #: of keys that are made here, so that scanners of secrets find them where they should not be
MOST_KEYS: Final = 10_000  #: of one file
MOST_LIMITS: Final = 8  #: of one key
MOST_MODELS: Final = 64  #: the same
MOST_LABELS: Final = 16  #: the same
_MOST: Final = 1_000_000
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}

_BASE62: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM: Final = 43  #: digits of base 62 that 256 bits take
_SUM: Final = 6  #: those that 32 bits take

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.@-]{0,99}").fullmatch
_HASH = re.compile(r"[0-9a-f]{64}").fullmatch
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,62}").fullmatch
_LABEL_MAX: Final = 100  #: characters of the value of a label
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


class FormerKey(NamedTuple):
    """What a key was before it was changed for a new one."""

    digest: bytes  #: SHA-256 of it
    until: float  #: seconds since 1970: so long it is as good as the new one


class ApiKey(NamedTuple):
    """What is known of one key."""

    name: str
    digest: bytes  #: SHA-256 of it
    created: float | None = None  #: seconds since 1970
    expires: float | None = None  #: the same; None: never
    limits: tuple[KeyLimit, ...] = ()  #: on requests of any kind; none: it has no such limit of its own
    routes: tuple[str, ...] = ()  #: names of those it is for; none: all
    models: tuple[
        str, ...
    ] = ()  #: names of those it may ask for, or patterns; none: it is not about models, and may ask for all
    labels: Mapping[str, str] = {}  #: what else is said of whoever has it: a team, a project
    is_disabled: bool = False  #: it is refused, until somebody enables it again
    former: FormerKey | None = None
    of_models: tuple[
        tuple[str, str], ...
    ] = ()  #: limits of models, as a filter ``token_limit`` takes them: units and rates
    guardrails: str = ""  #: the set of a filter ``guardrails`` that it is for; empty: the filter's own


def new_secret() -> str:
    """A key that nobody has yet, in the form that stands above."""
    begin = PREFIX + _base62(secrets.randbits(256), _RANDOM)
    return begin + _sum_of(begin)


def is_secret(text: str) -> bool:
    """Whether ``text`` has the form of a key that is made here, its sum included."""
    begin, found = text[:-_SUM], text[-_SUM:]
    is_like_one = text.startswith(PREFIX) and len(text) == len(PREFIX) + _RANDOM + _SUM and text.isascii()
    return is_like_one and found == _sum_of(begin)


def _sum_of(begin: str) -> str:
    return _base62(zlib.crc32(begin.encode()), _SUM)


def _base62(number: int, digits: int) -> str:
    found = ""
    for _ in range(digits):
        number, digit = divmod(number, 62)
        found = _BASE62[digit] + found
    return found


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
    former = [one.former.digest for one in keys if one.former is not None]
    _refuse_repeated([one.hex() for one in (*[key.digest for key in keys], *former)], "hashes", is_secret=True)
    return keys


def dump_keys(keys: Sequence[ApiKey]) -> bytes:
    """The file with ``keys``."""
    lines = ",\n".join("  " + json.dumps(told_key(one)) for one in keys)
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


def limit_of(text: str) -> KeyLimit | tuple[str, str]:
    """A limit as it stands on a command line, ``100/s`` or ``100/s:200`` with its burst; or one of models, ``tokens=100000/m``,
    ``cost=5/d`` or ``max=20``; raises ValueError."""
    unit, equals, said = text.partition("=")
    if equals:
        refuse_limit(unit, said)
        return unit, said
    rate, _, burst = text.partition(":")
    if burst and not (burst.isascii() and burst.isdigit() and len(burst) < 10):
        raise ValueError(f"{burst!r} is no burst")
    found = KeyLimit(rate, int(burst) if burst else _count(rate))
    found.made()
    return found


def refuse_limit(unit: str, said: str) -> None:
    """Raise ValueError if they are no limit of models, such as ``tokens`` and ``100000/m``, or ``max`` and ``20``."""
    from fastgw.filters.token_rates import REQUESTS, UNITS, counted, read_amount, read_rate  # which few keys need

    if unit == "max":
        counted(read_amount(said), REQUESTS)
    elif unit in UNITS and unit != REQUESTS:
        micro, _ = read_rate(said)
        counted(micro, unit)
    else:
        known = ", ".join(one for one in UNITS if one != REQUESTS)
        raise ValueError(f"{unit[:100]!r} is no unit of {known}; for {REQUESTS} leave it out")


def refuse_name(name: str) -> None:
    """Raise ValueError if ``name`` is none: it stands in logs, and in a header field."""
    if not _NAME(name):
        raise ValueError(f"{name!r} is no name of letters, digits, '_', '.', '@' and '-'")


def refuse_model(name: str) -> None:
    """Raise ValueError if ``name`` is neither that of a model nor a pattern for such, as ``models`` of the configuration has them."""
    if not name or not name.isprintable() or name != name.strip() or len(name.encode()) > MODEL_MAX:
        raise ValueError(f"{name[:100]!r} is no name of a model of 1 to {MODEL_MAX} bytes")
    if name.count(STAR) > 1:
        raise ValueError(f"{name[:100]!r} has more than one {STAR!r}")


def model_of(text: str) -> str:
    """A name of a model, or a pattern, as it stands on a command line; raises ValueError."""
    refuse_model(text)
    return text


def label_of(text: str) -> tuple[str, str]:
    """A label as it stands on a command line, ``team=search``; raises ValueError."""
    name, equals, value = text.partition("=")
    if not equals:
        raise ValueError(f"{text!r} is no label such as team=search")
    refuse_label(name, value)
    return name, value


def refuse_label(name: str, value: str) -> None:
    """Raise ValueError if they are none: a name stands in variables, ``${note.labels.team}``."""
    if not _LABEL(name):
        raise ValueError(f"{name[:100]!r} is no name of a label of up to 63 letters, digits, '_' and '-'")
    if not value or len(value) > _LABEL_MAX or not value.isprintable():
        raise ValueError(f"{name} is not 1 to {_LABEL_MAX} characters that can be printed")


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
    read["is_disabled"] = read.pop("disabled", False)
    read["limits"], read["of_models"] = read.get("limits", ((), ()))
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


def _limits(value: Any) -> tuple[tuple[KeyLimit, ...], tuple[tuple[str, str], ...]]:
    """Those on requests, and those of models."""
    if not isinstance(value, list) or len(value) > MOST_LIMITS:
        raise ValueError(f"is no list of {MOST_LIMITS} limits at most")
    limits, of_models = [], []
    for one in value:
        if isinstance(one, dict) and one.keys() & {"unit", "max"}:
            of_models.append(_of_models(one))
        else:
            limits.append(_limit(one))
    _refuse_repeated([one.rate for one in limits], "rates")
    _refuse_repeated([" ".join(one) for one in of_models], "limits of models")
    return tuple(limits), tuple(of_models)


def _of_models(value: dict[str, Any]) -> tuple[str, str]:
    if value.keys() == {"max"} and type(value["max"]) is int:
        found = ("max", str(value["max"]))
    elif value.keys() == {"rate", "unit"} and isinstance(value["rate"], str) and isinstance(value["unit"], str):
        found = (value["unit"], value["rate"])
    else:
        raise ValueError('has something else than objects of "rate" and "unit", or of "max"')
    refuse_limit(*found)
    return found


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


def _models(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_MODELS:
        raise ValueError(f"is no list of 1 to {MOST_MODELS} names of models; leave it out for all of them")
    for one in value:
        if not isinstance(one, str):
            raise ValueError("has something else than names of models")
        refuse_model(one)
    return tuple(dict.fromkeys(value))


def _labels(value: Any) -> dict[str, str]:
    if not isinstance(value, dict) or len(value) > MOST_LABELS:
        raise ValueError(f"is no object of {MOST_LABELS} labels at most")
    for name, said in value.items():
        if not isinstance(said, str):
            raise ValueError(f"{name[:100]!r} is no text")
        refuse_label(name, said)
    return value


def _former(value: Any) -> FormerKey:
    if not isinstance(value, dict) or value.keys() != {"sha256", "until"}:
        raise ValueError('is no object of "sha256" and "until"')
    return FormerKey(_digest(value["sha256"]), _moment(value["until"]))


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("is neither true nor false")
    return value


_READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "name": _name,
    "sha256": _digest,
    "created": _moment,
    "expires": _moment,
    "limits": _limits,
    "routes": _routes,
    "models": _models,
    "labels": _labels,
    "guardrails": _name,
    "disabled": _flag,
    "former": _former,
}


def told_key(key: ApiKey) -> dict[str, Any]:
    """``key`` as the file has it."""
    found: dict[str, Any] = {"name": key.name, "sha256": key.digest.hex()}
    for name, value in (("created", key.created), ("expires", key.expires)):
        if value is not None:
            found[name] = told_moment(value)
    limits: list[dict[str, Any]] = [
        {"rate": one.rate} | ({"burst": one.burst} if one.burst != _count(one.rate) else {}) for one in key.limits
    ]
    limits += [{"max": int(said)} if unit == "max" else {"rate": said, "unit": unit} for unit, said in key.of_models]
    if limits:
        found["limits"] = limits
    if key.routes:
        found["routes"] = list(key.routes)
    if key.models:
        found["models"] = list(key.models)
    if key.labels:
        found["labels"] = dict(key.labels)
    if key.guardrails:
        found["guardrails"] = key.guardrails
    if key.is_disabled:
        found["disabled"] = True
    if key.former is not None:
        found["former"] = {"sha256": key.former.digest.hex(), "until": told_moment(key.former.until)}
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
