"""Calls over a WebSocket: their time and room, those over HTTP/2, and what becomes none."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.net.connection import HOLD_PEER
from fastgw.errors import DownstreamError
from fastgw.testing.edge import Spy, head_of, statuses
from fastgw.transformers.grpc_json_socket import CLOSE_SECONDS
from fastgw.wire.http2 import frames
from fastgw.wire.http2.frame_kinds import DATA, END_STREAM, RST_STREAM
from fastgw.wire.http2.frames import frame
from fastgw.wire.websocket_frames import CLOSE, PING, PONG, TEXT, frame_of
from tests.support.transcoded import answer, chunk, encoded, end, stage, start
from tests.support.websockets import MASK
from tests.unit.core.http2.peer import Raw
from tests.unit.transformers.talks import ONE, TALK, TWO, Talk, failed, handshake

# --- time and room


@pytest.mark.parametrize("has_begun", [False, True])
def test_silence_of_both_is_that_of_an_upgraded_connection(has_begun: bool) -> None:
    idle = 200.0  # longer than a body, or an answer, may rest
    talk = Talk(route={"tunnel_idle_timeout": idle})
    service = talk.edge.connect()
    if has_begun:
        service.feed(start() + chunk(ONE))
    talk.edge.loop.advance(idle - 1)
    talk.say({"name": "one"})
    talk.edge.loop.advance(idle - 1)
    talk.client.feed(frame_of(PONG, b"", MASK))
    talk.edge.loop.advance(idle - 1)
    assert {"name": "one"} in talk.heard() if has_begun else talk.heard() == []
    talk.edge.loop.advance(2)
    problem, code, _ = failed(talk.heard())
    assert code == 4004 and problem["type"].endswith("stream_idle_timeout" if has_begun else "body_timeout")
    talk.end()


def test_a_service_that_does_not_answer_has_the_time_of_any() -> None:
    talk = Talk()
    talk.edge.connect()
    talk.say({"name": "one"}, b"")
    talk.edge.loop.advance(200)
    problem, code, _ = failed(talk.heard())
    assert code == 4004 and problem["type"].endswith("answer_timeout")
    talk.end()


def test_a_call_has_a_time_in_all() -> None:
    def bound(exchange: Any) -> None:
        exchange.last = exchange.started + 5

    talk = Talk(before=(Spy("bound", [], request=bound),))
    assert b"grpc-timeout: 5000000u" in talk.edge.connect().take()
    talk.edge.loop.advance(6)
    assert failed(talk.heard())[1] == 4004
    talk.end()


def test_a_service_that_does_not_read_holds_the_client() -> None:
    talk = Talk()
    service = talk.edge.connect()
    service.capacity = 0
    while talk.client.is_reading():
        talk.say({"name": "x" * 9000})
    service.drain()
    assert talk.client.is_reading()
    talk.client.lose()
    talk.edge.end()


def test_a_client_that_does_not_read_holds_the_service_and_gets_no_more_pongs_than_it_may() -> None:
    talk = Talk()
    service = talk.edge.connect()
    service.feed(start())
    talk.client.capacity = 0
    while service.is_reading():
        service.feed(chunk(encoded("Book", name="x" * 9000)))
    queued = talk.client.get_write_buffer_size()
    for _ in range(10):
        talk.client.feed(frame_of(PING, b"?", MASK) * 100)
    assert 0 < talk.client.get_write_buffer_size() - queued <= 64 * 3
    talk.client.drain()
    assert service.is_reading() and talk.heard()[-1] == b"?"
    talk.client.feed(frame_of(PING, b"!", MASK))
    assert talk.heard() == [b"!"]
    talk.edge.loop.advance(61)  # the write deadline of then is none of the call's
    service.feed(chunk(ONE) + end())
    assert talk.heard() == [{"name": "one"}, (1000, "")]
    talk.end()


def test_a_client_that_never_reads_is_given_up() -> None:
    talk = Talk()
    service = talk.edge.connect()
    service.feed(start())
    talk.client.capacity = 0
    while service.is_reading():
        service.feed(chunk(encoded("Book", name="x" * 9000)))
    talk.edge.loop.advance(200)
    assert talk.client.is_lost and service.is_closing()
    assert talk.edge.count(counters.TUNNELS_OPEN) == 0 and talk.edge.count(counters.EXCHANGES_OPEN) == 0


# --- over HTTP/2


def over_http2(path: str) -> tuple[Any, Raw]:
    """An extended CONNECT (RFC 8441), and the gateway."""
    edge, _ = stage(protocols=("http/1.1", "h2"))
    raw = Raw(edge)
    fields = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a.test")]
    fields += [(":path", path), ("sec-websocket-version", "13")]
    block = b"".join([bytes((0, len(a))) + a.encode() + bytes((len(b),)) + b.encode() for a, b in fields])
    raw.send(frames.headers(1, block, False))
    return edge, raw


def data_of(raw: Raw) -> bytes:
    """All the DATA that has come."""
    raw.send(b"")
    return b"".join([payload for kind, _, _, payload in raw.frames if kind == DATA])


def test_a_stream_of_http2_carries_the_same() -> None:
    edge, raw = over_http2(TALK)
    service = edge.connect()
    raw.send(frame(DATA, 0, 1, frame_of(TEXT, b'{"name": "one"}', MASK) + frame_of(TEXT, b"", MASK)))
    assert service.take().endswith(chunk(ONE) + b"0\r\n\r\n")
    service.feed(answer(TWO))
    assert data_of(raw) == frame_of(TEXT, b'{"name":"two"}') + frame_of(CLOSE, b"\x03\xe8")
    assert edge.count(counters.TUNNELS_OPEN) == 1
    raw.send(frame(DATA, 0, 1, frame_of(CLOSE, b"\x03\xe8", MASK)))
    assert edge.count(counters.TUNNELS_OPEN) == 0 and any(flags & END_STREAM for _, flags, _, _ in raw.frames)
    raw.transport.lose()
    edge.end()


@pytest.mark.parametrize("is_over", [False, True])
def test_a_stream_of_http2_that_is_reset_ends_the_call(is_over: bool) -> None:
    edge, raw = over_http2(TALK)
    service = edge.connect()
    if is_over:
        service.feed(answer(TWO))
    raw.send(frame(RST_STREAM, 0, 1, bytes(4)))
    assert edge.count(counters.TUNNELS_OPEN) == 0 and edge.count(counters.EXCHANGES_OPEN) == 0
    raw.transport.lose()
    edge.end()


def test_a_client_of_http2_that_does_not_close_has_a_bound() -> None:
    edge, raw = over_http2(TALK)
    edge.connect().feed(answer(TWO))
    edge.loop.advance(CLOSE_SECONDS + 0.5)
    assert edge.count(counters.TUNNELS_OPEN) == 0 and not edge.plane.unconnected
    raw.transport.lose()
    edge.end()


# --- what becomes no WebSocket


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/v2/nothing", 404, "method_unknown"),
        ("/v1/text/x", 501, "upgrade_not_served"),
        ("/library.v1.Library/PutCover", 501, "upgrade_not_served"),
    ],
)
def test_a_handshake_for_no_call_is_an_answer_of_http(path: str, status: int, code: str) -> None:
    edge, _ = stage()
    client = edge.client(handshake(path))
    told = client.take()
    assert statuses(told) == [status] and f"urn:fastgw:error:{code}".encode() in told
    assert edge.count(counters.TUNNELS_OPEN) == 0
    edge.end()


def test_a_filter_refuses_before_the_handshake_is_answered() -> None:
    def refuses(exchange: Any) -> None:
        raise DownstreamError(401, "missing_key", "no key")

    edge, _ = stage(Spy("no", [], request=refuses))
    client = edge.client(handshake(TALK))
    assert statuses(client.take()) == [401] and not client.is_closing()
    edge.end()


def test_a_hook_behind_the_transcoder_still_answers_by_http() -> None:
    def refuses(exchange: Any) -> None:
        raise DownstreamError(403, "forbidden", "not you")

    edge, _ = stage(behind=(Spy("no", [], request=refuses),))
    client = edge.client(handshake(TALK))
    told = client.take()
    assert statuses(told) == [403] and b"101" not in head_of(told)[:12]
    edge.end()


def test_a_hold_of_either_side_is_that_of_the_connection() -> None:
    talk = Talk()
    (socket,) = talk.edge.plane.unconnected
    socket.hold(HOLD_PEER)
    assert not talk.client.is_reading()
    socket.release(HOLD_PEER)
    assert talk.client.is_reading()
    socket.close()
    assert talk.client.is_closing()
    talk.end()
