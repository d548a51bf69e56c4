"""What comes before HTTP on a connection: the PROXY header of a load balancer, and the TLS handshake.

    accept -> PROXY header (listeners with proxy_protocol) -> handshake (listeners with tls) -> a connection of the data plane

A plain listener has neither and none of this.  Such a connection is an ``Arrival`` until both are done, which has a time (the listener's
head timeout, from accept to the end of the handshake) and of which there is a number: while ``limits.handshakes`` are under way an
``Entrance`` accepts no more.  The kernel keeps those that wait, at no cost here, and a burst of clients is served in turn.  So that a few
silent clients cannot keep the others out, an arrival that had ``STALLED`` seconds makes room while others wait.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple

from fastgw.core import counters
from fastgw.server.listening import BACKLOG
from fastgw.wire import proxy_protocol
from fastgw.wire.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgw.core.dataplane import DataPlane
    from fastgw.core.downstream import Downstream

STALLED = 1.0  #: seconds an arrival has while others wait for its place
ROOM_EVERY = 0.25  #: seconds between two looks at arrivals while others wait
ACCEPT_MAX = 64  #: connections accepted in one turn of the loop
STARVED_PAUSE = 0.1  #: seconds without accepting when the kernel has no descriptor or memory for one more
UNLIMITED = 60.0  #: seconds for what comes before HTTP where the head timeout is off
SHUTDOWN = 2.0  #: seconds a client has to answer the end of TLS

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Terms(NamedTuple):
    """What a listener asks for before HTTP."""

    context: ssl.SSLContext | None  #: None: no TLS
    has_header: bool = False  #: a PROXY header comes first
    announcers: tuple[Network, ...] = ()  #: whose PROXY header is believed; empty: everybody's


class Arrivals:
    """Everything of one worker that has connected and is not a connection of the data plane yet."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, plane: DataPlane, on_trouble: Callable[[str, str], None]
    ) -> None:
        """``on_trouble``: called with an event and its cause, for the log."""
        self.loop = loop
        self.plane = plane
        self.on_trouble = on_trouble
        self.pending: dict[Arrival, None] = {}  #: the oldest first
        self._waiting: dict[Entrance, None] = {}  # entrances that accept no more for now
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self.pending)

    def count(self, index: int) -> None:
        """Add one to a counter of the worker."""
        self.plane.values[index] += 1

    def waiting(self, entrance: Entrance) -> None:
        """``entrance`` has stopped accepting until there is room."""
        self._waiting[entrance] = None
        if self._timer is None:
            self._timer = self.loop.call_later(ROOM_EVERY, self._make_room)

    def forget(self, entrance: Entrance) -> None:
        """``entrance`` is closed."""
        self._waiting.pop(entrance, None)

    def ended(self, arrival: Arrival) -> None:
        """``arrival`` is a connection now, or gone."""
        self.pending.pop(arrival, None)
        for entrance in list(self._waiting):
            if entrance.has_room():
                del self._waiting[entrance]
                entrance.open()

    def _make_room(self) -> None:
        self._timer = None
        if self._waiting:
            now = self.loop.time()
            for arrival in [one for one in self.pending if now - one.since >= STALLED]:
                arrival.cut()
            self._timer = self.loop.call_later(ROOM_EVERY, self._make_room)

    def close(self) -> None:
        """Cut everything that has not arrived."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting.clear()
        for arrival in list(self.pending):
            arrival.cut()


class Entrance:
    """Accepts on one socket the connections of a listener with terms."""

    def __init__(self, arrivals: Arrivals, name: str, sock: socket.socket, terms: Terms) -> None:
        """``name``: of the listener; ``sock``: bound, taken over."""
        self.name = name
        self.terms = terms  #: may be replaced: connections accepted from then on get the new ones
        self._arrivals = arrivals
        self._sock = sock
        self._is_closed = False
        sock.setblocking(False)
        sock.listen(BACKLOG)
        self.open()

    def open(self) -> None:
        """Accept, from the next turn of the loop on."""
        if not self._is_closed:
            self._arrivals.loop.add_reader(self._sock, self._accept)

    def close(self) -> None:
        """Accept no more; arrivals go on."""
        if not self._is_closed:
            self._is_closed = True
            self._arrivals.loop.remove_reader(self._sock)
            self._arrivals.forget(self)
            self._sock.close()

    def has_room(self) -> bool:
        """Whether one more may be under way."""
        listener = self._arrivals.plane.listeners.get(self.name)
        return listener is not None and len(self._arrivals) < listener.limits.handshakes

    def _accept(self) -> None:
        for place in range(ACCEPT_MAX):
            if not self.has_room():
                if place == 0:  # else nobody may be waiting; if somebody is, we are called again
                    self._arrivals.loop.remove_reader(self._sock)
                    self._arrivals.waiting(self)
                return
            try:
                client, peer = self._sock.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:  # no descriptor or memory for it: trying on at once would only burn time
                self._arrivals.loop.remove_reader(self._sock)
                self._arrivals.loop.call_later(STARVED_PAUSE, self.open)
                self._arrivals.on_trouble("connections cannot be accepted", str(error))
                return
            self.take(client, peer)

    def take(self, client: socket.socket, peer: Any) -> None:
        """Let in a connection that was accepted from this socket, whatever the number."""
        client.setblocking(False)
        Arrival(self._arrivals, self._arrivals.plane.factory(self.name)(), self.terms, client, peer).begin()


class Arrival:
    """One connection on its way to the data plane."""

    def __init__(
        self, arrivals: Arrivals, downstream: Downstream, terms: Terms, sock: socket.socket, peer: Any
    ) -> None:
        self.since = arrivals.loop.time()
        self.address = peer[0].encode("latin-1") if isinstance(peer, tuple) else b""  #: of the client, "" for none
        self._arrivals = arrivals
        self._downstream = downstream  # made now: its listener may be gone a moment later
        self._terms = terms
        self._sock = sock
        self._header = b""
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Ask for whatever is first."""
        arrivals = self._arrivals
        arrivals.pending[self] = None
        head = self._downstream.listener.timeouts.head or UNLIMITED
        self._timer = arrivals.loop.call_later(head, self._on_timeout)
        if not self._terms.has_header:
            self._enter()
        elif self._may_announce():
            arrivals.loop.add_reader(self._sock, self._read_header)
        else:
            arrivals.count(counters.CONNECTIONS_REFUSED)
            self._close()

    @property
    def is_under_way(self) -> bool:
        """Whether the data plane does not know it yet."""
        return self._downstream.transport is None

    # --- the PROXY header

    def _may_announce(self) -> bool:
        networks = self._terms.announcers
        if not networks or not self.address:  # over a unix socket the permissions of its file decide
            return True
        address = ipaddress.ip_address(self.address.decode("latin-1"))
        return any(address in network for network in networks)

    def _read_header(self) -> None:
        """Take the header and not one byte more from the socket: what follows may be TLS."""
        try:
            seen = self._sock.recv(proxy_protocol.HEADER_MAX, socket.MSG_PEEK)
            if not seen:
                self._close()
                return
            found = proxy_protocol.read(self._header + seen)
            size = len(seen) if found is None else found.size - len(self._header)
            self._header += self._sock.recv(size)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self._close()
            return
        except WireError as error:
            self._arrivals.count(counters.BAD_REQUESTS)
            self._arrivals.on_trouble("a PROXY header was refused", f"{self._sock.getpeername()}: {error.detail}")
            self._close()
            return
        if found is not None:
            self._arrivals.loop.remove_reader(self._sock)
            if found.client is not None:
                self.address = self._downstream.address = found.client
            self._enter()

    # --- into the data plane

    def _enter(self) -> None:
        if self._is_one_too_many():
            self._close()
        elif self._terms.context is None and self._arrivals.plane.poller is not None:
            self._leave()
            self._arrivals.plane.poller.adopt(self._sock, self._downstream)
        else:
            self._task = self._arrivals.loop.create_task(self._connect())

    def _is_one_too_many(self) -> bool:
        """The data plane refuses them too, but only behind the handshake, which costs most."""
        arrivals, limits = self._arrivals, self._downstream.listener.limits
        plane = arrivals.plane
        if len(plane.connections) >= limits.connections:
            arrivals.count(counters.CONNECTIONS)
            arrivals.count(counters.CONNECTIONS_REFUSED)
            return True
        if limits.connections_per_address and self.address:
            others = sum(one.address == self.address and one.is_under_way for one in arrivals.pending) - 1
            if plane.held(self.address) + others >= limits.connections_per_address:
                arrivals.count(counters.CONNECTIONS)
                arrivals.count(counters.ADDRESS_REFUSED)
                return True
        return False

    async def _connect(self) -> None:
        options: dict[str, Any] = {}
        if self._terms.context is not None:
            # The time is ours to watch: it began with the accept.
            options = {"ssl": self._terms.context, "ssl_handshake_timeout": 86400, "ssl_shutdown_timeout": SHUTDOWN}
        loop: Any = self._arrivals.loop  # a protocol is a plain class: a compiled one cannot derive from asyncio's
        try:
            await loop.connect_accepted_socket(lambda: self._downstream, self._sock, **options)
        except OSError:  # every way a handshake can fail; what it was is the client's business
            self._sock.close()
        finally:
            self._leave()
        if self.is_under_way and self._terms.context is not None:
            self._arrivals.count(counters.TLS_FAILURES)

    # --- the end

    def _on_timeout(self) -> None:
        if self._task is None:
            self._arrivals.count(counters.HEAD_TIMEOUTS)
        self.cut()

    def cut(self) -> None:
        """It took too long, or there is no more use for it."""
        if self._task is None:
            self._close()
        else:  # the loop has the socket: let it find the connection closed
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        if self._terms.has_header:
            self._arrivals.loop.remove_reader(self._sock)
        self._sock.close()
        self._leave()

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._arrivals.ended(self)
