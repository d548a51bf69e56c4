"""``traceparent`` and ``tracestate``: which trace a request is part of (W3C Trace Context, levels 1 and 2)."""

from __future__ import annotations

import re
from typing import Final

PARENT: Final = b"traceparent"
STATE: Final = b"tracestate"

SAMPLED: Final = 1  #: flag: whoever sent this may have recorded a span
RANDOM: Final = 2  #: flag of level 2: the last seven bytes of the trace id are random

STATE_MOST: Final = 512  #: bytes of a tracestate that are passed on (section 3.3.1.5: at least so many should be)
_MEMBERS_MOST: Final = 32  #: of a tracestate that is one
_LONG: Final = 128  #: bytes of a member that is left out first

_SIZE: Final = 55  #: bytes of a traceparent of version 00
_DIGITS: Final = b"0123456789abcdef"
_NO_TRACE: Final = b"0" * 32
_NO_SPAN: Final = b"0" * 16

_KEY: Final = rb"(?:[a-z0-9][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
_MEMBER: Final = re.compile(_KEY + rb"=[ -+\--<>-~]{0,255}[!-+\--<>-~]").fullmatch

Context = tuple[bytes, bytes, int]  #: id of the trace, id of the span that asks, both as hexadecimal digits, and flags


def read_parent(value: bytes) -> Context | None:
    """The context that a traceparent gives; None: it is none, and nothing that came with it counts (section 3.2).

    Of a later version the fields that this one knows are read, and ``ff`` is no version.  Several lines, joined by commas, are none.
    """
    if len(value) != _SIZE and (len(value) < _SIZE or value[:2] == b"00" or value[_SIZE : _SIZE + 1] != b"-"):
        return None
    head = value[:_SIZE]
    # Three dashes in these places and else digits: none is left over.
    if head.translate(None, _DIGITS) != b"---" or head[2:3] + head[35:36] + head[52:53] != b"---":
        return None
    trace, span = head[3:35], head[36:52]
    if head[:2] == b"ff" or trace == _NO_TRACE or span == _NO_SPAN:
        return None
    return trace, span, int(head[53:], 16) & (SAMPLED | RANDOM)


def parent_of(trace: bytes, span: bytes, flags: int) -> bytes:
    """The traceparent, of version 00, that says so."""
    return b"00-%b-%b-%02x" % (trace, span, flags)


def read_state(value: bytes) -> bytes:
    """What is passed on of a tracestate: itself, fewer of its members where it is too long, nothing where it is none (section 3.3)."""
    members = [one for one in (part.strip(b" \t") for part in value.split(b",")) if one]
    if not 0 < len(members) <= _MEMBERS_MOST or not all(map(_MEMBER, members)):
        return b""
    if len(value) <= STATE_MOST:
        return value
    size = sum(map(len, members)) + len(members) - 1
    for least in (_LONG, 0):  # the last ones go first, among those that are long and then among all
        for place in range(len(members) - 1, -1, -1):
            if size > STATE_MOST and len(members[place]) > least:
                size -= len(members.pop(place)) + 1
    return b",".join(members)
