"""A whole data plane on mock transports, with h11 as the service: bytes in, what both sides were told out.

h11 is an independent, strict reader of HTTP/1.1.  Placed where the service stands, it says at once whether what the gateway
forwarded has a reading at all, and which.
"""

from __future__ import annotations

import itertools
import mmap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import h11

from fastgw.core import counters
from fastgw.core.dataplane import DataPlane
from fastgw.core.protocols import client_factory, make_pool
from fastgw.core.settings import Address
from fastgw.core.slab import Counters
from fastgw.core.snapshot.chain import Chain
from fastgw.core.snapshot.snapshot import Snapshot
from fastgw.policy.balancers import RoundRobin
from fastgw.routing import Router, Rule
from fastgw.testing import usual
from fastgw.testing.mock import Attempt, MockLoop, MockTransport

HEAD_SIZE = 32 * 1024
GET = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n"
HTTP10 = b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi"
WEBSOCKET = (
    b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
Fields = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Read:
    """One message as h11 read it."""

    start: tuple[bytes, ...]
    """Method and target, or status."""
    fields: Fields
    body: bytes
    trailers: Fields
    is_complete: bool
    version: bytes = b"1.1"


@dataclass(slots=True)
class Reading:
    """A stream of messages as h11 read it, one side of a connection."""

    messages: list[Read] = field(default_factory=list)
    interim: list[int] = field(default_factory=list)
    """Statuses of 1xx answers, in order."""
    problem: str = ""
    """Why h11 stopped, when it refused something."""

    @property
    def complete(self) -> list[Read]:
        """The messages that were read to their end."""
        return [message for message in self.messages if message.is_complete]


class Reader:
    """Reads one direction of a connection with h11; `feed` may be called with any pieces."""

    def __init__(self, connection: h11.Connection, *, is_single: bool = False) -> None:
        """`is_single`: stop behind the first message; the rest is in `connection.trailing_data`."""
        self.connection = connection
        self._is_single = is_single
        self.reading = Reading()
        self._start: tuple[bytes, ...] = ()
        self._version = b""
        self._fields: Fields = ()
        self._body = b""

    def feed(self, data: bytes) -> int:
        """Read `data` (empty: the end of the stream); return how many messages it completed."""
        if self.reading.problem:
            return 0
        before = len(self.reading.messages)
        try:
            self.connection.receive_data(data)
            while self._advance():
                pass
        except h11.RemoteProtocolError as error:
            self.reading.problem = str(error)
        return len(self.reading.messages) - before

    def finish(self) -> Reading:
        """Return the reading, a message without its end included."""
        if self._start:
            self._add(False, ())
        return self.reading

    def _advance(self) -> bool:
        event = self.connection.next_event()
        if isinstance(event, h11.Request):
            self._start, self._fields = (event.method, event.target), tuple(event.headers)
            self._version = event.http_version
        elif isinstance(event, h11.Response):
            self._start, self._fields = (b"%d" % event.status_code,), tuple(event.headers)
            self._version = event.http_version
        elif isinstance(event, h11.InformationalResponse):
            self.reading.interim.append(event.status_code)
        elif isinstance(event, h11.Data):
            self._body += event.data
        elif isinstance(event, h11.EndOfMessage):
            self._add(True, tuple(event.headers))
            return self._next_cycle()
        else:
            return False
        return True

    def _add(self, is_complete: bool, trailers: Fields) -> None:
        self.reading.messages.append(Read(self._start, self._fields, self._body, trailers, is_complete, self._version))
        self._start, self._fields, self._body = (), (), b""

    def _next_cycle(self) -> bool:
        """As a server: answer, so that the next pipelined request is read; False when the connection ends here."""
        connection = self.connection
        if self._is_single or connection.our_role is h11.CLIENT:
            return False
        # Not a 200: that would turn a CONNECT into a tunnel.
        connection.send(h11.Response(status_code=404, headers=[("Content-Length", "0")]))
        connection.send(h11.EndOfMessage())
        if connection.our_state is not h11.DONE or connection.their_state is not h11.DONE:
            return False
        connection.start_next_cycle()
        return True


def server_reader(*, is_single: bool = False) -> Reader:
    """A reader of requests, or of one."""
    return Reader(h11.Connection(h11.SERVER, max_incomplete_event_size=4 * HEAD_SIZE), is_single=is_single)


def client_reader(method: bytes, *, upgrade: bool = False) -> Reader:
    """A reader of the answer to a request with this method."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=4 * HEAD_SIZE)
    fields = [("Host", "a.test")]
    if upgrade:
        fields += [("Connection", "Upgrade"), ("Upgrade", "websocket")]
    connection.send(h11.Request(method=method, target="/", headers=fields))
    connection.send(h11.EndOfMessage())
    return Reader(connection)


@dataclass(frozen=True, slots=True)
class Told:
    """What came out on both sides."""

    client: bytes
    """Everything the client was sent."""
    is_closed: bool
    """The gateway has ended, or is ending, the client's connection."""
    is_cut: bool
    """It did so by a reset, which is how a body without framing is broken off."""
    services: tuple[Reading, ...]
    """What arrived on each upstream connection, in the order of their opening."""

    @property
    def requests(self) -> list[Read]:
        """The complete requests that reached a service."""
        return [message for reading in self.services for message in reading.complete]


class _Connected:
    """One upstream connection: the mock transport, and h11 behind it."""

    def __init__(self, transport: MockTransport) -> None:
        self.transport = transport
        self.reader = server_reader()
        self.requests = 0


ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Stage:
    """One data plane, used again and again; every act ends with a check that nothing of it stayed behind."""

    def __init__(
        self, *filters: Any, path: str = "/*", protocols: tuple[str, ...] = ("http/1.1",), **route: Any
    ) -> None:
        """`filters`, `path` and `route` (see `Route`) are those of its only route; `protocols`: what clients may speak."""
        self.loop = MockLoop(self._on_connect)  # type: ignore[abstract]  # it is as complete as it has to be
        self.shared = Counters(memoryview(mmap.mmap(-1, counters.SLAB_BYTES)))
        self.plane = DataPlane(
            self.loop, self.shared, lambda: 0.5, self.loop.time, self._on_log, wall=lambda: 0.0, make_pool=make_pool
        )
        self.endpoint = usual.endpoint(self.plane.registry, "s", Address("127.0.0.1", 9000))
        service = usual.service("s", (self.endpoint,), RoundRobin())
        payload = usual.route("all", 1, service=service, chain=Chain(filters), **route)
        everything = Rule(name="all", path=path, host="", methods=frozenset(), headers=(), payload=payload)
        listener = usual.listener("edge", Router([everything]), usual.route("none", 0), protocols=protocols)
        self.plane.install(Snapshot(1, {"edge": listener}, (service,)))
        self.factory = client_factory(self.plane, "edge")
        self._connected: list[_Connected] = []

    def _on_log(self, level: str, event: str, fields: dict[str, Any]) -> None:
        if level == "error":
            raise AssertionError(event) from fields.get("error")

    def _on_connect(self, attempt: Attempt) -> None:
        self._connected.append(_Connected(attempt.succeed()))

    def ask(self, pieces: Sequence[bytes]) -> Told:
        """Let a client send `pieces`; the service answers every complete request with the same `200`."""
        client = self.loop.accept(self.factory)
        for piece in pieces:
            if client.is_lost:
                break
            client.feed(piece)
            self._settle()
        return self._end(client)

    def answer(self, request: bytes, pieces: Sequence[bytes], *, then_close: bool = True) -> Told:
        """Let a client send `request` and the service answer with `pieces`, and then, perhaps, close."""
        client = self.loop.accept(self.factory)
        client.feed(request)
        self.loop.run_ready()
        served = list(self._connected)
        for one in served[:1]:
            one.reader.feed(one.transport.take())
            for piece in pieces:
                if one.transport.is_closing() or one.transport.is_lost:
                    break
                one.transport.feed(piece)
                self.loop.run_ready()
            if then_close and not one.transport.is_lost and not one.transport.is_closing():
                one.transport.feed_eof()
                self.loop.run_ready()
        return self._end(client)

    def _settle(self) -> None:
        """Pass on what was forwarded and answer what is complete until nothing moves."""
        while True:
            self.loop.run_ready()
            moved = False
            for one in self._connected:
                data = one.transport.take()
                if data:
                    moved = True
                    for _ in range(one.reader.feed(data)):
                        if not one.transport.is_lost:
                            one.transport.feed(ANSWER)
            if not moved:
                return

    def _end(self, client: MockTransport) -> Told:
        self.loop.run_ready()
        told = Told(
            client=client.take(),
            is_closed=client.is_closing() or client.is_eof_written or client.is_lost,
            is_cut=client.is_aborted,
            services=tuple(self._finish(one) for one in self._connected),
        )
        if not client.is_lost:
            client.lose()
        self.loop.run_ready()
        self.endpoint.pool.drop_idle()
        self.loop.advance(1.1)  # past every connect timeout, so that no timer is left in the loop either
        self._check()
        self._connected.clear()
        self.loop.attempts.clear()
        return told

    @staticmethod
    def _finish(one: _Connected) -> Reading:
        if data := one.transport.take():
            one.reader.feed(data)
        return one.reader.finish()

    def _check(self) -> None:
        """Whatever happened, nothing may be left of it."""
        values: Any = self.shared.values
        base = self.endpoint.base
        left = {
            "downstream connections": len(self.plane.connections),
            "streams": len(self.plane.unconnected),
            "connections counted": values[counters.CONNECTIONS_OPEN],
            "exchanges": values[counters.EXCHANGES_OPEN],
            "tunnels": values[counters.TUNNELS_OPEN],
            "active": self.endpoint.in_hand,
            "active counted": values[base + counters.ENDPOINT_ACTIVE],
            "idle counted": values[base + counters.ENDPOINT_IDLE],
            "waiting counted": values[base + counters.ENDPOINT_WAITING],
            "waiters": len(self.endpoint.pool.waiters),
            "pool": self.endpoint.pool.size,
            "open at the service": sum(not one.transport.is_lost for one in self._connected),
        }
        assert not any(left.values()), left
        free = [self.plane.take() for _ in range(8)]  # more than one act can have in use
        assert len({id(exchange) for exchange in free}) == len(free), "an exchange was given back twice"
        for exchange in free:
            self.plane.give_back(exchange)


def pieces_of(data: bytes, *cuts: int) -> list[bytes]:
    """Cut `data` at the given places; those beyond its ends cut nothing."""
    places = [0, *sorted(cut for cut in cuts if 0 < cut < len(data)), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places) if end > start]


def by_byte(data: bytes) -> list[bytes]:
    """`data`, one byte at a time."""
    return [data[at : at + 1] for at in range(len(data))]
