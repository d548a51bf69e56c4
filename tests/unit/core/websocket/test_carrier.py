"""A request to a service that speaks WebSocket only: handshake, messages both ways, every end, and what is told of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.core import counters
from fastgw.core.exchange.tunnel import accept_of
from fastgw.core.websocket.answers import value_of
from fastgw.core.websocket.pool import WebSocketPool
from fastgw.core.websocket_counters import CLOSES, CODES, ENDS, MESSAGES, OPEN
from fastgw.testing.edge import Edge, Spy, body_of, head_of, statuses
from fastgw.testing.mock import MockTransport
from fastgw.wire.chunked import ChunkReader
from fastgw.wire.fields import find_field
from fastgw.wire.websocket_frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    WebSocketFrames,
    close_payload,
    frame_of,
)
from fastgw.wire.websocket_messages import WebSocket
from tests.support.examples import examples
from tests.unit.core.http2.peer import POST, Http2Edge, Peer
from tests.unit.core.websocket.test_answers import USUAL

JSON = b"Content-Type: application/json\r\n"


def post(body: bytes = b"{}", *fields: bytes, path: bytes = b"/ask?x=1") -> bytes:
    head = b"POST %b HTTP/1.1\r\nHost: a.test\r\nContent-Length: %d\r\n" % (path, len(body))
    return head + b"".join(fields) + b"\r\n" + body


class Asked:
    """A request, and the service in the hands of a test."""

    def __init__(
        self, sent: bytes, *, endpoints: int = 1, edge: Edge | None = None, route: Any = None, **settings: Any
    ) -> None:
        self.notes: list[Any] = []
        spy = Spy("spy", [], done=lambda exchange: self.notes.append(exchange.notes))
        self.edge = edge or Edge(
            filters=[spy],
            endpoints=endpoints,
            make_pool=WebSocketPool,
            service={"websocket": USUAL._replace(max_answer=10_000, **settings)},
            route=route or {},
        )
        self.client: MockTransport = self.edge.client(sent)
        self.service: MockTransport = self.edge.connect()
        self.head = self.service.take()
        self.socket = WebSocket(1 << 20)  # of the service

    def open(self, *fields: bytes, behind: bytes = b"") -> list[str | bytes]:
        """Let the service agree; what it hears at once."""
        key = find_field(self.head, b"sec-websocket-key") or b""
        head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n"
        self.service.feed(head % accept_of(key) + b"".join(fields) + b"\r\n" + behind)
        return self.heard()

    def all_others(self, act: Callable[[], Any]) -> int:
        """Do so with each further connection that is asked for; how many there were."""
        count = 0
        while self.edge.attempts:
            self.service = self.edge.connect()
            self.head = self.service.take()
            act()
            count += 1
        return count

    def heard(self) -> list[str | bytes]:
        return self.socket.receive(self.service.take())

    def say(self, *messages: str | bytes) -> None:
        for one in messages:
            frame = frame_of(TEXT, one.encode()) if isinstance(one, str) else frame_of(BINARY, one)
            self.service.feed(frame)

    def answered(self) -> tuple[int, bytes]:
        data = self.client.take()
        return statuses(data)[0], body_of(data)

    def end(self) -> None:
        """Nothing may be left."""
        self.client.lose()
        self.service.lose()
        self.edge.run()
        assert self.edge.of_route(OPEN) == 0 == self.edge.of_endpoint(counters.ENDPOINT_ACTIVE)
        assert self.edge.plane.body_bytes == 0
        self.edge.end()


def test_a_request_is_a_handshake_a_message_and_an_answer() -> None:
    asked = Asked(post(b'{"a":1}', JSON, b"Authorization: Bearer x\r\nX-Own: y\r\n"), subprotocol="chat")
    line, _, fields = asked.head.partition(b"\r\n")
    assert line == b"GET /ask?x=1 HTTP/1.1"
    for name, value in (
        (b"host", b"a.test"),
        (b"upgrade", b"websocket"),
        (b"authorization", b"Bearer x"),
        (b"x-own", b"y"),
    ):
        assert find_field(asked.head, name) == value
    assert find_field(asked.head, b"sec-websocket-protocol") == b"chat" and find_field(asked.head, b"x-forwarded-for")
    assert not {b"content-length", b"content-type"} & {one.partition(b":")[0].lower() for one in fields.split(b"\r\n")}
    assert asked.open(b"Sec-WebSocket-Protocol: chat\r\n") == ['{"a":1}']
    asked.say('{"b": 2}')
    assert asked.answered() == (200, b'{"b": 2}') and asked.heard() == [] and asked.socket.code == 1000
    assert asked.service.is_eof_written and not asked.client.is_closing()
    asked.service.feed(frame_of(TEXT, b"behind our CLOSE") + frame_of(CLOSE, close_payload(1000)))
    assert asked.service.take() == b"" and not asked.service.is_closing()
    asked.service.feed_eof()
    asked.edge.run()
    assert asked.service.is_closing()
    count = asked.edge.of_route
    assert (count(MESSAGES), count(MESSAGES + 1), count(CLOSES), count(CODES)) == (1, 1, 1, 1)
    assert asked.notes[0]["websocket"] == {"client": 1, "service": 1, "close": 1000}
    asked.end()


def test_what_comes_with_the_101_is_heard() -> None:
    asked = Asked(post(b"x"))
    assert asked.open(behind=frame_of(TEXT, b"soon")) == [b"x"]
    assert asked.answered() == (200, b"soon")
    asked.end()


def test_a_client_asks_again_on_its_connection_and_the_service_is_asked_anew() -> None:
    asked = Asked(post(b"1"))
    asked.open()
    asked.say("one")
    assert asked.answered() == (200, b"one")
    asked.client.feed(post(b"2"))
    asked.service = asked.edge.connect()
    asked.head, asked.socket = asked.service.take(), WebSocket(1000)
    assert asked.open() == [b"2"]
    asked.say("two")
    assert asked.answered() == (200, b"two")
    asked.end()


def test_lines_are_messages_and_all_answers_an_array() -> None:
    asked = Asked(post(b'{"a":1}\n\n"b"', b"Content-Type: application/x-ndjson\r\n"), messages=2, end_message="EOS")
    assert asked.open() == ['{"a":1}', '"b"', "EOS"]
    asked.say("1", b"\x00")
    assert asked.answered() == (200, b'[1,"AA=="]')
    assert asked.edge.of_route(MESSAGES) == 3
    asked.end()


def test_pieces_are_messages_as_they_come() -> None:
    asked = Asked(post(b"abcdefgh")[:-2], send="pieces", end_message="EOS")
    assert asked.open() == [b"abcd", b"ef"]
    asked.client.feed(b"gh")
    assert asked.heard() == [b"gh", "EOS"]
    asked.say("heard")
    assert asked.answered() == (200, b"heard")
    asked.end()


def test_a_stream_goes_out_message_by_message() -> None:
    asked = Asked(post(b"x", b"Accept: text/event-stream\r\n"))
    asked.open()
    assert asked.client.take() == b""
    asked.say("one")
    first = asked.client.take()
    assert find_field(head_of(first), b"content-type") == b"text/event-stream" and b"data: one\n\n" in first
    asked.say("two")
    assert b"data: two\n\n" in asked.client.take()
    asked.service.feed(frame_of(CLOSE, close_payload(1000)))
    assert asked.client.take() == b"0\r\n\r\n"
    assert asked.edge.of_route(CLOSES + ENDS.index("service")) == 1
    asked.end()


def test_a_body_goes_on_as_it_comes_once_the_socket_is_open() -> None:
    asked = Asked(post(b"x" * 10)[:-6])
    assert not asked.client.is_reading()  # what comes now could only wait
    assert asked.open() == [] and asked.client.is_reading()
    asked.client.feed(b"y" * 6)
    assert asked.heard() == [b"xxxx" + b"y" * 6]
    asked.say("done")
    assert asked.answered() == (200, b"done")
    asked.end()


def test_who_waits_for_leave_to_send_gets_it_when_the_socket_is_open() -> None:
    asked = Asked(post(b"abc", b"Expect: 100-continue\r\n")[:-3])
    assert asked.client.take() == b""
    asked.open()
    assert statuses(asked.client.take()) == [100]
    asked.client.feed(b"abc")
    assert asked.heard() == [b"abc"]
    asked.say("ok")
    assert asked.answered() == (200, b"ok")
    asked.end()


def test_a_request_without_a_body_says_nothing() -> None:
    asked = Asked(b"GET /feed HTTP/1.1\r\nHost: a\r\n\r\n")
    assert asked.open() == []
    asked.say("news")
    assert asked.answered() == (200, b"news")
    asked.end()


def test_head_has_the_head_alone() -> None:
    asked = Asked(b"HEAD /feed HTTP/1.1\r\nHost: a\r\n\r\n")
    asked.open()
    asked.say("news")
    told = asked.client.take()
    assert find_field(told, b"content-length") == b"4" and body_of(told) == b""
    asked.end()


def test_silence_ends_an_answer() -> None:
    asked = Asked(post(b"x"), idle_timeout=1.0)
    asked.open()
    asked.edge.loop.advance(5)
    assert asked.client.take() == b""  # the first message is waited for
    asked.say("1")
    asked.edge.loop.advance(0.9)
    asked.say("2")
    asked.edge.loop.advance(0.9)
    assert asked.client.take() == b""
    asked.edge.loop.advance(0.2)
    assert asked.answered() == (200, b"[1,2]") and asked.heard() == [] and asked.socket.code == 1000
    asked.end()


def test_pings_are_answered() -> None:
    asked = Asked(post(b"x"))
    asked.open()
    asked.service.feed(frame_of(PING, b"?"))
    (pong,) = WebSocketFrames(100, 100, is_masked=True).feed(asked.service.take())
    assert (pong.opcode, pong.payload) == (PONG, b"?")
    asked.say("ok")
    asked.end()


# --- the handshake


REFUSALS = [
    (b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n", "with 403"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nno", "with 200"),
    (b"HTTP/1.1 101 X\r\nUpgrade: other\r\nConnection: Upgrade\r\n\r\n", "another protocol"),
    (
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n",
        "does not belong to the key",
    ),
    (b"HTTP/1.1 101 X\r\nbad line\r\n\r\n", "cannot be read"),
    (b"x" * 40_000, "too large"),
]


@pytest.mark.parametrize(("answer", "why"), REFUSALS, ids=[why for _, why in REFUSALS])
def test_a_handshake_that_comes_to_nothing_is_told(answer: bytes, why: str) -> None:
    asked = Asked(post(b"x"), endpoints=2)
    asked.service.feed(answer)
    others = asked.all_others(lambda: asked.service.feed(answer))
    assert others == 2  # as nothing was said: the first does not count, as if a kept connection had been dead
    status, body = asked.answered()
    assert (
        status == 502 and json.loads(body)["type"].endswith("websocket_refused") and why in json.loads(body)["detail"]
    )
    asked.end()


@pytest.mark.parametrize(
    "field", [b"Sec-WebSocket-Extensions: permessage-deflate\r\n", b"Sec-WebSocket-Protocol: x\r\n"]
)
def test_a_service_may_choose_nothing_that_it_was_not_offered(field: bytes) -> None:
    asked = Asked(post(b"x"))
    asked.open(field)
    asked.all_others(lambda: asked.open(field))
    status, body = asked.answered()
    assert status == 502 and b"was not offered" in body
    asked.end()


def test_before_the_101_another_endpoint_gets_all_of_it() -> None:
    asked = Asked(post(b"abcdef")[:-2], endpoints=2)
    asked.service.lose()
    asked.service = asked.edge.connect()
    asked.head = asked.service.take()
    assert asked.open() == []
    asked.client.feed(b"ef")
    assert asked.heard() == [b"abcdef"]
    asked.say("ok")
    assert asked.answered() == (200, b"ok")
    asked.end()


def test_behind_it_nobody_is_asked_twice() -> None:
    asked = Asked(post(b"x"), endpoints=2)
    asked.open()
    asked.service.feed_eof()
    status, body = asked.answered()
    assert status == 502 and b"websocket_failed" in body and not asked.edge.attempts
    assert asked.edge.of_route(CLOSES + ENDS.index("lost")) == 1
    asked.end()


def test_a_request_for_a_websocket_is_a_tunnel() -> None:
    key = b"dGhlIHNhbXBsZSBub25jZQ=="
    fields = (
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %b\r\n\r\n" % key
    )
    asked = Asked(b"GET /x HTTP/1.1\r\nHost: a\r\n" + fields)
    asked.open()
    assert statuses(asked.client.take()) == [101]
    asked.client.feed(b"as it is")
    assert asked.service.take() == b"as it is"
    asked.end()


def test_a_stream_of_http2_is_the_same_client() -> None:
    edge = Http2Edge(make_pool=WebSocketPool, service={"websocket": USUAL})
    peer = Peer(edge)
    number = peer.ask((*POST, ("content-type", "text/plain")), b"hello")
    service = edge.connect()
    head = service.take()
    accept = accept_of(find_field(head, b"sec-websocket-key") or b"")
    service.feed(
        b"HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %b\r\n\r\n" % accept
    )
    assert WebSocket(100).receive(service.take()) == ["hello"]
    service.feed(frame_of(TEXT, b"world"))
    peer.listen()
    assert peer.status(number) == "200" and peer.bodies[number] == b"world"
    peer.transport.lose()
    service.lose()
    edge.run()
    edge.end()


# --- splits


@settings(max_examples=examples(200), deadline=None)
@given(
    messages=st.lists(st.one_of(st.text(max_size=30), st.binary(max_size=30)), min_size=1, max_size=5),
    cuts=st.lists(st.integers(1, 40), max_size=12),
    is_stream=st.booleans(),
)
def test_an_answer_is_the_same_at_every_split(messages: list[str | bytes], cuts: list[int], is_stream: bool) -> None:
    asked = Asked(post(b"x", *([b"Accept: application/x-ndjson\r\n"] if is_stream else [])), messages=0, max_messages=9)
    asked.open()
    frames = [frame_of(TEXT, one.encode()) if isinstance(one, str) else frame_of(BINARY, one) for one in messages]
    data = b"".join(frames) + frame_of(CLOSE, close_payload(1000))
    for size in cuts:
        asked.service.feed(data[:size])
        data = data[size:]
    asked.service.feed(data) if data else None
    values = [value_of(one) for one in messages]
    told = asked.client.take()
    if is_stream:
        _, _, body = told.partition(b"\r\n\r\n")
        reader = ChunkReader(1000, 10, decode=True)
        assert reader.feed(body, 0) == b"".join(one + b"\n" for one in values) and reader.done
    else:
        assert (statuses(told), body_of(told)) == ([200], b"[" + b",".join(values) + b"]")
    asked.end()
