"""What comes before HTTP on a connection: the PROXY header of a load balancer, and the TLS handshake.

    accept -> PROXY header (listeners with proxy_protocol) -> handshake (listeners with tls) -> a connection of the data plane
                                                                └--refused--> LINGER: the alert, or a 400 to plain HTTP, is read

A plain listener has neither and none of this.  Such a connection is an ``Arrival`` until both are done, which has a time (the listener's
head timeout, from accept to the end of the handshake) and of which there is a number: while ``limits.handshakes`` are under way an
``Entrance`` accepts no more.  The kernel keeps those that wait, at no cost here, and a burst of clients is served in turn.  So that a few
silent clients cannot keep the others out, an arrival that had ``STALLED`` seconds makes room while others wait.

A handshake begins when its first byte is there: a silent client costs a socket and no more, and one that speaks plain HTTP gets an
answer in plain HTTP.  Why a handshake failed is told to the client (``core/net/handshake.py``), to the log and to the counters.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from typing import TYPE_CHECKING, Any, NamedTuple

from fastgw.core import counters
from fastgw.core.causes import words
from fastgw.core.exchange.reply import refusal
from fastgw.core.net.handshake import WATCHER, Failure
from fastgw.core.net.peers import client_address
from fastgw.core.protocols import client_factory
from fastgw.errors import DownstreamError
from fastgw.server.listening import BACKLOG
from fastgw.server.tally import Tally
from fastgw.wire import proxy_protocol
from fastgw.wire.errors import WireError

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgw.config.spec import ListenerSpec
    from fastgw.core.dataplane import DataPlane
    from fastgw.core.exchange.ends import Client

STALLED = 1.0  #: seconds an arrival has while others wait for its place
ROOM_EVERY = 0.25  #: seconds between two looks at arrivals while others wait
ACCEPT_MAX = 64  #: connections accepted in one turn of the loop
STARVED_PAUSE = 0.1  #: seconds without accepting when the kernel has no descriptor or memory for one more
UNLIMITED = 60.0  #: seconds for what comes before HTTP where the head timeout is off
SHUTDOWN = 2.0  #: seconds a client has to answer the end of TLS
LINGER = 2.0  #: seconds a client has to read why it was refused
TLS_RECORD = 0x16  #: first byte of a TLS handshake (RFC 8446 section 5.1)
OLD_HELLO = (
    0x80  #: bit of the first byte of a hello in the form of SSL 2.0, which TLS 1.2 still knows (RFC 5246 appendix E.2)
)

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Terms(NamedTuple):
    """What a listener asks for before HTTP."""

    context: ssl.SSLContext | None  #: None: no TLS
    has_header: bool = False  #: a PROXY header comes first
    announcers: tuple[Network, ...] = ()  #: whose PROXY header is believed; empty: everybody's


def terms_of(listener: ListenerSpec) -> Terms | None:
    """What ``listener`` asks for before HTTP; raises OSError when a file of its TLS cannot be used."""
    if listener.tls is None and not listener.proxy_protocol:
        return None
    context = None
    if listener.tls is not None:
        from fastgw.config.tls import server_context

        context = server_context(listener.tls)
    announcers = tuple(ipaddress.ip_network(one) for one in listener.proxy_protocol_from)
    return Terms(context, listener.proxy_protocol, announcers)


class Arrivals:
    """Everything of one worker that has connected and is not a connection of the data plane yet."""

    def __init__(self, loop: asyncio.AbstractEventLoop, plane: DataPlane, on_trouble: Callable[..., None]) -> None:
        """``on_trouble``: called with an event, its cause, and fields that say more, for the log."""
        self.loop = loop
        self.plane = plane
        self.on_trouble = on_trouble
        self.pending: dict[Arrival, None] = {}  #: the oldest first
        self._tally = Tally(loop, on_trouble)
        self._waiting: dict[Entrance, None] = {}  # entrances that accept no more for now
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self.pending)

    def count(self, index: int) -> None:
        """Add one to a counter of the worker."""
        self.plane.values[index] += 1

    def failed(self, listener: str, address: bytes, failure: Failure) -> None:
        """A handshake failed: count it, and tell why."""
        self.count(counters.TLS_FAILURES)
        self.count(counters.TLS_FAILED + counters.TLS_CAUSES.index(failure.cause))
        fields = {"server_name": failure.name} if failure.name else {}
        self.tell("a TLS handshake failed", listener, address, failure.cause, detail=failure.detail, **fields)

    def tell(self, event: str, listener: str, address: bytes, cause: str, **fields: object) -> None:
        """What a client caused: a line for the first of its kind, and then one for all that follow within some seconds."""
        client = address.decode("latin-1")
        self._tally.add((event, listener, cause), event=event, cause=cause, listener=listener, client=client, **fields)

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
                arrival.cut("it was slow, and others waited")
            self._timer = self.loop.call_later(ROOM_EVERY, self._make_room)

    def close(self) -> None:
        """Cut everything that has not arrived."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._waiting.clear()
        for arrival in list(self.pending):
            arrival.cut("")
        self._tally.close()


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
                self._arrivals.count(counters.ACCEPT_FAILURES)
                self._arrivals.on_trouble("connections cannot be accepted", words(error))
                return
            self.take(client, peer)

    def take(self, client: socket.socket, peer: Any) -> None:
        """Let in a connection that was accepted from this socket, whatever the number."""
        client.setblocking(False)
        Arrival(self._arrivals, client_factory(self._arrivals.plane, self.name)(), self.terms, client, peer).begin()


