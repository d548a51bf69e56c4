"""One connection on its way to the data plane: first the PROXY header of a load balancer, then the TLS handshake.

    accept -> PROXY header (listeners with proxy_protocol) -> handshake (listeners with tls) -> a ``Client`` of the data plane
                                                                └--refused--> LINGER: the alert, or a 400 to plain HTTP, is read

A plain listener has neither and none of this.  Both together have a time, the listener's head timeout, from the accept on; how many may
be under way is the matter of ``Openings``.

A handshake begins when its first byte is there: a silent client costs a socket and no more, and one that speaks plain HTTP gets an
answer in plain HTTP.  Why a handshake failed is told to the client (``core/net/handshake.py``), to the log and to the counters.  What is
spoken behind it is what the client and we have in common (ALPN, RFC 7301), so its ``Client`` is made when the handshake is done.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from typing import TYPE_CHECKING, Any, NamedTuple

from fastgw.core import counters
from fastgw.core.exchange.reply import refusal
from fastgw.core.net.handshake import WATCHER, Failure
from fastgw.core.net.peers import client_address, is_within
from fastgw.errors import DownstreamError
from fastgw.wire.errors import WireError

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from ipaddress import IPv4Network, IPv6Network

    from fastgw.core.exchange.ends import Client
    from fastgw.core.opening.openings import Openings
    from fastgw.core.snapshot.snapshot import Listener

UNLIMITED = 60.0  #: seconds for what comes before HTTP where the head timeout is off
SHUTDOWN = 2.0  #: seconds a client has to answer the end of TLS
LINGER = 2.0  #: seconds a client has to read why it was refused
TLS_RECORD = 0x16  #: first byte of a TLS handshake (RFC 8446 section 5.1)
OLD_HELLO = (
    0x80  #: bit of the first byte of a hello in the form of SSL 2.0, which TLS 1.2 still knows (RFC 5246 appendix E.2)
)


class Terms(NamedTuple):
    """What a listener asks for before HTTP."""

    context: ssl.SSLContext | None  #: None: no TLS
    has_header: bool = False  #: a PROXY header comes first
    announcers: tuple[IPv4Network | IPv6Network, ...] = ()  #: whose PROXY header is believed; empty: everybody's


class Opening:
    """One connection on its way to the data plane."""

    def __init__(self, openings: Openings, listener: Listener, terms: Terms, sock: socket.socket, peer: Any) -> None:
        self.since = openings.loop.time()
        #: Of the client, "" for none; as the PROXY header says, once that is read.
        self.address = client_address(peer) if isinstance(peer, tuple) else b""
        self._openings = openings
        self._listener = listener  # as it was at the accept: it may be gone a moment later
        self._client: Client | None = None  # of the data plane, once it is made
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
        openings = self._openings
        openings.pending[self] = None
        head = self._listener.timeouts.head or UNLIMITED
        self._timer = openings.loop.call_later(head, self._on_timeout)
        if not self._terms.has_header:
            self._enter()
        elif self._may_announce():
            openings.loop.add_reader(self._sock, self._read_header)
        else:
            openings.plane.turn_away(self.address, self._listener, "proxy_protocol_from")
            self._close()

    @property
    def is_under_way(self) -> bool:
        """Whether the data plane does not know it yet."""
        return self._client is None or self._client.transport is None

    # --- the PROXY header

    def _may_announce(self) -> bool:
        networks = self._terms.announcers
        return (
            not networks
            or not self.address  # over a unix socket the permissions of its file decide
            or is_within(self.address, networks)
        )

    def _read_header(self) -> None:
        """Take the header and not one byte more from the socket: what follows may be TLS."""
        from fastgw.wire import proxy_protocol  # which a worker without such a listener does not need

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
            self._openings.count(counters.BAD_REQUESTS)
            name = self._listener.name
            self._openings.tell("a PROXY header was refused", name, self.address, "malformed", detail=error.detail)
            self._close()
            return
        if found is not None:
            self._openings.loop.remove_reader(self._sock)
            if found.client is not None:
                self.address = found.client
            self._enter()

    # --- into the data plane

    def _enter(self) -> None:
        openings = self._openings
        if self._is_one_too_many():
            self._close()
        elif self._terms.context is not None:
            self._is_secured = True
            openings.loop.add_reader(self._sock, self._look)
        elif openings.plane.poller is not None:
            self._leave()
            openings.plane.poller.adopt(self._sock, self._make_client())
        else:
            self._task = openings.loop.create_task(self._connect(self._make_client))

    def _is_one_too_many(self) -> bool:
        """The data plane refuses them too, but only behind the handshake, which costs most."""
        openings, limits = self._openings, self._listener.limits
        plane = openings.plane
        if len(plane.connections) >= limits.connections:
            openings.count(counters.CONNECTIONS)
            plane.turn_away(self.address, self._listener, "connections")
            return True
        if limits.connections_per_address and self.address:
            others = openings.under_way(self.address) - 1
            if plane.connections_of(self.address) + others >= limits.connections_per_address:
                openings.count(counters.CONNECTIONS)
                plane.turn_away(self.address, self._listener, "connections_per_address")
                return True
        return False

    def _make_client(self, protocol: str | None = None) -> Client:
        """What the data plane knows this connection as; ``protocol``: what ALPN has chosen."""
        openings = self._openings
        client = self._client = openings.make_client(openings.plane, self._listener, protocol)
        if self.address:
            client.address = self.address
        return client

    async def _connect(self, make: Callable[[], Any], **options: Any) -> None:
        loop: Any = self._openings.loop  # a protocol is a plain class: a compiled one cannot derive from asyncio's
        try:
            await loop.connect_accepted_socket(make, self._sock, **options)
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
        self._openings.loop.remove_reader(self._sock)
        if not first:
            self._fail()
            self._close()
        elif first[0] == TLS_RECORD or first[0] & OLD_HELLO:
            self._task = self._openings.loop.create_task(self._secure())
        else:
            self._answer_plainly(is_head=first == b"HEAD ")

    async def _secure(self) -> None:
        WATCHER.set(self._on_refused)
        # The time is ours to watch: it began with the accept.
        times = {"ssl_handshake_timeout": 86400, "ssl_shutdown_timeout": SHUTDOWN}
        await self._connect(lambda: self, ssl=self._terms.context, **times)

    def connection_made(self, transport: Any) -> None:
        """The handshake is done, and with it ALPN: from now on the loop speaks with the client that was chosen, and no more with this."""
        client: Any = self._make_client(transport.get_extra_info("ssl_object").selected_alpn_protocol())
        transport.set_protocol(client)
        client.connection_made(transport)

    def _on_refused(self, failure: Failure) -> None:
        """OpenSSL does not go on with this client; the alert leaves in this turn of the loop."""
        self._fail(failure)
        self._openings.loop.call_soon(self._linger)

    def _fail(self, failure: Failure | None = None) -> None:
        """There will be no TLS; once.  ``failure``: why, if it is not that the client did not go on."""
        if self._is_secured and not self._is_refused and (failure is not None or self._why):
            self._is_refused = True
            self._openings.failed(self._listener.name, self.address, failure or Failure("unfinished", self._why))

    def _answer_plainly(self, is_head: bool) -> None:
        """Tell a client that does not speak TLS that it should (as nginx does)."""
        self._fail(Failure("not_tls", "the first bytes are no TLS handshake"))
        error = DownstreamError(400, "not_tls", "this port speaks TLS, and the request did not come over it; use https")
        self._openings.plane.on_bad_request(self._make_client(), error)
        answer = refusal(
            error,
            self._listener.fallbacks.first.settings.errors,
            self._openings.plane.date,
            is_head=is_head,
        )
        with contextlib.suppress(OSError):
            self._sock.send(answer)
        self._openings.loop.add_reader(self._sock, self._discard)
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
            self._timer = self._openings.loop.call_later(LINGER, self.cut, "")
            with contextlib.suppress(OSError):
                self._sock.shutdown(socket.SHUT_WR)

    def _on_timeout(self) -> None:
        if not self._is_secured:
            self._openings.count(counters.HEAD_TIMEOUTS)
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
        self._openings.loop.remove_reader(self._sock)
        self._sock.close()
        self._leave()

    def _leave(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._openings.ended(self)
