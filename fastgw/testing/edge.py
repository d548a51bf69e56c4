"""A whole data plane on a mock loop: clients at one side, services at the other, bytes and time in the hands of the test.

    edge = Edge(filters=[spy])
    client = edge.client()
    client.feed(GET)
    service = edge.connect()                    # the pool asked for a connection; it is there now
    service.feed(b"HTTP/1.1 204 No Content\\r\\n\\r\\n")
    assert statuses(client.take()) == [204]
    edge.end()                                  # everything closes, and nothing may be left

``end`` asserts what must hold after any story: every gauge back at zero, every exchange ended once, no timer left, nothing in use among the
exchanges kept for reuse.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import fastgw.testing.usual as usual
from fastgw.adapters.cache_fill import Fill
from fastgw.core import counters, labels
from fastgw.core.dataplane import DataPlane
from fastgw.core.exchange.deadlines import BODY
from fastgw.core.labels import CAUSES
from fastgw.core.live.endpoint import Endpoint, EndpointKey
from fastgw.core.live.news import Answer
from fastgw.core.live.pool import Pool
from fastgw.core.live.troubles import SETTLE_SECONDS
from fastgw.core.mirror.client import MirrorClient
from fastgw.core.plane import Plane
from fastgw.core.protocols import client_factory, make_pool
from fastgw.core.settings import Address, Limits, PoolSettings, Timeouts
from fastgw.core.slab import Counters
from fastgw.core.snapshot.chain import CLOSED, Chain, FailureMode
from fastgw.core.snapshot.snapshot import Listener, Route, Service, Snapshot
from fastgw.policy.balancers import LeastRequest
from fastgw.routing import Router, Rule
from fastgw.telemetry.answers import answers_of
from fastgw.testing.mock import Attempt, MockLoop, MockTransport

GET = b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nHost: a.test\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n"
WEBSOCKET = (
    b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\r\nok"
SWITCHING = (
    b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)

EPOCH = 784111777.0  #: seconds since 1970 at the beginning of every story
DATE = (
    b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"  #: what answers say then (RFC 9110 section 5.6.7 has the same example)
)

NAME = Address("a.test", 9000)  #: see ``named``

Act = Callable[[Any], Any]  #: what a hook does


def pool_of(endpoint: Endpoint) -> Any:
    """The pool of ``endpoint``, of whatever protocol."""
    return endpoint.pool


class Spy:
    """A filter that writes down what it is asked, and does what the test says."""

    def __init__(
        self,
        name: str,
        journal: list[str],
        *,
        request: Act | None = None,
        response: Act | None = None,
        done: Act | None = None,
    ) -> None:
        self.name = name
        self.journal = journal
        self._acts = {"request": request, "response": response, "done": done}

    def _called(self, hook: str, exchange: Any) -> Any:
        self.journal.append(f"{self.name}.{hook}")
        act = self._acts[hook]
        return act(exchange) if act is not None else None

    def request(self, exchange: Any) -> Any:
        return self._called("request", exchange)

    def response(self, exchange: Any) -> Any:
        return self._called("response", exchange)

    def done(self, exchange: Any) -> None:
        self._called("done", exchange)


@dataclass
class Gate:
    """An awaitable that opens when the test says so."""

    loop: MockLoop
    outcome: Any = None
    waiting: list[Any] = field(default_factory=list)

    def __call__(self, exchange: Any) -> Awaitable[Any]:
        future = self.loop.create_future()
        self.waiting.append(future)
        return future

    def open(self) -> None:
        """Let everybody through who waits."""
        waiting, self.waiting = self.waiting, []
        for future in waiting:
            if future.done():
                continue  # cancelled
            if isinstance(self.outcome, BaseException):
                future.set_exception(self.outcome)
                future.exception()  # seen, even if whoever waited is gone
            else:
                future.set_result(self.outcome)
        self.loop.run_ready()


def new_loop() -> MockLoop:
    """A loop for what must exist before its Edge, such as a Gate."""
    return MockLoop()  # type: ignore[abstract]  # the rest of an event loop is of no use here


class Edge:
    """One listener ``edge`` with one route, ``path``, to one service; so many of its filters as ``before`` says run before routing."""

    def __init__(
        self,
        *,
        filters: Sequence[Any] = (),
        modes: Mapping[str, FailureMode] | None = None,
        before: int = 0,
        endpoints: int = 1,
        pool: PoolSettings | None = None,
        timeouts: Timeouts | None = None,
        limits: Limits | None = None,
        trusted: Sequence[str] = (),
        route: dict[str, Any] | None = None,
        service: dict[str, Any] | None = None,
        listener: dict[str, Any] | None = None,
        path: str = "/*",
        loop: MockLoop | None = None,
        seat: Any = None,
        make_pool: Callable[[Endpoint, Plane], Pool] = make_pool,
    ) -> None:
        self.path = path
        self.loop = loop or new_loop()
        self.born = self.loop.time()
        self.log: list[tuple[str, str, dict[str, Any]]] = []  #: level, event, fields
        self.errors: list[BaseException | None] = []  #: exceptions the plane logged
        self.chance = 0.0  #: what the plane's ``random`` returns
        self.done = 0  #: exchanges whose ``done`` hook ran
        shared = Counters(memoryview(mmap.mmap(-1, counters.SLAB_BYTES)))
        self.made: list[Endpoint] = []  #: every endpoint there ever was, but for waiting rooms
        self._make_pool = make_pool
        self.plane = DataPlane(
            self.loop, shared, lambda: self.chance, self.loop.time, self._on_log, wall=self._wall, make_pool=self._made
        )
        self.plane.seat = seat
        self.values = self.plane.values
        self.filters = [_Count(self), *filters]
        self.endpoints = [self.endpoint(9000 + number, number, pool) for number in range(endpoints)]
        self.service = usual.service(
            "s", tuple(self.endpoints), balancer=LeastRequest(lambda: self.chance), **(service or {})
        )
        chain = Chain(self.filters, modes, before + 1 if before else 0)
        self.fallback = usual.route("fallback", 0, chain=chain)
        # No buffer: a body that is not complete goes to the service as it comes.  Tests that want it held say so.
        defaults = {"service": self.service, "chain": chain, "body_buffer": 0}
        self.route = usual.route("all", 1, **{**defaults, **(route or {})})
        self.timeouts = timeouts or usual.timeouts()
        self.limits = limits or usual.limits()
        self.trusted = tuple(trusted)
        self.listener = self.listen(**(listener or {}))
        self.install(self.listener)

    def _made(self, endpoint: Endpoint, plane: Plane) -> Pool:
        self.made.append(endpoint)
        return self._make_pool(endpoint, plane)

    def _wall(self) -> float:
        return EPOCH + self.loop.time() - self.born

    # --- what the configuration would say

    def endpoint(self, port: int, slot: int, pool: PoolSettings | None = None) -> Endpoint:
        """An endpoint in the plane's registry."""
        address = Address("127.0.0.1", port)
        return usual.endpoint(self.plane.registry, "s", address, pool=pool or usual.pool(), slot=slot)

    def at(self, host: str) -> Endpoint:
        """The member at this address."""
        return next(one for one in self.plane.registry if one.key.address.host == host)

    def listen(self, *routes: Route, **options: Any) -> Listener:
        """A listener; ``routes`` instead of the usual one, each but the first below a path of its name."""
        rules = [
            Rule(
                name=one.name,
                path=self.path if not number else f"/{one.name}/*",
                host="",
                methods=frozenset({"GET", "HEAD", "POST", "PUT", "OPTIONS", "QUERY"}),
                headers=(),
                payload=one,
            )
            for number, one in enumerate(routes or (self.route,))
        ]
        settings: dict[str, Any] = {"timeouts": self.timeouts, "limits": self.limits, "trusted_proxies": self.trusted}
        return usual.listener("edge", Router(rules), self.fallback, **{**settings, **options})

    def install(self, listener: Listener, *services: Service, generation: int = 1) -> None:
        """Swap the snapshot."""
        self.plane.install(Snapshot(generation, {"edge": listener}, services or (self.service,)))

    # --- the two sides

    def client(self, data: bytes = b"", **options: Any) -> MockTransport:
        """A client connects, and may say something at once."""
        transport = self.loop.accept(client_factory(self.plane, "edge", self.listener.protocols), **options)
        if data:
            transport.feed(data)
            self.loop.run_ready()
        return transport

    @property
    def attempts(self) -> list[Attempt]:
        """Connections the pools asked for and got no answer about."""
        self.loop.run_ready()
        return [one for one in self.loop.attempts if not one.future.done()]

    def connect(self, *, port: int = 0, **options: Any) -> MockTransport:
        """Let the oldest attempt (to ``port``) succeed."""
        options.setdefault("extra", {"socket": None})
        attempt = next(one for one in self.attempts if port in (0, one.target.get("port")))
        transport = attempt.succeed(**options)
        self.loop.run_ready()
        return transport

    def refuse(self, error: BaseException | None = None) -> None:
        """Let the oldest attempt fail."""
        self.attempts[0].fail(error or ConnectionRefusedError("refused"))
        self.loop.run_ready()

    def pair(self, data: bytes = GET, **options: Any) -> tuple[MockTransport, MockTransport]:
        """A client that asks, and the new connection to the service that got the request."""
        client = self.client(data)
        return client, self.connect(**options)

    def run(self) -> None:
        """Run what is ready."""
        self.loop.run_ready()

    # --- what was counted

    def count(self, index: int) -> int:
        """A value of the global block."""
        return self.values[index]

    def of_route(self, index: int, slot: int = 1) -> int:
        """A value of a route's block."""
        return self.values[counters.ROUTE.base(slot) + index]

    def of_service(self, index: int, slot: int = 0) -> int:
        """A value of a service's block."""
        return self.values[counters.SERVICE.base(slot) + index]

    def answers(self, slot: int = 0) -> list[int]:
        """Answers of a service, by class."""
        return answers_of(self.values[counters.SERVICE.base(slot) : counters.SERVICE.base(slot + 1)])

    def failures_of(self, name: str) -> list[int]:
        """How often a filter has failed, by cause."""
        at = self.route.chain.modes.get(name, CLOSED).base + counters.FILTER_FAILURES
        return list(self.values[at : at + len(labels.FILTER_CAUSES)])

    def of_endpoint(self, index: int, slot: int = 0) -> int:
        """A value of an endpoint's block."""
        return self.values[counters.ENDPOINT.base(slot) + index]

    @property
    def begun(self) -> int:
        """Exchanges begun on any route."""
        return sum(self.of_route(counters.ROUTE_STARTED, slot) for slot in range(8))

    # --- what must hold

    def check(self) -> None:
        """Hold now: nobody uses an exchange that is kept for reuse, and gauges fit what is there."""
        ends = (*self.plane.connections, *self.plane.unconnected)
        busy = [one.exchange for one in ends if one.exchange is not None]
        free = [self.plane.take() for _ in range(min(self.done, 64) + 1)]
        assert len({id(one) for one in free}) == len(free)
        assert not {id(one) for one in busy} & {id(one) for one in free}
        assert {id(held) for one in free for held in (one.client, one.listener, one.route)} == {id(None)}
        for one in reversed(free):
            self.plane.give_back(one)
        copies = [one for one in self.plane.unconnected if isinstance(one, MirrorClient | Fill)]
        sent = sum(one.exchange is not None for one in copies)
        assert self.count(counters.EXCHANGES_OPEN) == self.begun - self.done + sent == len(busy)
        assert self.count(counters.CONNECTIONS_OPEN) == len(self.plane.connections)
        gathered = sum(one.gathered for one in copies)
        gathered += sum(way.held for one in busy for way in (one.inward, one.outward) if way is not None)
        assert self.plane.body_bytes == sum(one.body.held for one in busy) + gathered
        assert self.count(counters.BODIES_HELD) == sum(one.phase == BODY for one in busy)
        asking = [*busy, *(one.hedge for one in busy if one.hedge is not None)]
        uploads = [one for endpoint in self.made for one in pool_of(endpoint).uploads.under_way]
        assert set(uploads) == {one for one in busy if one.is_upload}
        rooms = [one for one in self.plane.registry if one.key.address.is_name]
        for number in {one.key.slot for one in self.made}:  # the addresses of a name share one
            made = [one for one in self.made if one.key.slot == number]
            pools = [pool_of(one) for one in made]
            waiting = sum(len(pool_of(one).waiters) for one in rooms if one.key.slot == number)
            waiting += sum(len(one.waiters) + len(one.uploads.line) for one in pools)
            assert self.of_endpoint(counters.ENDPOINT_IDLE, number) == sum(len(one.idle) for one in pools)
            assert self.of_endpoint(counters.ENDPOINT_WAITING, number) == waiting
            assert self.of_endpoint(counters.ENDPOINT_UPLOADS, number) == sum(
                len(one.uploads.under_way) for one in pools
            )
            carrying = sum(one.carrier is not None and one.endpoint in made for one in asking)
            assert self.of_endpoint(counters.ENDPOINT_ACTIVE, number) == carrying
            causes = [self.of_endpoint(counters.ENDPOINT_CAUSES + place, number) for place in range(len(CAUSES))]
            assert sum(causes) == self.of_endpoint(counters.ENDPOINT_FAILURES, number)
        for endpoint in self.made:
            pool = pool_of(endpoint)
            carrying = sum(one.carrier is not None and one.endpoint is endpoint for one in asking)
            assert endpoint.in_hand == sum(one.endpoint is endpoint for one in asking) >= carrying + len(pool.waiters)
            assert 0 <= pool.size <= pool.settings.max_connections

    def end(self) -> None:
        """Close everything; nothing may be left."""
        self.run()
        self.check()
        self.plane.close()
        self.run()
        self.check()
        assert self.begun == self.done == sum(self.of_route(counters.ROUTE_FINISHED, slot) for slot in range(8))
        for index in (counters.CONNECTIONS_OPEN, counters.EXCHANGES_OPEN, counters.TUNNELS_OPEN, counters.BODIES_HELD):
            assert self.count(index) == 0, index
        for slot in range(8):
            assert not any(self.of_route(index, slot) for index in counters.ROUTE.gauges)
            asked = self.of_service(counters.SERVICE_REQUESTS, slot)
            assert asked == sum(self.answers(slot)) + self.of_service(counters.SERVICE_UNANSWERED, slot)
        for endpoint in self.made:
            for index in counters.ENDPOINT.gauges:
                assert self.of_endpoint(index, endpoint.key.slot) == 0, index
            assert (endpoint.in_hand, pool_of(endpoint).size) == (0, 0)
        assert not self.plane.unconnected
        assert not self.loop.timers

    def _on_log(self, level: str, event: str, fields: dict[str, Any]) -> None:
        self.log.append((level, event, fields))
        if "error" in fields:
            self.errors.append(fields["error"])

    def events(self, event: str) -> list[dict[str, Any]]:
        """The fields of every line about ``event`` so far."""
        return [fields for _, name, fields in self.log if name == event]

    def failures(self) -> list[dict[str, Any]]:
        """The fields of every line about an endpoint that fails, once it is time to tell."""
        self.loop.advance(SETTLE_SECONDS + 0.3)
        return self.events("an endpoint fails")


