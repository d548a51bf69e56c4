"""How a connection to an endpoint is made: the socket, TLS on it where the service has it, the ``Upstream`` on top."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, cast

from fastgw.core.upstream import Upstream

if TYPE_CHECKING:
    import asyncio

    from fastgw.core.dataplane import DataPlane
    from fastgw.core.endpoint import Address, Endpoint
    from fastgw.core.pool import Pool


async def open_upstream(pool: Pool, endpoint: Endpoint, plane: DataPlane) -> Upstream:
    """A new connection to ``endpoint`` for ``pool``; the caller bounds the time it may take.

    Raises:
        OSError: it was not made (``ssl.SSLError`` is one: the handshake failed).
    """
    loop: Any = plane.loop  # the protocols are plain classes: a compiled one cannot derive from asyncio.Protocol
    key, context = endpoint.key, endpoint.ssl
    address = key.address
    if context is None and plane.poller is not None:
        sock = await _connected(loop, address)
        upstream = Upstream(pool)
        plane.poller.adopt(sock, upstream)
        return upstream
    name = (key.tls.server_name if key.tls else "") or address.host or "localhost"
    server_name = name if context is not None else None
    if address.path:
        _, upstream = await loop.create_unix_connection(
            lambda: Upstream(pool), address.path, ssl=context, server_hostname=server_name
        )
    else:
        transport, upstream = await loop.create_connection(
            lambda: Upstream(pool), address.host, address.port, ssl=context, server_hostname=server_name
        )
        sock = transport.get_extra_info("socket")
        if sock is not None:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return cast(Upstream, upstream)


async def _connected(loop: asyncio.AbstractEventLoop, address: Address) -> socket.socket:
    """A connected, non-blocking socket.

    Raises:
        OSError: no address of the host accepted the connection.
    """
    if address.path:
        candidates: list[tuple[Any, ...]] = [(socket.AF_UNIX, socket.SOCK_STREAM, 0, "", address.path)]
    else:
        candidates = list(await loop.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
    failure: OSError | None = None
    for family, kind, protocol, _, target in candidates:
        sock = socket.socket(family, kind, protocol)
        sock.setblocking(False)
        try:
            if family != socket.AF_UNIX:
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            await loop.sock_connect(sock, target)
        except OSError as error:
            sock.close()
            failure = error
        except BaseException:
            sock.close()
            raise
        else:
            return sock
    raise failure or OSError(f"{address} has no address")
