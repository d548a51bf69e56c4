"""Random stories: whatever clients, services, hooks and time do, in any order, what must hold holds.

A story is a list of small numbers, so a failing one shrinks well.  Every client asks for paths of its own, and every answer names the path
it is for: an answer that reached another client, or came out of order, is seen.
"""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.errors import DownstreamError
from fastgw.wire.chunked import ChunkReader
from tests.support import usual
from tests.support.edge import SWITCHING, WEBSOCKET, Edge, Gate, Spy, new_loop
from tests.support.mock import MockTransport

ASKS = [
    b"GET %b HTTP/1.1\r\nHost: a.test\r\n\r\n",
    b"HEAD %b HTTP/1.1\r\nHost: a.test\r\n\r\n",
    b"POST %b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 5\r\n\r\nhello",
    b"POST %b HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    b"POST %b HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
    b"POST %b HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3;x\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n",
    b"PUT %b HTTP/1.1\r\nHost: a.test\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90_000,
    b"GET %b HTTP/1.0\r\nHost: a.test\r\n\r\n",
    b"GET %b HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n",
    WEBSOCKET.replace(b"GET /", b"GET %b"),
]
MORE = [b"hello", b"0\r\n\r\n", b"5\r\nhello\r\n", b"G", b"\r\n", b"z\r\n", b"\0", b"x" * 70_000]
ANSWERS = [
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nContent-Length: 2\r\n\r\no",
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\n\r\nok",
    b"HTTP/1.1 204 No Content\r\nX-For: %b\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nContent-Length: 2\r\n\r\nokLEFTOVER",
    b"HTTP/1.1 200 OK\r\nX-For: %b\r\nContent-Length: 90000\r\n\r\n" + b"x" * 90_000,
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nX-For: %b\r\nContent-Length: 0\r\n\r\n",
    b"HTTP/1.1 2",
    b"o",
    b"0\r\n\r\n",
    b"NOT HTTP\r\n\r\n",
    SWITCHING,
]


def heads_in(data: bytes, methods: list[bytes]) -> list[bytes]:
    """The heads of the final answers in what a client got, read as a client would: by their framing.

    ``methods``: of its requests; the answers are theirs, in order, until the connection ends.
    """
    heads: list[bytes] = []
    while (end := data.find(b"\r\n\r\n")) >= 0:
        head, data = data[: end + 4], data[end + 4 :]
        status = int(head[9:12])
        if status < 200 and status != 101:
            continue
        assert len(heads) < len(methods) or status in (400, 408, 414, 431, 501), head
        method = methods[len(heads)] if len(heads) < len(methods) else b""
        heads.append(head)
        length = re.search(rb"(?i)\r\ncontent-length: ([0-9]+)\r\n", head)
        if status == 101:
            break
        if method == b"HEAD" or status in (204, 304):
            continue
        if b"transfer-encoding: chunked" in head.lower():
            reader = ChunkReader(10_000, 100)
            reader.feed(data, 0)
            data = data[reader.end :]
        else:
            data = data[int(length[1]) :] if length else b""
    return heads


def send(side: MockTransport, data: bytes) -> None:
    """Let ``data`` arrive, unless the connection is lost or its peer has ended its side."""
    if data and not side.is_lost and not side.has_ended:
        side.feed(data)


def end(side: MockTransport) -> None:
    """Let the peer end its side, once."""
    if not side.has_ended:
        side.feed_eof()


