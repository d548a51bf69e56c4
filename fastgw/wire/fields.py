"""What the gateway does with a header field, decided by its name (RFC 9110 section 7.6.1).

Every field line of a head is either relayed as it came (``KEEP``, by far the most) or has a *kind*: it frames the message, belongs to
this one hop, or is something only the gateway may say.  A ``FieldTable`` maps the spelling of a name, exactly as it arrived, to
its kind.  Spellings already met are remembered (bounded), so the usual field costs one dict look-up and no lower-casing.

Two rules that a plain table would miss:

* a name with ``_`` where a special name has ``-`` is dropped: CGI-style services read both as one variable;
* every ``x-forwarded-*`` from a peer that is not trusted is dropped, whatever follows the prefix.
"""

from __future__ import annotations

import re
from typing import Any

from fastgw.wire import lines as field_lines

KEEP = 0  #: end to end: relayed byte for byte
DROP = 1  #: hop-by-hop, or a name that only the gateway may send
HOST = 2
CONTENT_LENGTH = 3
TRANSFER_ENCODING = 4
CONNECTION = 5
EXPECT = 6
UPGRADE = 7
TE = 8
FORWARDED_FOR = 9  #: x-forwarded-for of a trusted peer: the client's address is appended
FORWARDED_PROTO = 10  #: of a trusted peer: kept, ours is left out
FORWARDED_HOST = 11  #: of a trusted peer: kept, ours is left out
REQUEST_ID = 12
VIA = 13
DATE = 14  #: of an answer: relayed like any other, but one without it gets ours
REQUEST_TIMEOUT = 15  #: x-request-timeout-ms of a trusted peer: how long it waits for its answer

DESTINATION = b"x-gateway-destination-endpoint"  #: which endpoint a trusted peer, or a filter, has picked

_HOP_BY_HOP = {
    b"keep-alive": DROP,
    b"proxy-connection": DROP,
    b"proxy-authenticate": DROP,
    b"proxy-authorization": DROP,
    b"proxy-authentication-info": DROP,
    b"trailer": DROP,
    b"http2-settings": DROP,
    b"connection": CONNECTION,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"content-length": CONTENT_LENGTH,
    b"upgrade": UPGRADE,
}

REQUEST_FIELDS = {
    **_HOP_BY_HOP,
    b"te": TE,
    b"host": HOST,
    b"expect": EXPECT,
    b"via": VIA,
    b"x-request-id": REQUEST_ID,
    b"proxy": DROP,
    b"forwarded": DROP,
    b"x-real-ip": DROP,
    b"x-original-url": DROP,
    b"x-rewrite-url": DROP,
    b"x-client-cert-subject": DROP,
    b"x-forwarded-for": DROP,
    b"x-forwarded-proto": DROP,
    b"x-forwarded-host": DROP,
    b"x-request-timeout-ms": DROP,
    DESTINATION: DROP,
}

#: Of a peer in ``trusted_proxies``: what it says about the client is believed and passed on.
TRUSTED_REQUEST_FIELDS = {
    **REQUEST_FIELDS,
    b"forwarded": KEEP,
    b"x-real-ip": KEEP,
    b"x-forwarded-for": FORWARDED_FOR,
    b"x-forwarded-proto": FORWARDED_PROTO,
    b"x-forwarded-host": FORWARDED_HOST,
    b"x-request-timeout-ms": REQUEST_TIMEOUT,
    DESTINATION: KEEP,
}

RESPONSE_FIELDS = {**_HOP_BY_HOP, b"te": DROP, b"x-request-id": REQUEST_ID, b"date": DATE}

#: Fields that ``Connection`` may not take away: they frame or route the message, say who sends it, or are the gateway's own.
PROTECTED = frozenset(
    {
        b"host",
        b"content-length",
        b"content-type",
        b"content-encoding",
        b"transfer-encoding",
        b"authorization",
        b"cookie",
        b"set-cookie",
        b"forwarded",
        b"via",
        b"date",
        b"cache-control",
        b"x-request-id",
        b"x-real-ip",
        b"location",
        b"www-authenticate",
    }
)

