"""Where a credential is in a request: in a field, a cookie, a parameter or an offer; and what takes it out of what the service gets."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote_to_bytes

from fastgw.wire import lines as field_lines
from fastgw.wire.fields import OWN_REQUEST_FIELDS, refuse_name

if TYPE_CHECKING:
    from fastgw.wire.messages import Request

Lines = tuple[tuple[bytes, bytes], ...]
Edit = tuple[tuple[bytes, ...], Lines]  #: the fields that are removed, and those that are added
_PROTOCOL: Final = b"sec-websocket-protocol"
NOTHING: Final[Edit] = ((), ())


def _lines_of(request: Request, name: bytes) -> list[bytes]:
    """The value of each line of the field ``name`` that goes to the service."""
    return field_lines.values_of(request.fields + request.extra if request.extra else request.fields, name)


class Finder:
    """Finds credentials at one place."""

    __slots__ = ("removed",)

    def __init__(self, removed: tuple[bytes, ...] = ()) -> None:
        self.removed = removed  #: names of fields that have nothing else, and go with them

    def tokens(self, request: Request) -> list[bytes]:
        """All there are; an empty one is one, too."""
        raise NotImplementedError

    def removal(self, request: Request) -> Edit:
        """What takes them out of the request."""
        return self.removed, ()


class _Field(Finder):
    """A field that has nothing but the token; in ``authorization`` it is behind the name of a scheme, and other schemes are no token."""

    __slots__ = ("_name", "_scheme")

    def __init__(self, name: bytes, scheme: bytes = b"") -> None:
        Finder.__init__(self, (name,))
        self._name = name
        self._scheme = scheme

    def tokens(self, request: Request) -> list[bytes]:
        """See ``Finder``."""
        values = _lines_of(request, self._name)
        if not self._scheme or not values:
            return values
        if len(values) == 1:
            one = field_lines.behind(values[0], self._scheme)
            return [] if one is None else [one]
        # Or else all: who knows which of them a service reads.
        found = [one for one in values if field_lines.behind(one, self._scheme) is not None]
        return values if found else found


class _Cookie(Finder):
    """The value of a cookie (RFC 6265 section 5.4)."""

    __slots__ = ("_match",)

    def __init__(self, name: bytes) -> None:
        Finder.__init__(self)
        self._match = re.compile(rb"(?:^|[;,])[ \t]*" + re.escape(name) + rb'[ \t]*=[ \t]*"?([^;,"]*)"?[^;,]*')

    def tokens(self, request: Request) -> list[bytes]:
        """See ``Finder``."""
        return [one.strip(b" \t") for one in self._match.findall(b"; ".join(_lines_of(request, b"cookie")))]

    def removal(self, request: Request) -> Edit:
        """See ``Finder``; other cookies stay."""
        rest = self._match.sub(b"", b"; ".join(_lines_of(request, b"cookie"))).strip(b" \t;,")
        return (b"cookie",), ((b"cookie", rest),) if rest else ()


class _Parameter(Finder):
    """A parameter of the query, whose name may have escapes."""

    __slots__ = ("_name",)

    def __init__(self, name: bytes) -> None:
        Finder.__init__(self)
        self._name = name

    def _is_it(self, pair: bytes) -> bool:
        return unquote_to_bytes(pair.partition(b"=")[0].replace(b"+", b" ")) == self._name

    def tokens(self, request: Request) -> list[bytes]:
        """See ``Finder``."""
        pairs = request.query[1:].split(b"&")
        return [unquote_to_bytes(pair.partition(b"=")[2]) for pair in pairs if self._is_it(pair)]

    def removal(self, request: Request) -> Edit:
        """See ``Finder``; it is done here, and other parameters stay."""
        rest = b"&".join([pair for pair in request.query[1:].split(b"&") if not self._is_it(pair)])
        request.query = b"?" + rest if rest else b""
        request.target = request.path + request.query
        return NOTHING


class _Subprotocol(Finder):
    """What is offered as a subprotocol of a WebSocket (RFC 6455 section 4.1) behind a name: pages can set no other field of one."""

    __slots__ = ("_name",)

    def __init__(self, name: bytes) -> None:
        Finder.__init__(self)
        self._name = name

    def _parts(self, request: Request) -> tuple[list[bytes], list[bytes]]:
        """The tokens, and the other offers."""
        offers = [one.strip(b" \t") for line in _lines_of(request, _PROTOCOL) for one in line.split(b",")]
        found: list[bytes] = []
        rest: list[bytes] = []
        is_token = False
        for one in offers:
            if is_token:
                found.append(one)
                is_token = False
            elif one == self._name:
                is_token = True
            else:
                rest.append(one)
        return ([*found, b""] if is_token else found), rest

    def tokens(self, request: Request) -> list[bytes]:
        """See ``Finder``."""
        return self._parts(request)[0]

    def removal(self, request: Request) -> Edit:
        """See ``Finder``; other offers stay."""
        rest = b", ".join(self._parts(request)[1])
        return (_PROTOCOL,), ((_PROTOCOL, rest),) if rest else ()


def finder(place: str, scheme: bytes = b"bearer") -> Finder:
    """What finds credentials at ``place``: authorization (behind ``scheme``, in lower case), ``header:NAME``, ``cookie:NAME``,
    ``query:NAME`` or ``subprotocol:NAME``."""
    kind, _, name = place.partition(":")
    if kind == "cookie":
        return _Cookie(name.encode())
    if kind == "query":
        return _Parameter(name.encode())
    if kind == "subprotocol":
        return _Subprotocol(name.encode())
    return _Field(name.encode()) if kind == "header" else _Field(b"authorization", scheme)


def edit(request: Request, removal: Edit, fields: frozenset[bytes], told: Lines) -> None:
    """Send ``told``, and nothing that a client says in the place of ``fields``, in whatever spelling CGI-style services read as the same;
    and not what ``removal`` takes out."""
    removed, added = removal
    if fields:
        removed = (*removed, *fields)
        removed += tuple(field_lines.names_like(request.fields + request.extra, fields))
    if removed:
        request.edit(removed, added + told)


class Editor:
    """``edit``, where all but the values is known before any request: what credentials are found by, and the fields that tell who it is."""

    __slots__ = ("_after", "_before", "_fields", "_is_gone", "_names", "_place", "_removed")

    def __init__(self, place: Finder | None, fields: frozenset[bytes]) -> None:
        """``place``: whose credentials are taken out; None: they stay.  ``fields``: what is told, lower-case.

        Raises:
            ValueError: one of the fields cannot be changed.
        """
        self._place = place
        self._fields = fields
        self._removed = (*(place.removed if place is not None else ()), *fields)
        self._is_gone = place is None or bool(place.removed)  # whether nothing else is to be taken out
        for name in self._removed:
            refuse_name(name, OWN_REQUEST_FIELDS)
        self._names = frozenset(self._removed)
        # Sets of names are the same objects for all requests that meet the same filters, so to unite them once is enough.
        self._before: frozenset[bytes] | None = None
        self._after = self._names

    def edit(self, request: Request, lines: bytes) -> None:
        """Send ``lines`` of our fields, made by ``field_line``, and no credentials."""
        if not self._is_gone:
            assert self._place is not None
            edit(request, self._place.removal(request), frozenset(), ())
        if self._fields:
            like = field_lines.names_like(request.fields, self._fields)
            if request.extra:
                like = like | field_lines.names_like(request.extra, self._fields)
            if like:
                request.edit(tuple(like), ())
        if self._removed:
            request.change(self._removed, lines, self._united(request.edited))

    def _united(self, edited: frozenset[bytes] | None) -> frozenset[bytes]:
        """``edited`` and the names of ours."""
        if edited is None:
            return self._names
        if edited is not self._before:
            self._before, self._after = edited, edited | self._names
        return self._after
