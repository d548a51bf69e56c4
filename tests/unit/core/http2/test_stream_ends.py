"""Streams of a client that end while nothing of an exchange is left, while the connection is full, and tunnels that end twice."""

from __future__ import annotations

from typing import Any

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.testing.edge import Spy
from fastgw.wire.http2 import errors, frames
from fastgw.wire.http2.decoder import FieldDecoder
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.frame_kinds import DATA, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS
from fastgw.wire.http2.frames import frame
from tests.unit.core.http2.peer import Http2Edge, Raw
from tests.unit.core.http2.test_tunnel import connect, head, sent, switching, tunnel

NO_WINDOW = frame(SETTINGS, 0, 0, b"\0\4\0\0\0\0")


def ask(number: int = 1, method: bytes = b"GET") -> bytes:
    return frames.headers(number, FieldEncoder().request(method, b"http", b"a.test", b"/", b""), method == b"GET")


def denied() -> tuple[Http2Edge, Raw]:
    """An exchange that was answered here, and is over, while its answer waits for a window, and its body still comes."""
    edge = Http2Edge(filters=[Spy("a", [], request=lambda _: Reply(403, b"no", "text/plain"))])
    raw = Raw(edge, NO_WINDOW)
    raw.send(ask(method=b"POST"))
    protocol: Any = raw.transport.protocol
    assert protocol._streams[1].exchange is None and not sent(raw)
    return edge, raw


# --- an answer that waits


def test_a_reset_of_a_stream_whose_exchange_is_over_drops_what_waits() -> None:
    edge, raw = denied()
    raw.send(frames.reset(1, errors.CANCEL) + frames.window_update(1, 100))
    assert not sent(raw) and not raw.codes(RST_STREAM) and not raw.codes(GOAWAY)
    protocol: Any = raw.transport.protocol
    assert not protocol._streams
    raw.send(ask(3))
    assert [one[2] for one in raw.frames if one[0] == HEADERS] == [1, 3]  # the connection goes on
    raw.transport.lose()
    edge.end()


def test_a_fault_on_a_stream_whose_exchange_is_over_resets_it_alone() -> None:
    edge, raw = denied()
    raw.send(frames.headers(1, FieldEncoder().trailers(b"a: b\r\n"), False))
    assert raw.codes(RST_STREAM) == [errors.PROTOCOL_ERROR] and not raw.codes(GOAWAY)
    raw.send(frames.window_update(1, 100))
    assert not sent(raw)
    raw.transport.lose()
    edge.end()


def test_a_call_that_breaks_off_while_the_connection_is_full_is_told_why_when_it_is_not() -> None:
    """Nothing of the body waits then: its trailers are all there is to say (gRPC)."""
    edge = Http2Edge()
    raw = Raw(edge)
    lines = b"content-type: application/grpc\r\nte: trailers\r\n"
    raw.send(frames.headers(1, FieldEncoder().request(b"POST", b"http", b"a.test", b"/s/m", lines), False))
    raw.send(frame(DATA, END_STREAM, 1, b""))
    service = edge.connect()
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\nTransfer-Encoding: chunked\r\n\r\n"
    service.feed(answer + b"7\r\n\0\0\0\0\2ab\r\n")
    raw.send(b"")
    raw.transport.protocol.pause_writing()
    service.lose(ConnectionResetError())
    raw.send(b"")
    assert [kind for kind, _, number, _ in raw.frames if number == 1] == [HEADERS, DATA]
    raw.transport.protocol.resume_writing()
    raw.send(b"")
    decoder = FieldDecoder()
    told = [decoder.decode(one[3], 1 << 16) for one in raw.frames if one[0] == HEADERS]
    assert b"grpc-status" in [one.name for one in told[-1]] and len(told) == 2
    assert raw.frames[-1][1] & END_STREAM and not raw.codes(RST_STREAM)
    raw.transport.lose()
    edge.end()


# --- tunnels


def test_the_answer_of_a_tunnel_has_the_date_of_its_service_and_the_id_of_its_request() -> None:
    def named(exchange: Any) -> None:
        exchange.response.request_id = b"id-1"

    edge = Http2Edge(filters=[Spy("a", [], response=named)])
    raw = Raw(edge)
    raw.send(connect())
    service = edge.connect()
    service.feed(switching(service).replace(b"\r\n\r\n", b"\r\nDate: then\r\n\r\n"))
    raw.send(b"")
    fields = head(raw)  # a date of ours would have taken its place, as it stands behind
    assert fields[b"date"] == b"then" and fields[b"x-request-id"] == b"id-1"
    raw.transport.lose()
    edge.end()


def test_a_connect_that_is_closed_before_the_service_agrees_is_reset() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(connect())
    service = edge.connect()
    protocol: Any = raw.transport.protocol
    protocol._streams[1].close()
    raw.send(b"")
    assert raw.codes(RST_STREAM) == [errors.CANCEL] and service.is_closing()
    assert edge.count(counters.TUNNELS_OPEN) == 0
    raw.transport.lose()
    edge.end()


def test_a_client_that_goes_on_behind_the_end_of_its_service_is_stopped_in_time() -> None:
    """It is told that nobody listens, not that something failed (RFC 9113 section 8.1)."""
    edge = Http2Edge(route={"tunnel_idle_timeout": 5.0})
    raw, service = tunnel(edge)
    service.feed_eof()
    raw.send(frame(DATA, 0, 1, b"still"))
    assert sent(raw) == [(END_STREAM, b"")] and service.take() == b"still"
    edge.loop.advance(8.0)
    raw.send(b"")
    assert raw.codes(RST_STREAM) == [errors.NO_ERROR] and service.is_closing()
    assert edge.count(counters.TUNNELS_OPEN) == 0
    raw.transport.lose()
    edge.end()


def test_a_tunnel_that_is_closed_twice_says_its_end_once() -> None:
    edge = Http2Edge()
    raw, service = tunnel(edge, b"\0\4\0\0\0\2")
    protocol: Any = raw.transport.protocol
    stream = protocol._streams[1]
    service.feed(b"hello")
    raw.send(b"")
    service.lose(None)
    stream.close()
    stream.close()
    raw.send(frames.window_update(1, 100))
    assert sent(raw) == [(0, b"he"), (END_STREAM, b"llo")]
    raw.transport.lose()
    edge.end()
