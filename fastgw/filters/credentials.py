"""Where a credential is in a request: in a field, a cookie or a parameter; and what takes it out of what the service gets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from fastgw.wire.lines import names_like, values_of

if TYPE_CHECKING:
    from fastgw.wire.messages import Request

Lines = tuple[tuple[bytes, bytes], ...]
Edit = tuple[tuple[bytes, ...], Lines]  #: the fields that are removed, and those that are added
NOTHING: Final[Edit] = ((), ())


def _lines_of(request: Request, name: bytes) -> list[bytes]:
    """The value of each line of the field ``name`` that goes to the service."""
    return values_of(request.fields + request.extra, name)


class _Field:
    """A field that has nothing but the token; in ``authorization`` it is behind the name of a scheme, and other schemes are no token."""

    def __init__(self, name: bytes, scheme: bytes = b"") -> None:
        self._name = name
        self._scheme = scheme

    def tokens(self, request: Request) -> list[bytes]:
        """All there are; an empty one is one, too."""
        values = _lines_of(request, self._name)
        if not self._scheme:
            return values
        size = len(self._scheme)
        found = [value[size:] for value in values if value[:size].lower() == self._scheme]
        if found and len(values) > 1:
            return values  # who knows which of them a service reads
        return [one.strip(b" ") if one[:1] == b" " else b"" for one in found]

    def removal(self, request: Request) -> Edit:
        """What takes it out of the request."""
        return (self._name,), ()


class _Cookie:
    """The value of a cookie (RFC 6265 section 5.4)."""

    def __init__(self, name: bytes) -> None:
        self._match = re.compile(rb"(?:^|[;,])[ \t]*" + re.escape(name) + rb'[ \t]*=[ \t]*"?([^;,"]*)"?[^;,]*')

    def tokens(self, request: Request) -> list[bytes]:
        """See ``_Field``."""
        return [one.strip(b" \t") for one in self._match.findall(b"; ".join(_lines_of(request, b"cookie")))]

    def removal(self, request: Request) -> Edit:
        """See ``_Field``; other cookies stay."""
        rest = self._match.sub(b"", b"; ".join(_lines_of(request, b"cookie"))).strip(b" \t;,")
        return (b"cookie",), ((b"cookie", rest),) if rest else ()


class _Parameter:
    """A parameter of the query, whose name may have escapes."""

    def __init__(self, name: bytes) -> None:
        self._name = name

    def _is_it(self, pair: bytes) -> bool:
        return unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")) == self._name

    def tokens(self, request: Request) -> list[bytes]:
        """See ``_Field``."""
        pairs = request.query[1:].split(b"&")
        return [unquote_to_bytes(pair.partition(b"=")[2]) for pair in pairs if self._is_it(pair)]

    def removal(self, request: Request) -> Edit:
        """See ``_Field``; it is done here, and other parameters stay."""
        rest = b"&".join([pair for pair in request.query[1:].split(b"&") if not self._is_it(pair)])
        request.query = b"?" + rest if rest else b""
        request.target = request.path + request.query
        return NOTHING


Finder = _Field | _Cookie | _Parameter


def finder(place: str, scheme: bytes = b"bearer") -> Finder:
    """What finds credentials at ``place``: authorization (behind ``scheme``, in lower case), ``header:NAME``, ``cookie:NAME`` or
    ``query:NAME``."""
    kind, _, name = place.partition(":")
    if kind == "cookie":
        return _Cookie(name.encode())
    if kind == "query":
        return _Parameter(name.encode())
    return _Field(name.encode()) if kind == "header" else _Field(b"authorization", scheme)


def edit(request: Request, removal: Edit, fields: frozenset[bytes], told: Lines) -> None:
    """Send ``told``, and nothing that a client says in the place of ``fields``, in whatever spelling CGI-style services read as the same;
    and not what ``removal`` takes out."""
    removed, added = removal
    if fields:
        removed = (*removed, *fields)
        removed += tuple(names_like(request.fields + request.extra, fields))
    if removed:
        request.edit(removed, added + told)
