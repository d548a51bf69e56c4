"""Frames of a connection of HTTP/2: what they are answered, what they are refused for, and floods of them."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.protocols import make_client
from fastgw.testing import usual
from fastgw.testing.edge import OK
from fastgw.wire.http2 import errors, frames
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.frame_kinds import (
    ACK,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    PREFACE,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
)
from fastgw.wire.http2.frames import frame
from tests.unit.core.http2.peer import HEAD, Http2Edge, Peer, Raw


def block(path: bytes = b"/", method: bytes = b"GET", lines: bytes = b"") -> bytes:
    return FieldEncoder().request(method, b"http", b"a.test", path, lines)


# --- what it is told


def test_settings_and_pings_are_answered() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    assert (SETTINGS, ACK, 0, b"") in raw.frames
    raw.send(frames.ping(b"12345678", False))
    assert (PING, ACK, 0, b"12345678") in raw.frames
    edge.end()


def test_it_says_how_many_streams_it_takes_and_refuses_more() -> None:
    edge = Http2Edge(limits=usual.limits(streams=2))
    peer = Peer(edge)
    assert peer.h2.remote_settings.max_concurrent_streams == 2
    raw = Raw(edge)
    for number in (1, 3, 5):
        raw.send(frames.headers(number, block(), True))
    assert [one[2] for one in raw.frames if one[0] == RST_STREAM] == [5]
    assert raw.codes(RST_STREAM) == [errors.REFUSED_STREAM]
    assert edge.count(counters.HTTP2_REFUSED) == 1 and edge.begun == 2
    raw.transport.lose()
    edge.end()


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(frames.headers(2, block(), True), errors.PROTOCOL_ERROR, id="an even number"),
        pytest.param(frame(DATA, 0, 1, b"x"), errors.PROTOCOL_ERROR, id="DATA of a stream that has not begun"),
        pytest.param(frames.reset(1, 8), errors.PROTOCOL_ERROR, id="RST_STREAM of one"),
        pytest.param(frames.window_update(1, 5), errors.PROTOCOL_ERROR, id="WINDOW_UPDATE of one"),
        pytest.param(frames.window_update(0, 0), errors.PROTOCOL_ERROR, id="WINDOW_UPDATE of nothing"),
        pytest.param(frames.window_update(0, 2**31 - 1), errors.FLOW_CONTROL_ERROR, id="a window too large"),
        pytest.param(
            frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2"), errors.PROTOCOL_ERROR, id="a client that pushes"
        ),
        pytest.param(frame(SETTINGS, 0, 0, b"\0\4\x80\0\0\0"), errors.FLOW_CONTROL_ERROR, id="a window of 2**31"),
        pytest.param(frame(HEADERS, END_HEADERS, 1, b"\x80"), errors.COMPRESSION_ERROR, id="no fields"),
        pytest.param(frame(HEADERS, 0, 1, b"") + frame(DATA, 0, 1, b""), errors.PROTOCOL_ERROR, id="inside a block"),
        pytest.param(b"\0\x40\1\0\0\0\0\0\1" + b"x" * 20_000, errors.FRAME_SIZE_ERROR, id="a frame too large"),
        pytest.param(frame(PRIORITY, 0, 3, b"\0\0\0\3\0"), errors.PROTOCOL_ERROR, id="depends on itself"),
    ],
)
def test_what_nobody_can_go_on_behind_ends_the_connection(data: bytes, code: int) -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(data)
    assert raw.codes(GOAWAY, 4) == [code]
    assert raw.transport.is_closing()
    assert edge.count(counters.HTTP2_FAILURES) == 1
    (event,) = [fields for _, event, fields in edge.log if event == "a request was refused"]
    assert errors.name_of(code) in event["detail"]
    edge.end()


def test_a_malformed_request_ends_its_stream_alone() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(frames.headers(1, block(lines=b"connection: close\r\n"), True) + frames.headers(3, block(), True))
    assert [one[2] for one in raw.frames if one[0] == RST_STREAM] == [1]
    assert raw.codes(RST_STREAM) == [errors.PROTOCOL_ERROR]
    assert edge.begun == 1 and edge.count(counters.HTTP2_STREAM_ERRORS) == 1
    raw.transport.lose()
    edge.end()


def test_what_the_rules_of_http_1_refuse_is_answered_so() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask(((":method", "TRACE"), *HEAD[1:]))
    assert peer.status(number) == "501"
    assert b"urn:fastgw:error:method_not_implemented" in peer.bodies[number]
    head = peer.ask(((":method", "HEAD"), (":scheme", "http"), (":authority", "a.test"), (":path", "/" + "a" * 9000)))
    assert peer.status(head) == "414" and peer.bodies[head] == b"" and head in peer.ended
    assert edge.count(counters.BAD_REQUESTS) == 2
    assert edge.begun == 0
    edge.end()


def test_a_head_that_is_too_large_is_431_and_the_next_is_read_right() -> None:
    edge = Http2Edge(limits=usual.limits(head_size=2048))
    peer = Peer(edge)
    number = peer.ask((*HEAD, ("x-large", "a" * 1900), ("x-next", "1")))
    assert peer.status(number) == "431"
    again = peer.ask((*HEAD, ("x-next", "1")))
    assert b"x-next: 1" in edge.connect().take()
    assert again not in peer.heads
    peer.transport.lose()
    edge.end()


def test_a_connect_is_not_served() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask(((":method", "CONNECT"), (":authority", "a.test:443")))
    assert peer.status(number) == "501"
    raw = Raw(edge)
    pseudo = b"\x02\x07CONNECT" + b"\x00\x09:protocol\x09websocket" + b"\x86\x84\x01\x06a.test"
    raw.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, pseudo))
    assert edge.begun == 0
    edge.end()


def test_frames_of_a_stream_that_we_have_reset_are_ignored() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(frames.headers(1, block(lines=b"te: gzip\r\n"), False))
    raw.send(frame(DATA, 0, 1, b"x" * 100) + frames.window_update(1, 1000) + frames.reset(1, 8))
    raw.send(frames.headers(3, block(), True))
    assert not raw.codes(GOAWAY) and edge.begun == 1
    raw.transport.lose()
    edge.end()


def test_data_of_a_stream_that_is_closed_is_told_so() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    peer.ask()
    edge.connect().feed(OK)
    peer.listen()
    raw_frame = frame(DATA, END_STREAM, 1, b"x")
    peer.transport.feed(raw_frame)
    edge.run()
    assert frames.reset(1, errors.STREAM_CLOSED) in peer.transport.take()
    edge.end()


# --- floods


@pytest.mark.parametrize(
    "attack",
    [
        pytest.param(lambda n: frames.headers(2 * n + 1, block(), True) + frames.reset(2 * n + 1, 8), id="rapid reset"),
        pytest.param(
            lambda n: frames.headers(2 * n + 1, block(), True) + frames.window_update(2 * n + 1, 0), id="made"
        ),
        pytest.param(lambda n: frames.ping(b"12345678", False), id="PING"),
        pytest.param(lambda n: frame(SETTINGS, 0, 0, b""), id="SETTINGS"),
        pytest.param(lambda n: frames.window_update(0, 1), id="small windows"),
        pytest.param(lambda n: frame(PRIORITY, 0, 1, b"\0\0\0\3\0"), id="PRIORITY"),
        pytest.param(
            lambda n: frames.headers(1, block(), False) if n == 0 else frame(DATA, 0, 1, b""), id="empty DATA"
        ),
        pytest.param(lambda n: frames.headers(2 * n + 1, block(lines=b"te: x\r\n"), True), id="malformed requests"),
    ],
)
def test_a_flood_ends_the_connection(attack: object) -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    for number in range(2000):
        raw.send(attack(number))  # type: ignore[operator]
        if raw.is_over:
            break
    assert raw.codes(GOAWAY, 4) == [errors.ENHANCE_YOUR_CALM]
    assert number <= 1001
    edge.end()


# --- what comes late, or where it may not


def test_what_a_client_says_of_its_leaving_is_heard() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(frames.goaway(0, 0) + frames.ping(b"of ours?", True))
    raw.send(frames.headers(1, block(), True))
    assert edge.begun == 1 and not raw.codes(GOAWAY)
    raw.transport.lose()
    edge.end()


def test_a_head_behind_the_end_of_its_stream_resets_it() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(frames.headers(1, block(), True) * 2)
    assert raw.codes(RST_STREAM) == [errors.STREAM_CLOSED]
    edge.end()


def test_trailers_have_the_bound_of_a_head() -> None:
    edge = Http2Edge(limits=usual.limits(head_size=1024))
    raw = Raw(edge)
    raw.send(frames.headers(1, block(method=b"POST"), False))
    raw.send(frames.headers(1, FieldEncoder().trailers(b"a: %b\r\n" % (b"b" * 1000)), True))
    assert raw.codes(RST_STREAM) == [errors.PROTOCOL_ERROR]
    edge.end()


def test_trailers_of_a_stream_that_was_reset_are_ignored() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(frames.headers(1, block(lines=b"te: x\r\n"), False))
    raw.send(frames.headers(1, FieldEncoder().trailers(b"a: b\r\n"), True))
    assert raw.codes(RST_STREAM) == [errors.PROTOCOL_ERROR] and not raw.codes(GOAWAY)
    edge.end()


def test_a_refused_request_whose_body_comes_is_stopped() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(frames.headers(1, block(method=b"TRACE"), False))
    assert raw.codes(RST_STREAM) == [errors.NO_ERROR]
    raw.send(frame(DATA, END_STREAM, 1, b"x"))
    assert not raw.codes(GOAWAY)
    edge.end()


def test_only_so_many_resets_are_remembered() -> None:
    edge = Http2Edge(timeouts=usual.timeouts(head=0, idle=0))
    raw = Raw(edge)
    for number in range(1, 2 * 300, 2):
        raw.send(frames.headers(number, block(lines=b"te: x\r\n"), False))
        edge.loop.advance(1.0)
    assert len(raw.codes(RST_STREAM)) == 300 and not raw.codes(GOAWAY)
    raw.send(frame(DATA, 0, 599, b"x"))
    assert len(raw.codes(RST_STREAM)) == 300
    raw.send(frame(DATA, 0, 1, b"x"))
    assert raw.codes(RST_STREAM)[-1] == errors.STREAM_CLOSED
    edge.end()


# --- requests for others


class Tls:
    """What is known of the TLS of a connection: it is good for one host."""

    name = "a.test"

    def __init__(self) -> None:
        self.context = self
        self.asked: list[str] = []

    def is_foreign(self, host: str, name: str) -> bool:
        self.asked.append(host)
        return host != name


@pytest.mark.parametrize("is_trusted", [False, True])
def test_a_foreign_authority_is_sent_elsewhere_unless_a_proxy_speaks_for_many(is_trusted: bool) -> None:
    trusted = {"trusted_proxies": ("127.0.0.0/8",)} if is_trusted else {}
    edge = Http2Edge(listener=trusted)
    tls = Tls()
    made: Any = make_client(edge.plane, edge.plane.listeners["edge"], "h2")
    transport = edge.loop.accept(lambda: made, extra={"ssl_object": tls, "peername": ("127.0.0.1", 5)})
    transport.feed(PREFACE + frame(SETTINGS, 0, 0, b""))
    encoder = FieldEncoder()
    for number, host in ((1, b"A.test:8443"), (3, b"a.test"), (5, b"b.test")):
        transport.feed(frames.headers(number, encoder.request(b"GET", b"https", host, b"/", b""), True))
    edge.run()
    assert edge.begun == (3 if is_trusted else 2)
    assert tls.asked == ([] if is_trusted else ["a.test", "b.test"])
    assert (b"misdirected" in transport.take()) is not is_trusted
    transport.lose()
    edge.end()