class Arrival:
    """One connection on its way to the data plane."""

    def __init__(self, arrivals: Arrivals, downstream: Client, terms: Terms, sock: socket.socket, peer: Any) -> None:
        self.since = arrivals.loop.time()
        self.address = client_address(peer) if isinstance(peer, tuple) else b""  #: of the client, "" for none
        self._arrivals = arrivals
        self._downstream = downstream  # made now: its listener may be gone a moment later
        self._terms = terms
        self._sock = sock
        self._header = b""
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._is_secured = False  # the handshake is what comes next, or is under way
        self._is_refused = False
        self._why = "the client left"  # what a handshake that just ends is told to have failed of; empty: no failure

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
            arrivals.plane.turn_away(self.address, self._downstream.listener, "proxy_protocol_from")
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
            name = self._downstream.listener.name
            self._arrivals.tell("a PROXY header was refused", name, self.address, "malformed", detail=error.detail)
            self._close()
            return
        if found is not None:
            self._arrivals.loop.remove_reader(self._sock)
            if found.client is not None:
                self.address = self._downstream.address = found.client
            self._enter()

    # --- into the data plane

    def _enter(self) -> None:
        arrivals = self._arrivals
        if self._is_one_too_many():
            self._close()
        elif self._terms.context is not None:
            self._is_secured = True
            arrivals.loop.add_reader(self._sock, self._look)
        elif arrivals.plane.poller is not None:
            self._leave()
            arrivals.plane.poller.adopt(self._sock, self._downstream)
        else:
            self._task = arrivals.loop.create_task(self._connect())

    def _is_one_too_many(self) -> bool:
        """The data plane refuses them too, but only behind the handshake, which costs most."""
        arrivals, limits = self._arrivals, self._downstream.listener.limits
        plane = arrivals.plane
        if len(plane.connections) >= limits.connections:
            arrivals.count(counters.CONNECTIONS)
            plane.turn_away(self.address, self._downstream.listener, "connections")
            return True
        if limits.connections_per_address and self.address:
            others = sum(one.address == self.address and one.is_under_way for one in arrivals.pending) - 1
            if plane.connections_of(self.address) + others >= limits.connections_per_address:
                arrivals.count(counters.CONNECTIONS)
                plane.turn_away(self.address, self._downstream.listener, "connections_per_address")
                return True
        return False

    async def _connect(self, **options: Any) -> None:
        loop: Any = self._arrivals.loop  # a protocol is a plain class: a compiled one cannot derive from asyncio's
        try:
            await loop.connect_accepted_socket(lambda: self._downstream, self._sock, **options)
        except OSError:  # reset, or closed by us: TLS itself does not raise, see ``Handshake``
            self._sock.close()
        finally:
            self._leave()
        if self.is_under_way:
            self._fail()

    # --- TLS

    def _look(self) -> None:
        """Begin with TLS, if the first byte says that it comes."""
        try:
            first = self._sock.recv(5, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            first = b""
        self._arrivals.loop.remove_reader(self._sock)
        if not first:
            self._fail()
            self._close()
        elif first[0] == TLS_RECORD or first[0] & OLD_HELLO:
            self._task = self._arrivals.loop.create_task(self._secure())
        else:
            self._answer_plainly(is_head=first == b"HEAD ")

    async def _secure(self) -> None:
        WATCHER.set(self._on_refused)
        # The time is ours to watch: it began with the accept.
        await self._connect(ssl=self._terms.context, ssl_handshake_timeout=86400, ssl_shutdown_timeout=SHUTDOWN)

    def _on_refused(self, failure: Failure) -> None:
        """OpenSSL does not go on with this client; the alert leaves in this turn of the loop."""
        self._fail(failure)
        self._arrivals.loop.call_soon(self._linger)

    def _fail(self, failure: Failure | None = None) -> None:
        """There will be no TLS; once.  ``failure``: why, if it is not that the client did not go on."""
        if self._is_secured and not self._is_refused and (failure is not None or self._why):
            self._is_refused = True
            self._arrivals.failed(
                self._downstream.listener.name, self.address, failure or Failure("unfinished", self._why)
            )

    def _answer_plainly(self, is_head: bool) -> None:
        """Tell a client that does not speak TLS that it should (as nginx does)."""
        self._fail(Failure("not_tls", "the first bytes are no TLS handshake"))
        error = DownstreamError(400, "not_tls", "this port speaks TLS, and the request did not come over it; use https")
        if self.address:
            self._downstream.address = self.address
        self._arrivals.plane.on_bad_request(self._downstream, error)
        answer = refusal(
            error,
            self._downstream.listener.fallbacks.first.settings.errors,
            self._arrivals.plane.date,
            is_head=is_head,
        )
        with contextlib.suppress(OSError):
            self._sock.send(answer)
        self._arrivals.loop.add_reader(self._sock, self._discard)
        self._linger()

    def _discard(self) -> None:
        try:
            if self._sock.recv(65536):
                return
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            pass  # reset: over, as with an end
        self._close()

    # --- the end

    def _linger(self) -> None:
        """Say no more, and give the client time to read what was said: bytes of it that are not read would make the kernel reset the
        connection, and destroy what is on its way (RFC 9112 section 9.6)."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = self._arrivals.loop.call_later(LINGER, self.cut, "")
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)

    def _on_timeout(self) -> None:
        if not self._is_secured:
            self._arrivals.count(counters.HEAD_TIMEOUTS)
        self.cut("it took too long")

    def cut(self, why: str) -> None:
        """There is no more use for it; ``why``: what the failure of a handshake is told to be, empty: it is not its failure."""
        self._why = why
        if self._task is None:
            self._fail()
            self._close()
        else:  # the loop has the socket: let it find the connection closed
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_RDWR)

    def _close(self) -> None:
        self._arrivals.loop.remove_reader(self._sock)
        self._sock.close()
        self._leave()

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._arrivals.ended(self)
