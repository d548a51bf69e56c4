"""Structured fields (RFC 9651), as much of them as is needed: Dictionaries, read strictly."""

from __future__ import annotations

import base64
import binascii
import re

_KEY = rb"[a-z*][a-z0-9_\-.*]*"
_BARE = (
    rb"-?[0-9]{1,12}\.[0-9]{1,3}|-?[0-9]{1,15}"  # Decimal, Integer
    rb"|\"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\[\"\\])*\""  # String
    rb"|[A-Za-z*][!#$%&'*+\-.^_`|~0-9A-Za-z:/]*"  # Token
    rb"|:[A-Za-z0-9+/=]*:"  # Byte Sequence
    rb"|\?[01]"  # Boolean
    rb"|@-?[0-9]{1,15}"  # Date
    rb"|%\"(?:[\x20\x21\x23\x24\x26-\x7e]|%[0-9a-f]{2})*\""  # Display String
)
_PARAMETERS = rb"(?:; *%b(?:=(?:%b))?)*" % (_KEY, _BARE)
_INNER_LIST = rb"\( *(?:(?:%b)%b(?: +(?:%b)%b)*)? *\)" % (_BARE, _PARAMETERS, _BARE, _PARAMETERS)
_MEMBER = re.compile(rb"(%b)(?:=(?:(%b)|%b))?%b" % (_KEY, _BARE, _INNER_LIST, _PARAMETERS))
_COMMA = re.compile(rb"[ \t]*,[ \t]*")


def read_dictionary(value: bytes) -> dict[bytes, bytes]:
    """The members of a Dictionary, the last one of each key (RFC 9651 section 4.2.2), and of each the bare item as it is written; empty
    where the value is none, which is true, or an inner list.

    Raises:
        ValueError: ``value`` is no Dictionary; such a field has no meaning as a whole.
    """
    found: dict[bytes, bytes] = {}
    value = value.strip(b" ")
    at = 0
    while at < len(value):
        member = _MEMBER.match(value, at)
        if member is None:
            raise ValueError(f"what stands at byte {at} is no member of a dictionary")
        found[member[1]] = member[2] or b""
        at = member.end()
        if at == len(value):
            return found
        comma = _COMMA.match(value, at)
        if comma is None or comma.end() == len(value):
            raise ValueError(f"there is no comma, or nothing behind it, at byte {at}")
        at = comma.end()
    return found


def read_bytes(item: bytes) -> bytes:
    """The value of a Byte Sequence as it is written, which may lack its padding (RFC 9651 section 4.2.7).

    Raises:
        ValueError: it is none, or no base64.
    """
    if len(item) < 2 or item[:1] != b":" or item[-1:] != b":":
        raise ValueError("a byte sequence stands between colons")
    text = item[1:-1]
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError(f"it is no base64: {error}") from None


def write_bytes(value: bytes) -> bytes:
    """``value`` as a Byte Sequence (RFC 9651 section 4.1.8)."""
    return b":" + base64.b64encode(value) + b":"
