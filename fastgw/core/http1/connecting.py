"""How a connection to an endpoint is made: the socket, TLS on it where the service has it, the ``Http1Carrier`` on top.

Where the endpoint's name has several addresses they are tried in turn, and none is waited for: when one has neither accepted nor refused
within ``ATTEMPT_DELAY`` the next one is tried beside it, and the first connection that is made is taken (RFC 8305 section 5, with TLS as
part of an attempt).
"""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections import deque
from typing import TYPE_CHECKING, Any

from fastgw.core.http1.carrier import Http1Carrier
from fastgw.core.net.handshake import SERVICE_PROTOCOLS

if TYPE_CHECKING:
    from fastgw.core.live.addresses import Addresses, Place
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.live.pool import Pool
    from fastgw.core.plane import Plane

#: Seconds until the next address is tried beside (RFC 8305 section 8); less if time would not do for all.
ATTEMPT_DELAY = 0.25


async def open_carrier(pool: Pool, endpoint: Endpoint, plane: Plane) -> Http1Carrier:
    """A new connection to ``endpoint``, which has at least one address, for ``pool``; the caller bounds the time it may take.

    Raises:
        OSError: it was not made (``ssl.SSLError`` is one: the handshake failed); of several addresses this is about the last.
    """
    addresses: Addresses = endpoint.addresses
    places = addresses.places
    if len(places) > 1:
        delay = min(ATTEMPT_DELAY, pool.settings.connect_timeout / (len(places) + 1))
        return await _Race(pool, endpoint, plane, delay).run(places)
    place = places[0]
    try:
        carrier = await _connect(pool, endpoint, plane, place)
    except asyncio.CancelledError:
        addresses.failed(place, TimeoutError())
        raise
    except OSError as error:
        addresses.failed(place, error)
        raise
    addresses.worked(place)
    return carrier


class _Race:
    """One connection that is sought at several addresses."""

    def __init__(self, pool: Pool, endpoint: Endpoint, plane: Plane, delay: float) -> None:
        self._pool = pool
        self._endpoint = endpoint
        self._plane = plane
        self._delay = delay
        self._running: dict[asyncio.Task[Http1Carrier], Place] = {}  # in the order they began

    async def run(self, places: tuple[Place, ...]) -> Http1Carrier:
        """The first connection that is made; raise what the last address failed with."""
        addresses: Addresses = self._endpoint.addresses
        waiting = deque(places)
        failure: BaseException | None = None
        try:
            while waiting or self._running:
                if waiting:
                    self._begin(waiting.popleft())
                done, _ = await asyncio.wait(
                    self._running, timeout=self._delay if waiting else None, return_when=asyncio.FIRST_COMPLETED
                )
                for task in [one for one in self._running if one in done]:
                    failure = task.exception()
                    if failure is None:
                        return self._won(task)
                    addresses.failed(self._running.pop(task), failure)
        except asyncio.CancelledError:
            for place in self._running.values():
                addresses.failed(place, TimeoutError())
            raise
        finally:
            for task in self._running:
                task.cancel()
                task.add_done_callback(_abandon)
        assert failure is not None
        raise failure

    def _begin(self, place: Place) -> None:
        loop = self._plane.loop
        self._running[loop.create_task(_connect(self._pool, self._endpoint, self._plane, place))] = place

    def _won(self, winner: asyncio.Task[Http1Carrier]) -> Http1Carrier:
        """Whoever began earlier and is still at it has had its time."""
        addresses: Addresses = self._endpoint.addresses
        for task, place in list(self._running.items()):
            if task is winner:
                break
            if not task.done():
                addresses.failed(place, TimeoutError())
        addresses.worked(self._running.pop(winner))
        return winner.result()


def _abandon(task: asyncio.Task[Http1Carrier]) -> None:
    """An attempt that lost: a connection that it made all the same is closed."""
    if not task.cancelled() and task.exception() is None:
        task.result().abort()


async def _connect(pool: Pool, endpoint: Endpoint, plane: Plane, place: Place) -> Http1Carrier:
    carrier: Http1Carrier
    loop: Any = plane.loop  # the protocols are plain classes: a compiled one cannot derive from asyncio.Protocol
    key, context = endpoint.key, endpoint.ssl
    address = place.address
    if context is None and plane.poller is not None:
        sock = await _connected(loop, place)
        carrier = Http1Carrier(pool)
        plane.poller.adopt(sock, carrier)
    else:
        name = (key.tls.server_name if key.tls else "") or key.address.host or "localhost"
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
    if endpoint.addresses.is_named:
        carrier.place = place
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


async def _connected(loop: Any, place: Place) -> socket.socket:
    """A connected, non-blocking socket.

    Raises:
        OSError: the connection was not accepted.
    """
    family, target = place.target
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
