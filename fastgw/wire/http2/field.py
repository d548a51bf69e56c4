"""One field of HTTP/2: its name and value, and what the rules of RFC 9113 section 8.2 and 8.3 say of it.

A field that stands in the dynamic table of a connection is made once and comes again by its number.  So whatever can be said of a field
alone is found when it is made: a request whose fields all came before costs no look at their bytes.
"""

from __future__ import annotations

import re
from typing import Final

from fastgw.wire import scan
from fastgw.wire.fields import LINE_BYTES
from fastgw.wire.http2 import octets
from fastgw.wire.http2.field_kinds import (
    AUTHORITY,
    COOKIE,
    HOST,
    MALFORMED,
    METHOD,
    OVERHEAD,
    PATH,
    PLAIN,
    PROTOCOL,
    SCHEME,
    STATUS,
)

_KINDS: Final = {
    b":method": METHOD,
    b":scheme": SCHEME,
    b":authority": AUTHORITY,
    b":path": PATH,
    b":protocol": PROTOCOL,
    b":status": STATUS,
    b"cookie": COOKIE,
    b"host": HOST,
    # Of a connection of HTTP/1.1: a message that has one is malformed (RFC 9113 section 8.2.2).
    b"connection": MALFORMED,
    b"proxy-connection": MALFORMED,
    b"keep-alive": MALFORMED,
    b"transfer-encoding": MALFORMED,
    b"upgrade": MALFORMED,
}
#: A token without capitals (RFC 9113 section 8.2.1; what is no token is no name of RFC 9110 section 5.1 either).
_is_name = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+").fullmatch
NAMES_MAX: Final = 1024  #: names remembered
NAME_SIZE_MAX: Final = 64  #: bytes of one worth remembering
_names: dict[bytes, int] = dict(_KINDS)


class Http2Field:
    """One field.  ``line`` is what it is in HTTP/1.1, with its CRLF; empty for a pseudo-field and one that is malformed."""

    __slots__ = ("kind", "line", "name", "size", "value")

    def __init__(self, name: bytes, value: bytes) -> None:
        self.name = name
        self.value = value
        self.size = len(name) + len(value) + OVERHEAD  #: as the table, and the limit of a section, count it
        kind = _names.get(name, -1)
        if kind < 0:
            kind = _learn(name)
        if not octets.is_value(value):
            kind = MALFORMED
        if name == b"te" and value != b"trailers":
            kind = MALFORMED
        self.kind = kind
        self.line = scan.join((name, b": ", value, b"\r\n")) if kind in (PLAIN, COOKIE, HOST) else b""

    def __repr__(self) -> str:
        return f"<Http2Field {self.name!r}: {self.value!r}>"

    def problem(self) -> str:
        """Why it is malformed, as the end of a sentence."""
        if _names.get(self.name) == MALFORMED:
            return f"the field {self.name.decode()} belongs to a connection of HTTP/1.1"
        if self.name not in _KINDS and _is_name(self.name) is None:
            return "there is an unknown pseudo-field" if self.name[:1] == b":" else "a name is no token in lower case"
        if self.name == b"te" and not self.value.translate(None, LINE_BYTES):
            return "the field te is not 'trailers'"
        return f"the value of {self.name.decode()} has a control character, or space at its ends"


def _learn(name: bytes) -> int:
    """The kind of a name that is not known."""
    kind = PLAIN if _is_name(name) is not None else MALFORMED
    if kind == PLAIN and len(_names) < NAMES_MAX and len(name) <= NAME_SIZE_MAX:
        _names[name] = kind
    return kind
