"""How a connection to an endpoint is made: the socket, TLS on it where the service has it, the protocol on top."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING, Any

from fastgw.core.http1.carrier import Http1Carrier

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable

    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.live.pool import Pool
    from fastgw.core.plane import Plane
    from fastgw.core.settings import Address


async def open_carrier(
    pool: Pool, endpoint: Endpoint, plane: Plane, kind: Callable[[Pool], Http1Carrier] = Http1Carrier
) -> Http1Carrier:
    """A new connection of HTTP/1.1 to ``endpoint`` for ``pool``, of this ``kind``; the caller bounds the time it may take.

    Raises:
        OSError: it was not made (``ssl.SSLError`` is one: the handshake failed).
    """
    carrier: Http1Carrier = await connected(lambda: kind(pool), endpoint, plane)
    chosen = chosen_protocol(carrier.transport) if endpoint.ssl is not None else None
    if chosen not in (None, "http/1.1"):
        # It would not understand what we say.  One that chooses none speaks HTTP/1.1, as it did before ALPN.
        carrier.abort()
        raise refused(f"the service chose the protocol {chosen}, which was not offered")
    return carrier


async def connected(make: Callable[[], Any], endpoint: Endpoint, plane: Plane) -> Any:
    """What ``make`` has made, the protocol of a new connection to ``endpoint``.

    Raises:
        OSError: as ``open_carrier``.
    """
    loop: Any = plane.loop  # the protocols are plain classes: a compiled one cannot derive from asyncio.Protocol
    key, context = endpoint.key, endpoint.ssl
    address = key.address
    if context is None and plane.poller is not None:
        sock = await _connected(loop, address)
        made = make()
        plane.poller.adopt(sock, made)
    else:
        name = (key.tls.server_name if key.tls else "") or key.configured.host or "localhost"
        options = {"ssl": context, "server_hostname": name if context is not None else None}
        if address.path:
            _, made = await loop.create_unix_connection(make, address.path, **options)
        else:
            transport, made = await loop.create_connection(make, address.host, address.port, **options)
            sock = transport.get_extra_info("socket")
            if sock is not None:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return made


def chosen_protocol(transport: Any) -> str | None:
    """What ALPN has chosen (RFC 7301 section 3.2) on this connection; None: there was no choice."""
    tls = transport.get_extra_info("ssl_object")
    chosen: str | None = tls.selected_alpn_protocol() if tls is not None else None
    return chosen


def refused(words: str) -> ssl.SSLError:
    """The error of a handshake that has come to nothing of use, in ``words``."""
    error = ssl.SSLError(1, words)
    error.reason = words
    return error


async def _connected(loop: Any, address: Address) -> socket.socket:
    """A connected, non-blocking socket; ``address`` has no name, so no look-up is done.

    Raises:
        OSError: the connection was not accepted.
    """
    family: int = socket.AF_UNIX
    target: Any = address.path
    if not address.path and ":" not in address.host:
        family, target = socket.AF_INET, (address.host, address.port)
    elif not address.path:  # it may have a zone
        numeric = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
        family, _, _, _, target = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=numeric
        )[0]
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setblocking(False)
        if family != socket.AF_UNIX:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await _connect(loop, sock, target)
    except BaseException:
        sock.close()
        raise
    return sock


async def _connect(loop: Any, sock: socket.socket, target: Any) -> None:
    """Connect ``sock``; ``sock_connect`` of uvloop has a thread look even an address of numbers up, which costs more than the connection.

    Raises:
        OSError: as ``_connected``.
    """
    problem = sock.connect_ex(target)
    if problem == errno.EINPROGRESS:
        decided = loop.create_future()
        loop.add_writer(sock, _decide, decided)
        try:
            await decided
        finally:
            loop.remove_writer(sock)
        problem = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    if problem:
        raise OSError(problem, os.strerror(problem))


def _decide(decided: asyncio.Future[None]) -> None:
    if not decided.done():  # the time for it may be over
        decided.set_result(None)
