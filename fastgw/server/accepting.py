"""Where a worker accepts: its sockets, the server on each, and the connections that wait when one is closed."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastgw.config.spec import ListenerSpec
from fastgw.core import counters
from fastgw.core.causes import words
from fastgw.core.dataplane import DataPlane
from fastgw.core.net.sockets import Closable
from fastgw.core.opening.entrance import Entrance
from fastgw.core.opening.opening import Terms
from fastgw.core.opening.openings import Openings
from fastgw.core.protocols import client_factory, make_client
from fastgw.core.settings import MQTT
from fastgw.server.listening import BACKLOG, take_waiting
from fastgw.server.log import Log

DRAIN_PAUSE: Final = 0.3  #: seconds in which a request that is on its way still finds its connection open
LET_GO_EVERY: Final = 1.0  #: seconds between two looks at the connections of a listener that is gone
QUIET_PAUSE: Final = 0.01  #: instead of DRAIN_PAUSE when there is no connection


@dataclass(slots=True)
class Accepting:
    """A listener at work: our copy of its socket, and the server on a copy of that."""

    spec: ListenerSpec
    sock: socket.socket
    server: Closable
    terms: Terms | None


class Acceptance:
    """The listeners of one worker, by the key of their address."""

    def __init__(self, plane: DataPlane, log: Log) -> None:
        self._plane = plane
        self._log = log
        self._loop = plane.loop
        self._openings = Openings(plane, make_client, self._on_trouble)
        self.sockets: dict[str, socket.socket] = {}  #: those we hold, of what is served and of what is prepared
        self.at_work: dict[str, Accepting] = {}  #: empty: nobody is served yet, or any more
        self._adopting: set[asyncio.Task[None]] = set()
        if plane.poller is not None:
            plane.poller.on_starved = self._on_starved

    @property
    def pause(self) -> float:
        """Seconds after which no request can be on its way any more, once nothing is accepted."""
        is_quiet = not self._plane.connections and not self._adopting and not self._openings
        return QUIET_PAUSE if is_quiet else DRAIN_PAUSE

    def hold(self, addresses: Iterable[str], fds: Iterable[int]) -> None:
        """Take the sockets at ``addresses``, from their descriptors."""
        for address, fd in zip(addresses, fds, strict=True):
            self.sockets[address] = socket.socket(fileno=fd)

    def drop_unused(self) -> None:
        """Close the sockets that nobody is served at: what they were for is not wanted any more."""
        for address in list(self.sockets):
            if address not in self.at_work:
                self.sockets.pop(address).close()

    async def leave(self, wanted: Mapping[str, ListenerSpec]) -> None:
        """Stop accepting for listeners that are not among ``wanted``, or not by their name; their connections follow.

        Before the swap of the snapshot: after it the name of a listener may be unknown.
        """
        for address in list(self.at_work):
            name = self.at_work[address].spec.name
            if address not in wanted:
                await self._stop(address)
            elif wanted[address].name != name:
                self.at_work[address].server.close()  # the next one takes what waits
            else:
                continue
            self._loop.call_later(DRAIN_PAUSE, self._let_go, name)

    async def accept(self, address: str, listener: ListenerSpec, terms: Terms | None) -> None:
        """Serve ``listener``; a server that is there already stays if a new one would do the same."""
        old = self.at_work.get(address)
        if old is not None:
            is_alike = (MQTT in old.spec.settings.protocols) == (MQTT in listener.settings.protocols)
            if old.spec.name == listener.name and (old.terms is None) == (terms is None) and is_alike:
                old.spec, old.terms = listener, terms
                if terms is not None and isinstance(old.server, Entrance):
                    old.server.terms = terms
                return
            old.server.close()  # what connects meanwhile waits in the queue
        sock = self.sockets[address]
        sock.listen(BACKLOG)
        factory = client_factory(self._plane, listener.name, listener.settings.protocols)
        server: Closable
        if terms is not None:
            server = Entrance(self._openings, listener.name, sock.dup(), terms)
        elif self._plane.poller is not None:
            server = self._plane.poller.listen(sock.dup(), factory)
        else:
            make = self._loop.create_unix_server if listener.bind.address.path else self._loop.create_server
            server = await make(factory, sock=sock.dup(), backlog=BACKLOG)
        self.at_work[address] = Accepting(listener, sock, server, terms)

    async def stop(self) -> None:
        """Accept what waits at every listener, then no more."""
        for address in list(self.at_work):
            await self._stop(address)

    def close_openings(self) -> None:
        """End the connections that have not come to their first byte of HTTP."""
        self._openings.close()

    async def _stop(self, address: str) -> None:
        """Close a listening socket, but not before everything in its queue is accepted."""
        accepting = self.at_work.pop(address)
        self.sockets.pop(address)
        accepting.server.close()
        with accepting.sock as sock:
            waiting, error = take_waiting(sock)
        if error is not None:  # out of descriptors, or a client that reset meanwhile
            self._log.limited("connections that waited could not be accepted", error=str(error))
        for client, peer in waiting:
            self._adopt(client, peer, accepting)
        await asyncio.sleep(0)  # connections the loop has accepted just now get their protocol

    def _let_go(self, name: str) -> None:
        """Close the connections of a listener that is gone, each when nothing is under way on it."""
        plane = self._plane
        if name in plane.listeners:
            return
        left = [connection for connection in plane.connections if connection.listener.name == name]
        for connection in [one for one in left if one.is_idle]:
            connection.close()
        if left:
            self._loop.call_later(LET_GO_EVERY, self._let_go, name)

    def _adopt(self, client: socket.socket, peer: Any, accepting: Accepting) -> None:
        """Serve a connection that we have accepted ourselves."""
        if isinstance(accepting.server, Entrance):
            accepting.server.take(client, peer)
            return
        client.setblocking(False)
        spec = accepting.spec
        # Now: its listener may be gone a moment later.
        protocol = client_factory(self._plane, spec.name, spec.settings.protocols)()
        if self._plane.poller is not None:
            self._plane.poller.adopt(client, protocol)
            return

        async def connect() -> None:
            try:
                await self._loop.connect_accepted_socket(lambda: protocol, client)
            except OSError as error:
                client.close()
                self._log.limited("a connection that waited was lost", error=str(error))

        task = self._loop.create_task(connect())
        self._adopting.add(task)
        task.add_done_callback(self._adopting.discard)

    # -- what goes wrong ----------------------------------------------------------------------------------------------

    def _on_trouble(self, event: str, cause: str, **fields: object) -> None:
        self._log.limited(event, "warning", cause=cause, **fields)

    def _on_starved(self, error: OSError) -> None:
        self._plane.values[counters.ACCEPT_FAILURES] += 1
        self._log.limited("connections cannot be accepted", "warning", cause=words(error))
