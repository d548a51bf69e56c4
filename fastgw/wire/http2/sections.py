"""Http2Field sections as heads of HTTP/1.1, and the rules that only HTTP/2 has (RFC 9113 sections 8.1 to 8.3).

What is left to the readers of heads: whether the target, the authority and the length are any, which methods are served, which fields pass.
"""

from __future__ import annotations

from typing import Final

from fastgw.wire import scan
from fastgw.wire.fields import is_forbidden_trailer, is_token
from fastgw.wire.http2.errors import PROTOCOL_ERROR, StreamError
from fastgw.wire.http2.field import NAME_SIZE_MAX, Http2Field
from fastgw.wire.http2.field_kinds import (
    AUTHORITY,
    COOKIE,
    HOST,
    MALFORMED,
    METHOD,
    PATH,
    PLAIN,
    PROTOCOL,
    SCHEME,
    STATUS,
)
from fastgw.wire.serialize import status_line

PASSING_MAX: Final = 1024  #: names of trailers remembered
_METHODS: Final = frozenset((b"GET", b"HEAD", b"POST", b"PUT", b"PATCH", b"DELETE", b"OPTIONS"))  # tokens, as is known
_passing: set[bytes] = set()  # of those that may stand behind a body
_firsts: dict[bytes, bytes] = {}  # lines of statuses, which have three digits


class RequestSection:
    """The field section of a request.

    Attributes:
        head: what an HTTP/1.1 client would have sent, with its empty line.
        protocol: what an extended CONNECT asks for (RFC 8441); empty: the request is no such.
    """

    __slots__ = ("authority", "head", "method", "path", "protocol", "scheme")

    def __init__(self) -> None:
        self.head = self.method = self.scheme = self.authority = self.path = self.protocol = b""

    def read(self, stream: int, fields: list[Http2Field]) -> None:
        """Take it.

        Raises:
            StreamError: PROTOCOL_ERROR: the request is malformed (section 8.1.1).
        """
        self.method = self.scheme = self.authority = self.path = self.protocol = b""
        lines: list[bytes] = [b""]
        cookies: list[bytes] = []
        host: Http2Field | None = None
        seen, is_inside = 0, False
        for field in fields:
            kind = field.kind
            if kind == PLAIN:
                is_inside = True
                lines.append(field.line)
            elif kind <= PROTOCOL:
                if is_inside or seen >> kind & 1:
                    raise malformed(stream, f"{field.name.decode()} stands behind other fields, or twice")
                seen |= 1 << kind
                self._take(kind, field.value)
            elif kind == COOKIE:
                is_inside = True
                cookies.append(field.value)
            elif kind == HOST:
                if host is not None:
                    raise malformed(stream, "there is more than one host")
                is_inside, host = True, field
            else:
                problem = field.problem() if kind == MALFORMED else "a request has no :status"
                raise malformed(stream, problem)
        self._check(stream, seen, host)
        if cookies:  # which are sent apart for better compression (section 8.2.3)
            lines.append(b"cookie: %b\r\n" % b"; ".join(cookies))
        method = b"GET" if self.protocol else self.method
        lines[0] = scan.join((method, b" ", self.path, b" HTTP/1.1\r\nhost: ", self.authority, b"\r\n"))
        lines.append(b"\r\n")
        self.head = b"".join(lines)

    def _take(self, kind: int, value: bytes) -> None:
        if kind == METHOD:
            self.method = value
        elif kind == PATH:
            self.path = value
        elif kind == SCHEME:
            self.scheme = value
        elif kind == AUTHORITY:
            self.authority = value
        else:
            self.protocol = value

    def _check(self, stream: int, seen: int, host: Http2Field | None) -> None:
        """Whether what must be there is, and can stand in the first line of a head (section 8.3.1)."""
        if self.method not in _METHODS and is_token(self.method) is None:
            raise malformed(stream, "there is no :method, or none that is a token")
        if self.method == b"CONNECT" and not seen >> PROTOCOL & 1:
            if self.scheme or self.path or not self.authority:
                raise malformed(stream, "CONNECT has :authority alone")
            self.path = self.authority
        elif not self.scheme or not self.path:
            raise malformed(stream, "there is no :scheme or no :path")
        elif seen >> PROTOCOL & 1 and (self.method != b"CONNECT" or not self.authority or not self.protocol):
            raise malformed(stream, ":protocol stands without CONNECT and :authority, or is empty")
        elif self.path[0] != 0x2F and not (self.path == b"*" and self.method == b"OPTIONS"):
            raise malformed(stream, ":path does not begin with '/'")
        if b" " in self.path or b"\t" in self.path:
            raise malformed(stream, ":path has white space")
        if host is not None:
            if self.authority and host.value.lower() != self.authority.lower():
                raise malformed(stream, "host and :authority differ")
            self.authority = host.value
        if b" " in self.authority or b"@" in self.authority or b"\t" in self.authority:
            raise malformed(stream, ":authority has white space or user information")


def read_trailers(stream: int, fields: list[Http2Field]) -> bytes:
    """The lines of a section behind a body, without those that may not stand there (RFC 9110 section 6.5.1).

    Raises:
        StreamError: PROTOCOL_ERROR: it is malformed: a pseudo-field stands in it (section 8.1).
    """
    for field in fields:
        if METHOD <= field.kind <= STATUS or field.kind == MALFORMED:
            raise malformed(stream, field.problem() if field.kind == MALFORMED else "trailers have no pseudo-fields")
    return b"".join([field.line for field in fields if field.name in _passing or _passes(field.name)])


def _passes(name: bytes) -> bool:
    if is_forbidden_trailer(name):
        return False
    if len(_passing) < PASSING_MAX and len(name) <= NAME_SIZE_MAX:
        _passing.add(name)
    return True


def read_response(stream: int, fields: list[Http2Field]) -> bytes:
    """The head that a service of HTTP/1.1 would have sent, with its empty line.

    Raises:
        StreamError: PROTOCOL_ERROR: it is malformed.
    """
    if not fields or fields[0].kind != STATUS:
        raise malformed(stream, "the first field is not :status")
    status = fields[0].value
    first = _firsts.get(status)
    if first is None:
        if len(status) != 3 or not status.isdigit() or status[0] == 0x30:
            raise malformed(stream, ":status is no status")
        first = _firsts[status] = status_line(int(status))
    lines = [first]
    for field in fields:
        if field.kind == MALFORMED or (METHOD <= field.kind <= STATUS and field is not fields[0]):
            raise malformed(
                stream, field.problem() if field.kind == MALFORMED else "a pseudo-field stands where none may"
            )
        lines.append(field.line)  # of :status it is empty
    lines.append(b"\r\n")
    return b"".join(lines)


def malformed(stream: int, detail: str) -> StreamError:
    """A message that is malformed (section 8.1.1)."""
    return StreamError(stream, PROTOCOL_ERROR, f"the message is malformed: {detail}")
