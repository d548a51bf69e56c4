"""What may be kept of answers, how long it is fresh, and what may be done with it then (RFC 9111, with RFC 5861's two directives).

A shared cache that guesses no lifetime: what says nothing of it is not kept, unless the configuration says for how long.  Times are
arguments: ``wall`` seconds since 1970, to be compared with ``Date`` and ``Expires``; ``now`` seconds of a clock that only goes on.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

FieldOf = Callable[[bytes], bytes | None]  #: reads a field by its lower-case name, its lines joined with ", "
DateOf = Callable[[bytes], int | None]  #: seconds since 1970 of an HTTP-date; None: it is none
Directives = Mapping[bytes, bytes]  #: by lower-case name; b"" of one without a value

LONGEST: Final = 2**31  #: seconds; what is more, or does not fit, is that (section 1.2.2)
_DIRECTIVE: Final = re.compile(
    rb"[ \t,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)"
    rb"(?:[ \t]*=[ \t]*(?:\"((?:[^\"\\]|\\.)*)\"|([^\s,;\"]*)))?[^,]*"
)


class Life(NamedTuple):
    """How long an answer lives, from when it came."""

    lifetime: float  #: seconds for which it is fresh
    age: float  #: seconds that it had when it came
    at: float  #: when that was
    may_be_stale: bool  #: it may be used afterwards, where somebody says so (section 4.2.4)
    asks_always: bool  #: it is never used before the service has confirmed it (``no-cache``)
    while_asking: float  #: seconds behind its lifetime in which it may be used while the service is asked
    if_failing: float | None  #: the same where the service fails; None: it does not say

    def age_at(self, now: float) -> float:
        """Seconds since the service made it, or confirmed it (section 4.2.3)."""
        return self.age + max(0.0, now - self.at)

    def is_fresh(self, now: float) -> bool:
        """Whether it may be used without a word of the service."""
        return not self.asks_always and self.age_at(now) < self.lifetime

    def is_good_while_asking(self, now: float) -> bool:
        """Whether it may be used now while the service is asked for the next (RFC 5861 section 3)."""
        return self.may_be_stale and self.age_at(now) < self.lifetime + self.while_asking

    def is_good_in_need(self, now: float, most: float) -> bool:
        """Whether it may be used where the service fails, and operators take what is ``most`` seconds old (RFC 5861 section 4)."""
        age = self.age_at(now)
        if self.is_fresh(now):
            return age <= most
        return self.may_be_stale and age <= most and (self.if_failing is None or age < self.lifetime + self.if_failing)


class Wish(NamedTuple):
    """What a request says of answers that are kept (section 5.2.1)."""

    may_be_kept: bool  #: no ``no-store``
    is_fine: bool  #: what is fresh is good enough: no ``no-cache``
    only_kept: bool  #: ``only-if-cached``
    oldest: float  #: ``max-age``
    spare: float  #: ``min-fresh``

    def takes(self, life: Life, now: float) -> bool:
        """Whether an answer with this life may be given without a word of the service."""
        age = life.age_at(now)
        return self.is_fine and life.is_fresh(now) and age <= self.oldest and life.lifetime - age >= self.spare


def directives(value: bytes | None) -> Directives:
    """Those of a ``Cache-Control``.  Of one that is repeated the first holds; of repeated numbers the smallest (section 4.2.1)."""
    found: dict[bytes, bytes] = {}
    for name, quoted, bare in _DIRECTIVE.findall(value or b""):
        key = name.lower()
        said = bare or quoted
        if key not in found or _seconds(said, 0) < _seconds(found[key], 0):
            found[key] = said
    return found


def wish(header: FieldOf) -> Wish:
    """What the request with these fields says."""
    said = directives(header(b"cache-control"))
    is_old = not said and b"no-cache" in directives(header(b"pragma"))  # section 5.4
    return Wish(
        may_be_kept=b"no-store" not in said,
        is_fine=not is_old and b"no-cache" not in said,
        only_kept=b"only-if-cached" in said,
        oldest=_seconds(said[b"max-age"], 0) if b"max-age" in said else float("inf"),
        spare=_seconds(said[b"min-fresh"], LONGEST) if b"min-fresh" in said else 0.0,
    )


def refusal(status: int, header: FieldOf, said: Directives, *, is_authorized: bool) -> str:
    """Why an answer of ``status`` may not be kept, whatever its lifetime is; empty: it may (section 3).

    Args:
        status: of it.
        header: its fields.
        said: its ``Cache-Control``.
        is_authorized: the request had ``Authorization`` (section 3.5).
    """
    if status < 200 or status in (206, 304):
        return "status"
    if b"no-store" in said or b"private" in said:
        return "private"
    if header(b"set-cookie") is not None:
        return "cookie"
    if b"*" in names(header(b"vary")):
        return "vary"
    if is_authorized and not said.keys() & {b"public", b"s-maxage", b"must-revalidate"}:
        return "authorization"
    return ""


def life(
    status: int,
    header: FieldOf,
    said: Directives,
    read_date: DateOf,
    *,
    wall: float,
    now: float,
    delay: float,
    usual: float,
) -> Life | None:
    """The life of an answer that may be kept; None: it says of none, or is stale and cannot be asked about.

    Args:
        status: of it.
        header: its fields.
        said: its ``Cache-Control``.
        read_date: reads an HTTP-date.
        wall: when it came.
        now: the same, by the other clock.
        delay: seconds since it was asked for.
        usual: the lifetime of a 200 that says nothing of one; 0: none.
    """
    made = _date(header, b"date", read_date)
    lifetime = _lifetime(header, said, read_date, wall if made is None else made)
    if lifetime is None:
        if status != 200 or not usual:
            return None
        lifetime = usual
    apparent = max(0.0, wall - made) if made is not None else 0.0
    age = max(apparent, _seconds((header(b"age") or b"").split(b",")[0].strip(b" \t"), 0) + delay)
    asks_always = b"no-cache" in said
    may_be_stale = not asks_always and not said.keys() & {b"must-revalidate", b"proxy-revalidate", b"s-maxage"}
    if (asks_always or age >= lifetime) and not has_validator(header):
        return None
    return Life(
        lifetime=lifetime,
        age=age,
        at=now,
        may_be_stale=may_be_stale,
        asks_always=asks_always,
        while_asking=_seconds(said.get(b"stale-while-revalidate", b""), 0),
        if_failing=_seconds(said[b"stale-if-error"], 0) if b"stale-if-error" in said else None,
    )


def has_validator(header: FieldOf) -> bool:
    """Whether the service can be asked if it is still the same."""
    return header(b"etag") is not None or header(b"last-modified") is not None


def names(value: bytes | None) -> tuple[bytes, ...]:
    """The names in a list of fields, such as that of ``Vary``: in lower case, sorted, each once."""
    return tuple(sorted({one.strip(b" \t").lower() for one in (value or b"").split(b",")} - {b""}))


def _lifetime(header: FieldOf, said: Directives, read_date: DateOf, made: float) -> float | None:
    """Seconds; None: nothing is said (section 4.2.1)."""
    for name in (b"s-maxage", b"max-age"):
        if name in said:
            return _seconds(said[name], 0)
    if b"no-cache" in said:
        return 0.0
    if header(b"expires") is not None:
        end = _date(header, b"expires", read_date)
        return 0.0 if end is None else min(max(0.0, end - made), float(LONGEST))  # "0" is in the past (section 5.3)
    return None


def _date(header: FieldOf, name: bytes, read_date: DateOf) -> int | None:
    value = header(name)
    return None if value is None else read_date(value)


def _seconds(value: bytes, otherwise: float) -> float:
    """A number of seconds (section 1.2.2)."""
    return float(min(int(value[:12]), LONGEST)) if value.isdigit() else otherwise