#: Fields that prove who a client is, lower case; one written with ``_`` is the same to many services.
CREDENTIALS = frozenset(
    {
        b"authorization",
        b"proxy-authorization",
        b"cookie",
        b"api-key",
        b"x-api-key",
        b"x-goog-api-key",
        b"x-amz-security-token",
        b"x-auth-token",
        b"x-access-token",
        b"x-csrf-token",
    }
)

#: Names a trailer section may not carry (RFC 9110 section 6.5.1): framing, routing, authentication, cookies, response control.
FORBIDDEN_TRAILERS = PROTECTED | {
    b"connection",
    b"keep-alive",
    b"te",
    b"trailer",
    b"upgrade",
    b"expect",
    b"proxy",
    b"proxy-authorization",
    b"proxy-authenticate",
    b"proxy-connection",
    b"http2-settings",
    b"content-range",
    b"range",
    b"max-forwards",
    b"age",
    b"expires",
    b"retry-after",
    b"vary",
    b"warning",
    b"pragma",
    b"if-match",
    b"if-none-match",
    b"if-modified-since",
    b"if-unmodified-since",
    b"if-range",
    b"x-original-url",
    b"x-rewrite-url",
    b"x-client-cert-subject",
}

_HANDSHAKE = {b"sec-websocket-key", b"sec-websocket-accept", b"sec-websocket-version", b"sec-websocket-extensions"}

#: What filters cannot change in a request: it frames it, belongs to this one hop, or is what the gateway itself says (RFC 9110 sections
#: 7.6.1 and 10.1, RFC 9112 section 6, RFC 6455 section 4).
OWN_REQUEST_FIELDS = frozenset(
    {
        *_HOP_BY_HOP,
        *_HANDSHAKE,
        b"te",
        b"host",
        b"expect",
        b"via",
        b"proxy",
        b"x-request-id",
        b"x-client-cert-subject",
        b"x-forwarded-for",
        b"x-forwarded-proto",
        b"x-forwarded-host",
    }
)
OWN_RESPONSE_FIELDS = frozenset({*_HOP_BY_HOP, *_HANDSHAKE, b"te", b"date", b"x-request-id"})

