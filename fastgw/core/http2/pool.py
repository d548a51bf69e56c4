"""The connections of one worker to an endpoint that speaks HTTP/2, or what ALPN chooses: ``Http1Pool``, whose connections may carry many.

    shared   connections with streams, and room for more: the last of them has the next
    idle     connections without a stream, and those that turned out to speak HTTP/1.1
             others have all the streams that they may have, or finish what they have behind a GOAWAY

A stream goes where others are already, so that connections beyond what the load needs come to rest, grow old and are closed.  One that the
service takes leave of does not count any more, as it takes nobody: another may be opened in its place while it finishes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.http1.carrier import Http1Carrier
from fastgw.core.http1.connecting import chosen_protocol, connected, refused
from fastgw.core.http1.pool import PEEK_AFTER, Http1Pool
from fastgw.core.http2.service import IDLE, NOWHERE, SHARED, Http2Service

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Carrier, Exchange
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.plane import Plane
    from fastgw.core.settings import PoolSettings

EXPECTED: Final = (
    100  #: streams of a connection to be opened, before any has said (RFC 9113 section 6.5.2 asks for so many at least)
)


class Http2Pool(Http1Pool):
    """Those of one endpoint."""

    __slots__ = ("links", "shared")

    def __init__(self, endpoint: Endpoint, plane: Plane) -> None:
        Http1Pool.__init__(self, endpoint, plane)
        self.takes_chunks = False
        self.links: set[Http2Service] = set()  #: open, or being opened
        self.shared: list[Http2Service] = []
        self._expect(EXPECTED)

    def __repr__(self) -> str:
        return f"<Http2Pool {self._endpoint.name} size={self.size} idle={len(self.idle)} waiting={len(self.waiters)}>"

    def _expect(self, streams: int) -> None:
        """A connection to be opened will have so many."""
        each = max(1, min(streams, self.settings.max_streams))
        if each != self.each:
            self.each = each
            self.uploads.apply(self.settings)

    def acquire(self, exchange: Exchange) -> Carrier | None:
        """See ``Pool``."""
        asking = exchange  # typed in C, where the interface of a pool cannot speak of exchanges
        if not asking.body.is_done and not self.uploads.admit(exchange):
            return None
        if self.shared or self.idle:
            carrier = self._found(asking)
            if carrier is not None:
                self._plane.values[self._endpoint.base + counters.ENDPOINT_REUSED] += 1
                return carrier
        self.wait(exchange)
        return None

    def _found(self, exchange: Exchange) -> Carrier | None:
        """A carrier on a connection that is there; None: there is none."""
        if self.shared:
            link: Http2Service = self.shared[len(self.shared) - 1]
            return link.carrier(exchange)
        while self.idle:
            one: Any = self.idle[len(self.idle) - 1]
            if isinstance(one, Http2Service):
                if self._is_there(one):
                    return one.carrier(exchange)  # it stays until its stream begins
                one.abort()
            else:
                self.idle.pop()
                self._plane.values[self._endpoint.base + counters.ENDPOINT_IDLE] -= 1
                if self._is_alive(one):
                    carrier: Carrier = one
                    return carrier
                one.abort()
        return None

    def _is_there(self, link: Http2Service) -> bool:
        idle = self._plane.now - link.idle_since
        if idle < PEEK_AFTER:
            return True
        return idle < self.settings.idle_timeout and not link.has_news()

    # --- what connections tell

    def put_back(self, carrier: Any) -> None:
        """See ``Pool``: a connection that was opened, or one of HTTP/1.1 whose exchange ended well."""
        if isinstance(carrier, Http2Service):
            self._expect(carrier.most)
            self.on_room(carrier)
        else:
            self._expect(1)
            Http1Pool.put_back(self, carrier)
        self._open_if_needed()  # it may carry fewer than was expected

    def on_room(self, link: Http2Service) -> None:
        """A stream of ``link`` is over, it is new, or it may have more: who waits comes first."""
        while self.waiters and link.has_room():
            waiter = self._next_waiter()
            self.count_wait(waiter)
            waiter.on_carrier(link.carrier(waiter))
        self.arrange(link)

    def arrange(self, link: Http2Service) -> None:
        """Have ``link`` where it belongs."""
        place = NOWHERE
        if link.is_member and link.has_room():
            place = SHARED if link.streams else IDLE
        if place == link.place:
            return
        self._withdraw(link)
        if place == SHARED:
            self.shared.append(link)
        elif place == IDLE:
            if self.is_retired:
                link.abort()
                return
            if self.size > self._max:
                self._dismiss(link)
                return
            link.idle_since = self._plane.now
            self.idle.append(link)
            self._plane.values[self._endpoint.base + counters.ENDPOINT_IDLE] += 1
        link.place = place

    def _withdraw(self, link: Http2Service) -> None:
        place = link.place
        link.place = NOWHERE
        if place == SHARED:
            self.shared.remove(link)
        elif place == IDLE and link in self.idle:  # else who took it there has counted that
            self.idle.remove(link)
            self._plane.values[self._endpoint.base + counters.ENDPOINT_IDLE] -= 1

    def on_leaving(self, link: Http2Service) -> None:
        """``link`` begins no more streams."""
        self._withdraw(link)
        if link.is_member:
            link.is_member = False
            self.size -= 1
            self._open_if_needed()

    def on_closed(self, carrier: Any) -> None:
        """See ``Pool``."""
        if isinstance(carrier, Http2Service):
            self.links.discard(carrier)
        else:
            Http1Pool.on_closed(self, carrier)

    # --- what its endpoint tells

    def sweep(self, now: float) -> None:
        """See ``Pool``."""
        Http1Pool.sweep(self, now)
        for link in list(self.links):
            link.sweep(now)

    def apply(self, settings: PoolSettings) -> None:
        """See ``Pool``."""
        Http1Pool.apply(self, settings)
        self._expect(self.each)
        for link in list(self.links):
            link.apply()
            if link.is_member:
                self.on_room(link)
        self._open_if_needed()

    # --- opening

    async def open_connection(self) -> Any:
        """See ``Http1Pool``: open when the service has said SETTINGS."""
        endpoint = self._endpoint
        if endpoint.ssl is None:
            made = await connected(self._link, endpoint, self._plane)
        else:
            choosing = await connected(lambda: _Choosing(self), endpoint, self._plane)
            made = choosing.made
            if made is None:
                raise refused(choosing.problem)
        if isinstance(made, Http2Service):
            try:
                await made.opened
            except BaseException:
                made.abort()
                raise
        return made

    def _link(self) -> Http2Service:
        made = Http2Service(self, self._plane)
        self.links.add(made)
        return made

    def chosen(self, protocol: str | None) -> Any:
        """The protocol of a new connection on which ALPN has chosen ``protocol``; None: it is not one that may be spoken here."""
        if protocol == "h2":
            return self._link()
        if self._endpoint.key.protocol == "auto" and protocol in (None, "http/1.1"):
            return Http1Carrier(self)
        return None


class _Choosing:
    """Protocol of a connection over TLS until ALPN has chosen another."""

    def __init__(self, pool: Http2Pool) -> None:
        self._pool = pool
        self.made: Any = None
        self.problem = "the connection ended in the handshake"

    def connection_made(self, transport: Any) -> None:
        """The handshake is complete."""
        protocol = chosen_protocol(transport)
        self.made = self._pool.chosen(protocol)
        if self.made is None:
            chose = f"chose {protocol}" if protocol else "chose no protocol"
            self.problem = f"the service does not agree on h2: it {chose} by alpn"
            transport.abort()
            return
        transport.set_protocol(self.made)
        self.made.connection_made(transport)

    def connection_lost(self, error: Exception | None) -> None:
        """It came to nothing."""

    def data_received(self, data: bytes) -> None:
        """Nobody reads it."""

    def eof_received(self) -> bool:
        """Nobody waits for more."""
        return False
