"""How a connection to an endpoint is made: the socket, TLS on it where the service has it, the ``Http1Carrier`` on top."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

from fastgw.core.http1.carrier import Http1Carrier
from fastgw.core.net.handshake import SERVICE_PROTOCOLS

if TYPE_CHECKING:
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.live.pool import Pool
    from fastgw.core.plane import Plane
    from fastgw.core.settings import Address


async def open_carrier(pool: Pool, endpoint: Endpoint, plane: Plane) -> Http1Carrier:
    """A new connection to ``endpoint`` for ``pool``; the caller bounds the time it may take.

    Raises:
        OSError: it was not made (``ssl.SSLError`` is one: the handshake failed).
    """
    carrier: Http1Carrier
    loop: Any = plane.loop  # the protocols are plain classes: a compiled one cannot derive from asyncio.Protocol
    key, context = endpoint.key, endpoint.ssl
    address = key.address
    if context is None and plane.poller is not None:
        sock = await _connected(loop, address)
        carrier = Http1Carrier(pool)
        plane.poller.adopt(sock, carrier)
    else:
        name = (key.tls.server_name if key.tls else "") or key.configured.host or "localhost"
        options = {"ssl": context, "server_hostname": name if context is not None else None}
        if address.path:
            _, carrier = await loop.create_unix_connection(lambda: Http1Carrier(pool), address.path, **options)
        else:
            transport, carrier = await loop.create_connection(
                lambda: Http1Carrier(pool), address.host, address.port, **options
            )
            sock = transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if context is not None:
            _check_protocol(carrier)
    return carrier


def _check_protocol(carrier: Http1Carrier) -> None:
    """Raise ssl.SSLError where the service chose a protocol that was not offered: it would not understand what we say (RFC 7301 section
    3.2).  One that chooses none speaks HTTP/1.1, as it did before ALPN."""
    tls = carrier.transport.get_extra_info("ssl_object")
    chosen = tls.selected_alpn_protocol() if tls is not None else None
    if chosen not in (None, *SERVICE_PROTOCOLS):
        carrier.abort()
        words = f"the service chose the protocol {chosen}, which was not offered"
        error = ssl.SSLError(1, words)
        error.reason = words
        raise error


async def _connected(loop: Any, address: Address) -> socket.socket:
    """A connected, non-blocking socket; ``address`` has no name, so no look-up is done.

    Raises:
        OSError: the connection was not accepted.
    """
    family: int = socket.AF_UNIX
    target: Any = address.path
    if not address.path:
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        family, _, _, _, target = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=numeric
        )[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await loop.sock_connect(sock, target)
    except BaseException:
        sock.close()
        raise
    return sock