class _Count:
    """The first filter of every chain: it has no request hook, so every exchange enters it; it counts the ends."""

    name = "count"

    def __init__(self, edge: Edge) -> None:
        self._edge = edge

    def done(self, exchange: Any) -> None:
        """One exchange more is over."""
        self._edge.done += 1


def named(*hosts: str, **options: Any) -> Edge:
    """An Edge whose endpoint is ``a.test``, a name with these addresses; without any nobody has answered for it yet."""
    edge = Edge(endpoints=0, **options)
    roster = ((EndpointKey("s", NAME), usual.settings(pool=options.get("pool") or usual.pool())),)
    members = edge.plane.registry.members("s")
    edge.service = Service("s", members, roster, edge.service.balancer, edge.service.settings)
    object.__setattr__(edge.route, "service", edge.service)
    edge.install(edge.listener)
    if hosts:
        edge.plane.learn({"a.test": Answer(hosts)})
    return edge


def statuses(data: bytes) -> list[int]:
    """The statuses of the answers in what a client got."""
    return [int(found) for found in re.findall(rb"HTTP/1\.1 ([0-9]{3}) ", data)]


def head_of(data: bytes) -> bytes:
    """The first head in ``data``, in lower case."""
    return data[: data.index(b"\r\n\r\n") + 4].lower()


def body_of(data: bytes) -> bytes:
    """What stands behind the first head."""
    return data[data.index(b"\r\n\r\n") + 4 :]
