"""What can be known of bytes that were refused before they were a request, for the line of an access log.

They broke some rule, so nothing of them is certain: what looks like a method, a path or a field is told as it came, for somebody to read,
and nothing is decided by it.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Final

from fastgw.wire.fields import find_field, is_token
from fastgw.wire.messages import Request, Response

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Client
    from fastgw.errors import GatewayError

_NO_ROUTE: Final = SimpleNamespace(name="", pattern=None)


class Refused:
    """Stands in the place of an exchange that there never was, for what reads variables."""

    asked = ""
    attempts = 0
    bytes_out = 0
    notes = None
    route = _NO_ROUTE
    service = None
    started = None

    def __init__(self, connection: Client, error: GatewayError) -> None:
        """``error.received`` is how the bytes begin."""
        from fastgw.core.exchange.body import RequestBody  # not for who only wants the names of variables

        self.client = connection
        self.error = error
        self.listener = connection.listener
        self.body = RequestBody()
        self.response = Response()
        self.response.status = error.status
        line, _, fields = error.received.lstrip(b"\r\n").partition(b"\n")
        self.line = line.rstrip(b"\r")  #: the first, as it came
        self.request = _read(self.line, fields)


def _read(line: bytes, fields: bytes) -> Request:
    """What looks like parts of a request; those that nothing looks like are empty."""
    request = Request()
    method, _, rest = line.partition(b" ")
    if rest and is_token(method):
        target = rest.partition(b" ")[0]
        path, mark, query = target.partition(b"?")
        request.method, request.target = method, target
        request.path, request.query = path, mark + query
        request.head, request.fields = b"\r\n" + fields, fields
        request.authority = find_field(request.head, b"host") or b""
        request.host = _host(request.authority)
    return request


def _host(authority: bytes) -> bytes:
    """Without the port (RFC 3986 section 3.2.2)."""
    host, _, port = authority.rpartition(b":")
    return (host if port.isdigit() else authority).lower()
