"""What clients are told of limits of a rate: the fields, and how long to wait.  The same for every filter that has such limits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

SECOND: Final = 10**9
DRAFT: Final = "draft"
OPENAI: Final = "openai"

Fields = tuple[tuple[str, str], ...]


class Told(NamedTuple):
    """What is known of one limit."""

    place: int  #: in the list of its filter, from 1
    unit: str  #: requests, bytes or cost
    burst: int
    depth: int  #: nanoseconds until an empty bucket is full
    left: int
    whole: int  #: nanoseconds until its bucket is full


#: What the fields of OpenAI call what is counted; the draft has a name for bytes only, and requests are what it assumes.
_OPENAI_UNITS: Final = {"requests": "requests", "bytes": "bytes", "cost": "tokens"}
_DRAFT_UNITS: Final = {"bytes": ';qu="content-bytes"'}


def policy(place: int, unit: str, burst: int, depth: int) -> str:
    """A limit as ``RateLimit-Policy`` has it.

    Its window is that in which the bucket fills: who keeps to it, in whatever way, is never refused.
    """
    return f'"{place}";q={burst}{_DRAFT_UNITS.get(unit, "")};w={seconds(depth)}'


def fields(says: Sequence[str], limits: Sequence[Told]) -> Fields:
    """``says``: of draft, openai.  The draft's tell of all limits, openai's of the one of each unit that least is left of."""
    found: list[tuple[str, str]] = []
    if DRAFT in says:
        found.append(
            ("ratelimit-policy", ", ".join(policy(one.place, one.unit, one.burst, one.depth) for one in limits))
        )
        found.append(("ratelimit", ", ".join(f'"{one.place}";r={one.left};t={seconds(one.whole)}' for one in limits)))
    if OPENAI in says:
        for unit in dict.fromkeys(one.unit for one in limits):
            least = min((one for one in limits if one.unit == unit), key=lambda one: one.left)
            word = _OPENAI_UNITS[unit]
            found += (
                (f"x-ratelimit-limit-{word}", str(least.burst)),
                (f"x-ratelimit-remaining-{word}", str(least.left)),
                (f"x-ratelimit-reset-{word}", f"{_millis(least.whole)}ms"),
            )
    return tuple(found)


def refused(says: Sequence[str], limits: Sequence[Told], wait: int) -> Fields:
    """``wait``: nanoseconds until the next one is admitted."""
    wait = max(1, wait)
    hint: Fields = (("retry-after-ms", str(_millis(wait))),) if OPENAI in says else ()
    return (("retry-after", str(seconds(wait))), *fields(says, limits), *hint)


def seconds(nanoseconds: int) -> int:
    """Whole ones, rounded up."""
    return -(-nanoseconds // SECOND)


def _millis(nanoseconds: int) -> int:
    return -(-nanoseconds // 1_000_000)
