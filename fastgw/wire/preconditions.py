"""Conditional and partial requests: what a client has already, and which part it wants (RFC 9110 sections 13 and 14).

For whoever answers from what it has: a representation with an entity tag, a time of its last change, and a length.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from email.utils import mktime_tz, parsedate_tz

ReadField = Callable[[bytes], bytes | None]  #: reads a field of the request by its lower-case name

_TAG = re.compile(rb'(W/)?("[\x21\x23-\x7e\x80-\xff]*")')
_RANGE = re.compile(rb"bytes=[ \t]*([0-9]{0,18})-([0-9]{0,18})[ \t]*", re.IGNORECASE).fullmatch
_LONGEST_DATE = 64  #: bytes; the longest form has 33


def read_date(value: bytes) -> int | None:
    """Seconds after the epoch of an HTTP-date in any of its three forms (section 5.6.7); None: it is none."""
    if len(value) > _LONGEST_DATE:
        return None
    found = parsedate_tz(value.decode("latin-1"))
    if found is None or not (1 <= found[1] <= 12 and 1 <= found[2] <= 31 and found[3] < 24 and found[4] < 60):
        return None
    try:
        return int(mktime_tz(found))
    except (ValueError, OverflowError):  # the year 10000
        return None


def has_tag(value: bytes, tag: bytes, *, is_weak: bool) -> bool:
    """Whether ``value``, a list of entity tags or ``*``, has ``tag``, a strong one (section 8.8.3.2).

    ``is_weak``: weak tags in the list count too.
    """
    if value.strip(b" \t") == b"*":
        return True
    return any(opaque == tag and (is_weak or not weak) for weak, opaque in _TAG.findall(value))


def outcome(header: ReadField, method: bytes, tag: bytes, changed: int | None = None) -> int:
    """What a request that would be answered 200 gets by its preconditions: 200, 304 or 412, in the order of section 13.2.2.

    Args:
        header: of the request.
        method: of it.
        tag: the strong entity tag of what would be sent.
        changed: seconds after the epoch of its last change, None: there is no such time.
    """
    wanted = header(b"if-match")
    if wanted is not None:
        if not has_tag(wanted, tag, is_weak=False):
            return 412
    elif changed is not None and (value := header(b"if-unmodified-since")) is not None:
        since = read_date(value)
        if since is not None and changed > since:
            return 412
    is_safe = method in (b"GET", b"HEAD")
    known = header(b"if-none-match")
    if known is not None:
        if has_tag(known, tag, is_weak=True):
            return 304 if is_safe else 412
    elif is_safe and changed is not None and (value := header(b"if-modified-since")) is not None:
        since = read_date(value)
        if since is not None and changed <= since:
            return 304
    return 200


def part(header: ReadField, method: bytes, tag: bytes, size: int) -> range | None:
    """The bytes that a request asks for of ``size``; empty: there are none of them (416); None: all, as a 200.

    Several ranges at once are answered with all, as is anything that is no range of bytes (section 14.2 allows both), and ``If-Range`` with
    anything but the present entity tag (section 13.1.5; whether a date is a strong validator cannot be known).
    """
    value = header(b"range") if method == b"GET" else None
    if value is None:
        return None
    match = _RANGE(value)
    if match is None or not (match[1] or match[2]):
        return None
    fresh = header(b"if-range")
    if fresh is not None and fresh.strip(b" \t") != tag:
        return None
    if not match[1]:
        return range(max(0, size - int(match[2])), size)
    first = int(match[1])
    last = int(match[2]) if match[2] else size - 1
    if match[2] and last < first:
        return None
    return range(first, min(last + 1, size))
