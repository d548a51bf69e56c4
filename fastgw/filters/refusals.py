"""What can be known of bytes that were refused before they were a request, for the line of an access log.

They broke some rule, so nothing of them is certain: what looks like a method, a path or a field is told as it came, for somebody to read,
and nothing is decided by it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastgw.core.exchange.ends import Exchange
from fastgw.wire.fields import find_field, is_token

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Client
    from fastgw.errors import GatewayError


def refused_exchange(connection: Client, error: GatewayError) -> Exchange:
    """What stands in the place of the exchange that there never was, for those who read variables; ``error.received`` is how the bytes
    begin.

    It began at no time (-1), and belongs to no plane.  Of its request it has what looks like parts of one; those that nothing looks like
    are empty.
    """
    none: Any = None
    exchange = Exchange(none)
    exchange.client = connection
    exchange.listener = connection.listener
    exchange.route = connection.listener.fallbacks.first
    exchange.started = -1.0
    exchange.error = error
    exchange.response.status = error.status
    request = exchange.request
    method, _, rest = first_line(error).partition(b" ")
    if rest and is_token(method):
        target = rest.partition(b" ")[0]
        path, mark, query = target.partition(b"?")
        request.method, request.target = method, target
        request.path, request.query = path, mark + query
        request.fields = error.received.lstrip(b"\r\n").partition(b"\n")[2]
        request.head = b"\r\n" + request.fields
        request.authority = find_field(request.head, b"host") or b""
        request.host = _host(request.authority)
    return exchange


def first_line(error: GatewayError) -> bytes:
    """Of what was refused, as it came."""
    return error.received.lstrip(b"\r\n").partition(b"\n")[0].rstrip(b"\r")


def _host(authority: bytes) -> bytes:
    """Without the port (RFC 3986 section 3.2.2)."""
    host, _, port = authority.rpartition(b":")
    return (host if port.isdigit() else authority).lower()
