"""Random stories: whatever clients, services, hooks and time do, in any order, what must hold holds.

A story is a list of small numbers, so a failing one shrinks well.  It is told with every pair of ends: clients and services that have one
exchange after the other on a connection (HTTP/1), and such that have many at once (``tests/support/streams``); and with a name for an
endpoint, whose addresses come and go.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.core.live.endpoint import EndpointKey
from fastgw.core.live.news import NOT_FOUND, Answer
from fastgw.core.protocols import make_pool
from fastgw.core.settings import GrpcSettings
from fastgw.errors import DownstreamError
from fastgw.filters.grpc import Calls
from fastgw.testing import usual
from fastgw.testing.edge import NAME, Edge, Gate, Spy, new_loop
from tests.support.bodies import Later, Taped, Watching, doubled
from tests.support.casts import Cast, Clients, Http1Clients, Http1Services, StreamClients, StreamServices
from tests.support.examples import examples
from tests.support.http2_casts import Http2Clients
from tests.support.http2_service import Behind
from tests.support.http2_service_casts import Http2Services
from tests.support.streams.service import StreamPool

CLIENTS: dict[str, Callable[[Edge], Clients]] = {"http1": Http1Clients, "http2": Http2Clients, "streams": StreamClients}
SERVICES: dict[str, Callable[[Edge], Cast]] = {
    "http1": Http1Services,
    "http2": Http2Services,
    "streams": StreamServices,
}
POOLS: dict[str, Any] = {"http1": make_pool, "http2": make_pool, "streams": StreamPool}
NAMED = "http1, by name"
SERVICES[NAMED], POOLS[NAMED] = Http1Services, make_pool
ENDS = [(client, service) for client in CLIENTS for service in SERVICES]
HOSTS = ("10.0.0.1", "10.0.0.2", "10.0.0.3")


class Story:
    """One edge, some clients and services, and what each number of the list makes them do."""

    def __init__(self, clients: str, services: str) -> None:
        loop = new_loop()
        self.gates = [Gate(loop), Gate(loop, Reply(429)), Gate(loop, ValueError("late bug"))]
        self.leaving = Gate(loop)
        self.chosen = 0
        journal: list[str] = []
        self.edge = (Behind if services == "http2" else Edge)(
            filters=[
                Spy("a", journal, request=self._on_request, response=self._on_response, done=self._on_done),
                Spy("b", journal),
                Watching("c", ["read_request"], self._on_reading),
                Watching("e", ["transform_request"], self._on_body),
                Watching("d", ["read_response", "transform_response"], self._on_body),
                Calls(GrpcSettings(True, 10, 10)),
            ],
            endpoints=2,
            pool=usual.pool(max_connections=2, max_pending=3, pending_timeout=2, connect_timeout=3, idle_timeout=4),
            timeouts=usual.timeouts(head=3, idle=6, body=3, write=3),
            limits=usual.limits(connections=6, body_memory=100_000),
            route={
                "answer_timeout": 4.0,
                "stream_idle_timeout": 4.0,
                "tunnel_idle_timeout": 5.0,
                "timeout": 9.0,
                "body_buffer": 20_000,
            },
            loop=loop,
            make_pool=POOLS[services],
        )
        self.edge.listener.pipeline_bytes = 300
        self.journal = journal
        self.tries = self.settled = 0
        if services == NAMED:
            self._use_a_name()
        self.edge.service.judge = self.edge.service.members.judge = self
        self.clients = CLIENTS[clients](self.edge)
        self.services = SERVICES[services](self.edge)

    def _use_a_name(self) -> None:
        edge = self.edge
        edge.service.roster = ((EndpointKey("s", NAME, slot=2), edge.endpoints[0].settings),)
        edge.endpoints = []
        edge.service.install(edge.plane.registry)

    def _on_request(self, exchange: Any) -> Any:
        self.chosen = (self.chosen * 5 + 3) % 64
        if self.chosen < 52:
            return None
        if self.chosen < 54:
            return Reply(403, b"{}", close=self.chosen == 53)
        if self.chosen == 54:
            raise DownstreamError(401, "no", "no")
        if self.chosen == 55:
            raise ValueError("bug")
        return self.gates[self.chosen % 3](exchange)

    def _on_response(self, exchange: Any) -> Any:
        self.chosen = (self.chosen * 5 + 3) % 64
        if self.chosen == 1:
            raise ValueError("bug")
        return self.leaving(exchange) if self.chosen > 56 and exchange.response.status != 101 else None

    def _on_done(self, exchange: Any) -> None:
        self.tries += exchange.attempts

    def settle(self, endpoint: Any, outcome: Any, seconds: float) -> None:
        """See ``Judge``."""
        assert endpoint.members is self.edge.service.members and seconds >= 0
        self.settled += 1

    def _on_reading(self, exchange: Any) -> Any:
        return self._on_body(exchange, changed=None)

    def _on_body(self, exchange: Any, changed: Any = doubled) -> Any:
        self.chosen = (self.chosen * 5 + 3) % 64
        if self.chosen == 2:
            raise ValueError("bug")
        if self.chosen % 4 == 0:
            return None
        act = (None, changed, Later(), self._fail)[self.chosen // 4 % 4 if self.chosen > 8 else 3]
        return Taped(act, gather=100 * (self.chosen % 3), trailer_names=(b"x-t",), trailers=((b"x-t", b"1"),))

    def _fail(self, data: bytes | None) -> bytes:
        if data is None:
            raise DownstreamError(422, "no", "no")
        return data

    # --- what may happen

    def act(self, action: int, who: int, what: int) -> None:
        """Let one thing happen."""
        if action < 2:
            self.clients.arrive(what)
        elif action < 12:
            self.clients.act(action, who, what)
        elif action < 26:
            self.services.act(action, who, what)
        elif action == 26:
            (*self.gates, self.leaving)[who % 4].open()
        elif action < 29:
            self.edge.loop.advance((0.25, 0.25, 0.25, 1.0, 2.0, 3.5, 7.0)[what % 7])
        elif what < 3:
            self.edge.install(self.edge.listen(), generation=what)
        else:
            hosts = tuple(host for place, host in enumerate(HOSTS) if what & 1 << place)
            self.edge.plane.learn({"a.test": Answer(hosts, *(() if hosts else (NOT_FOUND, "does not exist")))})
        if what % 4:
            self.edge.run()
        self.collect()

    def collect(self) -> None:
        """Keep what everybody got."""
        self.clients.collect()
        self.services.collect()

    def judge(self) -> None:
        """At the end: every client got only answers to its own requests, in order, hooks ran as often as they should,
        and every try was settled with once."""
        self.clients.judge()
        begun = self.journal.count("a.request")
        assert self.journal.count("a.done") == begun
        assert self.journal.count("b.done") == self.journal.count("b.request")
        assert self.journal.count("a.response") <= begun
        assert self.settled == self.tries


steps = st.lists(st.tuples(st.integers(0, 29), st.integers(0, 5), st.integers(0, 15)), min_size=1, max_size=60)


def tell(story: Story, happenings: list[tuple[int, int, int]]) -> None:
    for action, who, what in happenings:
        story.act(action, who, what)
        story.edge.check()
    story.edge.end()
    story.collect()
    story.judge()


@pytest.mark.parametrize(("clients", "services"), ENDS)
@settings(max_examples=examples(150), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(happenings=steps)
def test_whatever_happens_what_must_hold_holds(
    clients: str, services: str, happenings: list[tuple[int, int, int]]
) -> None:
    tell(Story(clients, services), [(0, 0, 0), (0, 0, 0), *happenings])


@pytest.mark.parametrize(("clients", "services"), ENDS)
@settings(max_examples=examples(50), deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(happenings=steps)
@example(
    happenings=[(2, 0, 0)] * 30
)  # as many pipelined requests, and no service that answers: each waits for its own deadline
def test_a_quiet_time_heals_everything(clients: str, services: str, happenings: list[tuple[int, int, int]]) -> None:
    """When everybody reads again and time passes, no exchange is left: each has some deadline, pipelined ones one after the other."""
    story = Story(clients, services)
    for action, who, what in [(0, 0, 0), *happenings]:
        story.act(action, who, what)
    story.clients.drain()
    story.services.drain()
    for gate in (*story.gates, story.leaving):
        gate.open()
    for _ in range(4 + story.clients.asked_times):
        story.edge.loop.advance(10)
        for gate in (*story.gates, story.leaving):
            gate.open()
    assert story.edge.count(counters.EXCHANGES_OPEN) == 0
    assert story.edge.count(counters.CONNECTIONS_OPEN) == 0
    # But who is ejected is tried again, for ever.
    assert all(one.pool.size == one.ejection.is_on_trial for one in story.edge.made)
    story.edge.end()


@pytest.mark.long
@pytest.mark.parametrize(("clients", "services"), ENDS)
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(happenings=steps)
def test_whatever_happens_for_long(clients: str, services: str, happenings: list[tuple[int, int, int]]) -> None:
    tell(Story(clients, services), [(0, 0, 0), (0, 0, 0), *happenings])
