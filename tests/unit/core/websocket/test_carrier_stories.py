"""Random stories of requests to services that speak WebSocket only: whatever either side does, in any order, nothing is left, and no answer
is a lie.

A story is a list of small numbers, so a failing one shrinks well.
"""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.core import counters
from fastgw.core.exchange.tunnel import accept_of
from fastgw.core.websocket.pool import WebSocketPool
from fastgw.core.websocket_counters import CLOSES, ENDS, OPEN
from fastgw.testing.edge import Edge, body_of, statuses
from fastgw.testing.mock import MockTransport
from fastgw.wire.fields import find_field
from fastgw.wire.websocket_frames import CLOSE, CONTINUATION, PING, TEXT, close_payload, frame_of
from tests.support.examples import examples
from tests.unit.core.websocket.test_answers import USUAL

FORMS: tuple[dict[str, Any], ...] = (
    {},
    {"answer": "ndjson", "idle_timeout": 2.0},
    {"send": "lines", "until": (("n", 3),), "answer": "array", "end_message": "EOS"},
)
BODIES = (b"", b"hello", b'{"n":1}\n{"n":2}\n', b"\xff\xfe", b"x" * 1200)
TYPES = (b"text/plain", b"application/x-ndjson", b"audio/wav")
ACTS = (
    0,
    1,
    1,
    1,
    2,
    3,
    3,
    6,
    6,
    7,
    7,
    7,
    8,
    9,
    4,
    5,
    10,
    11,
    12,
    13,
)  #: what goes on is more likely than what ends it
CODES = (1000, 1001, 1008, 1011, 1013, 4000)


class Story:
    """One client with a connection, and a service that has as many as it is asked for."""

    def __init__(self, form: dict[str, Any]) -> None:
        usual = USUAL._replace(max_answer=4000, **form)
        self.edge = Edge(
            endpoints=2,
            make_pool=WebSocketPool,
            service={"websocket": usual},
            route={"answer_timeout": 20.0, "body_buffer": 0},
        )
        self.client: MockTransport = self.edge.client()
        self.services: list[tuple[MockTransport, bytes]] = []
        self.unsent = b""
        self.heard = b""

    def step(self, number: int) -> None:
        act, rest = ACTS[number % len(ACTS)], number // len(ACTS)
        if act == 0:
            self._ask(rest)
        elif act == 1:
            self._send(len(self.unsent))
        elif act == 2:
            self._send(1 + rest % 40)
        elif act == 3 and self.edge.attempts:
            if rest % 5:
                made = self.edge.connect()
                self.services.append((made, made.take()))
            else:
                self.edge.refuse()
        elif act == 4:
            self.edge.loop.advance((0.3, 1.0, 2.5, 11.0, 31.0)[rest % 5])
        elif act == 5 and rest % 4 == 0:
            self.client.lose()
            self.client, self.unsent, self.heard = self.edge.client(), b"", b""
        elif self.services:
            self._serve(act, rest, *self.services[rest % len(self.services)])
        self.edge.run()
        self.heard += self.client.take()

    def _ask(self, rest: int) -> None:
        body = BODIES[rest % 5]
        head = b"POST /x HTTP/1.1\r\nHost: a\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (
            TYPES[rest // 5 % 3],
            len(body),
        )
        self.unsent += head + body

    def _send(self, size: int) -> None:
        if self.unsent and self.client.is_reading() and not self.client.is_closing():
            data, self.unsent = self.unsent[:size], self.unsent[size:]
            self.client.feed(data)

    def _serve(self, act: int, rest: int, service: MockTransport, head: bytes) -> None:
        if service.is_closing() or not service.is_reading():
            return
        if act == 6:
            key = find_field(head, b"sec-websocket-key") or b""
            fields = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n" % accept_of(key)
            service.feed(b"HTTP/1.1 101 Switching Protocols\r\n" + fields)
        elif act == 7:
            service.feed(frame_of(TEXT, b'{"n":%d}' % (rest % 5)))
        elif act == 8:
            service.feed(frame_of(TEXT, b"a", is_last=False) + frame_of(PING, b"?") + frame_of(CONTINUATION, b"b"))
        elif act == 9:
            service.feed(frame_of(CLOSE, close_payload(CODES[rest % 6])))
        elif act == 10 and rest % 3 == 0:
            service.feed_eof()
        elif act == 11 and rest % 3 == 0:
            service.lose(ConnectionResetError("reset"))
        elif act == 12 and rest % 3 == 0:
            service.feed(bytes((rest % 256, rest // 5 % 256)) * 3)
        elif act == 13:
            protocol: Any = service.protocol
            (protocol.resume_writing if protocol.is_paused else protocol.pause_writing)()

    def check(self) -> None:
        """Each answer that is complete is one that was asked for, and says what it may."""
        if self.heard[:9] == b"HTTP/1.1 ":
            first = statuses(self.heard)[0]
            assert first in (200, 400, 403, 408, 413, 499, 502, 503, 504), self.heard
            if first == 200 and find_field(self.heard, b"content-length") == str(len(body_of(self.heard))).encode():
                assert body_of(self.heard)[:1] in (b"", b"[", b"{", b"a", b"<")

    def end(self) -> None:
        """Everything leaves: nothing may be left."""
        self.client.lose()
        for service, _ in self.services:
            if not service.is_closing():
                service.lose()
        self.edge.loop.advance(60)
        while self.edge.attempts:
            self.edge.refuse()
        self.edge.run()
        count = self.edge.of_route
        assert count(OPEN) == 0 == self.edge.plane.body_bytes
        assert all(self.edge.of_endpoint(counters.ENDPOINT_ACTIVE, slot) == 0 for slot in (0, 1))
        assert sum(count(CLOSES + place) for place in range(len(ENDS))) <= len(self.services)
        assert not self.edge.errors, self.edge.errors
        self.edge.end()


@pytest.mark.parametrize("number", range(len(FORMS)))
@settings(max_examples=examples(300), deadline=None)
@given(story=st.lists(st.integers(0, len(ACTS) * 60 - 1), max_size=60))
def test_whatever_either_side_does_nothing_is_left(number: int, story: list[int]) -> None:
    told = Story(FORMS[number])
    for one in (0, *story):
        told.step(one)
    told.check()
    told.end()