class Story:
    """One edge, some clients and services, and what each number of the list makes them do."""

    def __init__(self) -> None:
        loop = new_loop()
        self.gates = [Gate(loop), Gate(loop, Reply(429)), Gate(loop, ValueError("late bug"))]
        self.leaving = Gate(loop)
        self.asked: dict[MockTransport, list[tuple[bytes, bytes]]] = {}  #: methods and paths
        self.took: dict[MockTransport, bytearray] = {}
        self.seen: dict[MockTransport, bytearray] = {}
        self.chosen = 0
        journal: list[str] = []
        self.edge = Edge(
            filters=[
                Spy("a", journal, request=self._on_request, response=self._on_response),
                Spy("b", journal),
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
        )
        self.edge.listener.pipeline_bytes = 300
        self.journal = journal

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

    # --- who is there

    def clients(self) -> list[MockTransport]:
        return [one for one in self.asked if not one.is_lost]

    def services(self) -> list[MockTransport]:
        made = [attempt.transport for attempt in self.edge.loop.attempts]
        return [one for one in made if one is not None and not one.is_lost]

    def collect(self) -> None:
        """Keep what everybody got."""
        for client in self.asked:
            self.took[client] += client.take()
        for attempt in self.edge.loop.attempts:
            if attempt.transport is not None:
                self.seen.setdefault(attempt.transport, bytearray()).extend(attempt.transport.take())

    def path_at(self, service: MockTransport) -> bytes:
        """The path of the request that this service got last; ``/early`` when it has not read all that came, or is not read itself
        (the mock has no kernel that could be asked whether more bytes wait, as ``Connection.has_news`` does)."""
        if service.get_write_buffer_size() or not self.seen.get(service) or not service.is_reading():
            return b"/early"
        found = re.findall(rb"(?:GET|HEAD|POST|PUT) (/[0-9]+/[0-9]+) HTTP/1\.1\r\n", self.seen.get(service, b""))
        path: bytes = found[-1]
        return path

    # --- what may happen

    def act(self, action: int, who: int, what: int) -> None:
        """Let one thing happen."""
        if action < 2:
            self._arrive(what)
        elif action < 12:
            self._client(action, self.clients(), who, what)
        elif action < 22:
            self._service(action, self.services(), who, what)
        elif action < 26:
            attempts = self.edge.attempts
            if attempts:
                self._opening(attempts[who % len(attempts)], what)
        elif action == 26:
            (*self.gates, self.leaving)[who % 4].open()
        elif action < 29:
            self.edge.loop.advance((0.25, 0.25, 0.25, 1.0, 2.0, 3.5, 7.0)[what % 7])
        elif what < 3:
            self.edge.install(self.edge.listen(), generation=what)
        if what % 4:
            self.edge.run()
        self.collect()

    def _arrive(self, what: int) -> None:
        number = len(self.asked)
        client = self.edge.client(capacity=0 if what == 1 else None, extra={"peername": (f"10.0.0.{number}", 1)})
        self.asked[client] = []
        self.took[client] = bytearray()

    def _client(self, action: int, clients: list[MockTransport], who: int, what: int) -> None:
        if not clients:
            return
        client = clients[who % len(clients)]
        if action < 8:
            number = list(self.asked).index(client)
            path = b"/%d/%d" % (number, len(self.asked[client]))
            ask = ASKS[what % len(ASKS)].replace(b"%b", path)
            self.asked[client].append((ask.partition(b" ")[0], path))
            cut = (what + who) * 7
            for part in (ask[:cut], ask[cut:]) if who % 2 else (ask,):
                send(client, part)
        elif action == 8:
            send(client, MORE[what % len(MORE)])
        elif action == 9:
            client.capacity = 0
        elif action == 10:
            client.drain(None if what % 2 else 50_000)
        elif what % 2:
            end(client)
        else:
            client.lose(ConnectionResetError() if what % 4 else None)

    def _service(self, action: int, services: list[MockTransport], who: int, what: int) -> None:
        if action < 17:  # mostly those that owe an answer
            services = [one for one in services if getattr(one.protocol, "exchange", None) is not None]
        if not services:
            return
        service = services[who % len(services)]
        if action < 18:
            self.collect()
            answer = ANSWERS[0 if what > 8 and action < 15 else what % len(ANSWERS)]
            send(service, answer.replace(b"%b", self.path_at(service)))
        elif action == 18:
            service.capacity = 0
        elif action == 19:
            service.drain(None if what % 2 else 50_000)
        elif action == 20:
            end(service)
        else:
            service.lose(ConnectionResetError() if what % 2 else None)

    def _opening(self, attempt: Any, what: int) -> None:
        if what < 2:
            attempt.fail((ConnectionRefusedError("refused"), TimeoutError())[what])
        else:
            transport = attempt.succeed(extra={"socket": None})
            if what == 2:
                transport.feed_eof()
            elif what == 3:
                transport.lose()

    # --- what must hold

    def judge(self) -> None:
        """At the end: every client got only answers to its own requests, in order."""
        for client, asked in self.asked.items():
            for number, head in enumerate(heads_in(bytes(self.took[client]), [method for method, _ in asked])):
                path = re.search(rb"\r\nX-For: (/[a-z0-9/]+)\r\n", head)
                assert path is None or path[1] in (asked[number][1], b"/early"), (head, asked)
        begun = self.journal.count("a.request")
        assert self.journal.count("a.done") == begun
        assert self.journal.count("b.done") == self.journal.count("b.request")
        assert self.journal.count("a.response") <= begun


steps = st.lists(st.tuples(st.integers(0, 29), st.integers(0, 5), st.integers(0, 15)), min_size=1, max_size=60)


def tell(story: Story, happenings: list[tuple[int, int, int]]) -> None:
    for action, who, what in happenings:
        story.act(action, who, what)
        story.edge.check()
    story.edge.end()
    story.collect()
    story.judge()


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_whatever_happens_what_must_hold_holds(happenings: list[tuple[int, int, int]]) -> None:
    tell(Story(), [(0, 0, 0), (0, 0, 0), *happenings])


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
@example([(2, 0, 0)] * 30)  # as many pipelined requests, and no service that answers: each waits for its own deadline
def test_a_quiet_time_heals_everything(happenings: list[tuple[int, int, int]]) -> None:
    """When everybody reads again and time passes, no exchange is left: each has some deadline, pipelined ones one after the other."""
    story = Story()
    for action, who, what in [(0, 0, 0), *happenings]:
        story.act(action, who, what)
    for transport in [*story.clients(), *story.services()]:
        transport.drain()
    for gate in (*story.gates, story.leaving):
        gate.open()
    for _ in range(4 + sum(map(len, story.asked.values()))):
        story.edge.loop.advance(10)
        for gate in (*story.gates, story.leaving):
            gate.open()
    assert story.edge.count(counters.EXCHANGES_OPEN) == 0
    assert story.edge.count(counters.CONNECTIONS_OPEN) == 0
    assert all(one.pool.size == 0 for one in story.edge.endpoints)
    story.edge.end()


@pytest.mark.long
@settings(max_examples=20_000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(steps)
def test_whatever_happens_for_long(happenings: list[tuple[int, int, int]]) -> None:
    tell(Story(), [(0, 0, 0), (0, 0, 0), *happenings])
