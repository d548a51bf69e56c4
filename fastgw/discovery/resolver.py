"""One look-up of a name: asynchronous, by c-ares, bounded in time whatever a name server does.

``/etc/hosts``, ``/etc/resolv.conf`` (servers, search, ndots) and the order of both in ``/etc/nsswitch.conf`` count as for every program;
other sources that nsswitch knows (mDNS, LDAP) are not asked.

Each look-up has a c-ares channel of its own.  That costs 0.3 ms and is worth it: the files are read as they are now, what one silent name
does to the standing of a server concerns no other name, and no cache stands between us and the name server (that of c-ares can keep an
empty answer for an hour: c-ares #1293).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from socket import AF_UNSPEC, AddressFamily
from typing import Any, TypeVar

import pycares

from fastgw.core.live.news import NOT_FOUND, SILENT
from fastgw.discovery.look_ups import FAILED, Found, FoundTargets, LookUpError, SrvTarget

HOSTS = "/etc/hosts"
TRIES = 2  #: rounds over the name servers, the second with twice the patience of the first
_T = TypeVar("_T")
_SOCK_STREAM = 1  # one entry for each address instead of one for each kind of socket


async def look_up(
    host: str, servers: Sequence[str] = (), limit: float = 5.0, family: AddressFamily = AF_UNSPEC
) -> Found:
    """The addresses of ``host``.

    Args:
        host: its name.
        servers: ``address:port`` of the name servers to ask instead of those of ``/etc/resolv.conf``.
        limit: seconds it may take.
        family: ``AF_INET`` or ``AF_INET6``, if only those are asked for; else both, and one whose question fails is left out if the other
            has addresses.

    Raises:
        LookUpError: there are none, or nobody said so in time.
    """

    async def ask(query: _Query) -> Found:
        result = await query.run(
            lambda channel, done: channel.getaddrinfo(host, None, family=family, type=_SOCK_STREAM, callback=done)
        )
        addresses = _without_inventions(host, tuple(dict.fromkeys(node.addr[0].decode() for node in result.nodes)))
        if not addresses:
            raise _error(pycares.errno.ARES_ENODATA)
        return Found(addresses, min(one.ttl for one in (*result.nodes, *result.cnames)))

    return await _bounded(ask, servers, limit)


async def look_up_targets(name: str, servers: Sequence[str] = (), limit: float = 5.0) -> FoundTargets:
    """The places of the service ``name``, such as ``_http._tcp.vision.test``, by its records SRV; else as ``look_up``."""

    async def ask(query: _Query) -> FoundTargets:
        result = await query.run(lambda channel, done: channel.search(name, pycares.QUERY_TYPE_SRV, callback=done))
        records = [one for one in result.answer if one.type == pycares.QUERY_TYPE_SRV]
        if not records:
            raise LookUpError(NOT_FOUND, "has no SRV records")
        targets = [
            SrvTarget(one.target.rstrip("."), one.port, one.priority, one.weight) for one in (r.data for r in records)
        ]
        return FoundTargets(tuple(targets), min(one.ttl for one in result.answer))

    return await _bounded(ask, servers, limit)


async def _bounded(ask: Callable[[_Query], Awaitable[_T]], servers: Sequence[str], limit: float) -> _T:
    query = _Query(servers, limit)
    try:
        async with asyncio.timeout(limit):
            return await ask(query)
    except TimeoutError:
        raise LookUpError.late(limit) from None
    finally:
        query.close()


class _Query:
    """A channel of c-ares on the running loop, for one question."""

    def __init__(self, servers: Sequence[str], limit: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._watched: set[int] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        try:
            self._channel = pycares.Channel(
                sock_state_cb=self._on_socket, timeout=limit / (2**TRIES - 1), tries=TRIES, servers=servers or None
            )
        except pycares.AresError as error:
            raise LookUpError(FAILED, f"cannot be looked up: {error}") from None

    async def run(self, begin: Callable[[pycares.Channel, Callable[[Any, int | None], None]], None]) -> Any:
        """What the question finds that ``begin`` asks of a channel, to be told to its second argument; raises LookUpError."""
        answer: asyncio.Future[tuple[Any, int | None]] = self._loop.create_future()

        def on_answer(result: Any, error: int | None) -> None:
            if not answer.done():
                answer.set_result((result, error))

        begin(self._channel, on_answer)
        self._arm()
        result, error = await answer
        if error is not None:
            raise _error(error)
        return result

    def close(self) -> None:
        """End what is still asked.  c-ares does so in a thread of its own, which must find nothing of ours any more."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        for fd in self._watched:
            self._loop.remove_reader(fd)
            self._loop.remove_writer(fd)
        self._channel.close()

    def _on_socket(self, fd: int, is_readable: bool, is_writable: bool) -> None:
        """c-ares wants to be told of these events of ``fd``; of none: it is about to close it."""
        if self._is_closed:
            return
        self._watched.add(fd)
        if is_readable:
            self._loop.add_reader(fd, self._process, fd, pycares.ARES_SOCKET_BAD)
        else:
            self._loop.remove_reader(fd)
        if is_writable:
            self._loop.add_writer(fd, self._process, pycares.ARES_SOCKET_BAD, fd)
        else:
            self._loop.remove_writer(fd)
        if not is_readable and not is_writable:
            self._watched.discard(fd)

    def _process(self, read: int, write: int) -> None:
        self._channel.process_fd(read, write)
        self._arm()

    def _arm(self) -> None:
        """Let c-ares look at the time when it next has to: a server may have been silent long enough."""
        if self._timer is not None:
            self._timer.cancel()
        seconds: float = max(self._channel.timeout(1.0), 0.01)  # type: ignore[no-untyped-call]
        self._timer = self._loop.call_later(seconds, self._process, pycares.ARES_SOCKET_BAD, pycares.ARES_SOCKET_BAD)


def _without_inventions(host: str, addresses: tuple[str, ...]) -> tuple[str, ...]:
    """c-ares adds ::1 or 127.0.0.1 to ``localhost`` where the hosts file has only one of them, and nobody may be there."""
    if host.rpartition(".")[2] != "localhost":
        return addresses
    listed = set()
    with contextlib.suppress(OSError), open(HOSTS, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            address, *names = line.partition("#")[0].lower().split() or [""]
            if host in names:
                listed.add(address)
    return tuple(one for one in addresses if one in listed) or addresses


def _error(number: int) -> LookUpError:
    codes = pycares.errno
    if number == codes.ARES_ENOTFOUND:
        return LookUpError(NOT_FOUND, "does not exist")
    if number == codes.ARES_ENODATA:
        return LookUpError(NOT_FOUND, "has no address")
    if number == codes.ARES_ETIMEOUT:
        return LookUpError(SILENT, "was not answered for by any name server")
    if number == codes.ARES_ECONNREFUSED:
        return LookUpError(FAILED, "cannot be looked up: no name server can be reached")
    return LookUpError(FAILED, f"cannot be looked up: {codes.errorcode.get(number, number)}")