#: token (RFC 9110 section 5.6.2)
is_token = re.compile(rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+").fullmatch

#: Bytes a line of a head may consist of: HTAB, visible ASCII, space, obs-text (RFC 9110 section 5.5).
LINE_BYTES = bytes([0x09, *range(0x20, 0x7F), *range(0x80, 0x100)])
#: The same and CR LF, which are judged apart.
HEAD_BYTES = LINE_BYTES + b"\r\n"

SEEN_MAX = 1024  #: spellings remembered by one table
SEEN_NAME_MAX = 64  #: bytes of a name worth remembering

_CHANGEABLE: set[tuple[bytes, frozenset[bytes]]] = (
    set()
)  #: names that filters may change, and which are not theirs there


class FieldTable:
    """Spelling of a field name -> kind, for one direction and one degree of trust."""

    __slots__ = ("content_length", "date", "fields", "host", "keep_forwarded", "seen", "shapes", "suspects")

    def __init__(self, fields: dict[bytes, int], drop: frozenset[bytes] = frozenset()) -> None:
        """``drop``: more lower-case names that never pass."""
        self.fields = {**fields, **dict.fromkeys(drop, DROP)}
        self.keep_forwarded = fields.get(b"x-forwarded-for") != DROP
        self.seen: dict[bytes, int] = {}
        self.shapes: dict[int, Any] = {}  #: of heads (``_shapes.Shapes``), for the plain scan: by their line feeds
        # For the compiled scan:
        self.suspects = self._suspects()
        self.host = self.fields.get(b"host", KEEP)  #: kind of the three names that nearly every head has
        self.content_length = self.fields.get(b"content-length", KEEP)
        self.date = self.fields.get(b"date", KEEP)

    def _suspects(self) -> bytes:
        """For the compiled scan: at ``length * 32 + first letter & 31`` bit ``third letter & 7`` is set where a name may be special
        and must be looked up (all bits where there is no third letter)."""
        marks = bytearray(64 * 32)
        for name in self.fields:
            if len(name) < 64:
                marks[len(name) * 32 + (name[0] & 31)] |= 1 << (name[2] & 7) if len(name) > 2 else 255
        for length in range(len(b"x-forwarded-"), 64):
            marks[length * 32 + (ord("x") & 31)] |= 1 << (ord("f") & 7)
        return bytes(marks)

    def learn(self, name: bytes) -> int:
        """The kind of a name not seen before, or -1 when it is not a token."""
        if is_token(name) is None:
            return -1
        kind = self._classify(name.lower())
        if len(self.seen) < SEEN_MAX and len(name) <= SEEN_NAME_MAX:
            self.seen[name] = kind
        return kind

    def _classify(self, name: bytes) -> int:
        kind = self.fields.get(name)
        if kind is not None:
            return kind
        if name.startswith(b"x-forwarded-") and not self.keep_forwarded:
            return DROP
        if b"_" in name:
            alias = name.replace(b"_", b"-")
            if alias in self.fields or alias in PROTECTED or alias.startswith(b"x-forwarded-"):
                return DROP
        return KEEP


def is_own(name: bytes, own: frozenset[bytes]) -> bool:
    """Whether the lower-case ``name``, or what CGI-style services read as it, is of ``own``, those that filters cannot change."""
    return name.replace(b"_", b"-") in own


def field_line(name: bytes, value: bytes, own: frozenset[bytes]) -> bytes:
    """The line of a field that a filter adds, with its CRLF.

    Raises:
        ValueError: the name is no token in lower case or one of ``own``; the value has a byte that no field has (RFC 9110 section 5.5).
    """
    refuse_name(name, own)
    if value.translate(None, LINE_BYTES):
        raise ValueError(f"the value of {name!r} has a control character")
    return name + b": " + value + b"\r\n"


def refuse_name(name: bytes, own: frozenset[bytes]) -> None:
    """Raise ValueError if no filter can change a field of this name."""
    if (name, own) in _CHANGEABLE:
        return
    if is_token(name) is None or name != name.lower():
        raise ValueError(f"{name!r} is not the name of a header field in lower case")
    if is_own(name, own):
        raise ValueError(f"the gateway writes {name!r} itself: no filter can change it")
    if len(_CHANGEABLE) < SEEN_MAX and len(name) <= SEEN_NAME_MAX:
        _CHANGEABLE.add((name, own))


def is_forbidden_trailer(name: bytes) -> bool:
    """Whether a trailer of this lower-case name is dropped."""
    if name == b"content-digest":  # made for trailers (RFC 9530 section 2)
        return False
    name = name.replace(b"_", b"-")
    return name in FORBIDDEN_TRAILERS or name.startswith((b"x-forwarded-", b"sec-", b"content-"))


def find_field(head: bytes, name: bytes) -> bytes | None:
    """Value of the field ``name`` (lower-case) in a complete head: repeated lines joined with ``", "``, None when absent.

    Linear in the head and meant for filters and conditions that look at few fields; the framing fields have attributes.  The first line
    is none of a field, so nothing is to be found there.
    """
    return field_lines.value_of(head, name)


def is_hopeless(data: bytes, checked: int = 0) -> bool:
    """Whether an incomplete head has bytes that no more bytes can mend.

    ``checked``: bytes at its beginning that were found fine before.  They are not looked at again, or a head that arrives byte by byte
    would cost the square of its size.
    """
    if checked > 1:
        start = checked - 1  # it may be a CR that waited for its LF
        data = data[start - 1 :] if data[start : start + 1] == b"\n" else data[start:]
    if data.translate(None, HEAD_BYTES):
        return True
    newlines = data.count(b"\n")
    pairs = data.count(b"\r\n")
    returns = data.count(b"\r") - (1 if data[-1:] == b"\r" else 0)
    return newlines != pairs or returns != pairs
