"""Streams of HTTP/2 whose answer waits, and what may come, or end, meanwhile; and what does not wait, and comes in small pieces."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.testing import usual
from fastgw.testing.edge import OK, Spy, body_of
from fastgw.wire.http2 import errors, frames
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.frame_kinds import DATA, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE
from fastgw.wire.http2.frames import frame
from tests.unit.core.http2.peer import Http2Edge, Peer, Raw

LARGE = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def post(length: int | None = None) -> bytes:
    lines = b"" if length is None else b"content-length: %d\r\n" % length
    return frames.headers(1, FieldEncoder().request(b"POST", b"http", b"a.test", b"/", lines), False)


# --- an answer that waits, and what may happen meanwhile


def early(edge: Http2Edge) -> tuple[Raw, Any]:
    """A request whose body still comes, and an answer that waits for a window of ours; the stream."""
    raw = Raw(edge, first=frame(SETTINGS, 0, 0, b"\0\4\0\0\0\0"))
    raw.send(post())
    protocol: Any = raw.transport.protocol
    return raw, protocol._streams[1]


def denied() -> Http2Edge:
    return Http2Edge(filters=[Spy("a", [], request=lambda _: Reply(403, b"no", "text/plain"))])


def test_a_body_and_trailers_behind_an_answer_that_waits_are_thrown_away() -> None:
    edge = denied()
    raw, stream = early(edge)
    assert stream.exchange is None
    raw.send(frame(DATA, 0, 1, b"x" * 16_000) * 4)
    assert [one for one in raw.frames if one[0] == WINDOW_UPDATE and one[2] == 1]  # it may send on
    raw.send(frames.headers(1, FieldEncoder().trailers(b"a: b\r\n"), True))
    raw.send(frames.window_update(1, 100))
    assert [one[3] for one in raw.frames if one[0] == DATA] == [b"no"] and not raw.codes(RST_STREAM)
    edge.end()


def test_a_stream_that_is_closed_sends_nothing_more() -> None:
    edge = denied()
    raw, stream = early(edge)
    stream.abort()
    stream.close()
    stream.write(b"late")
    late = edge.plane.take()
    late.response.status = 103
    stream.send_interim(late)
    raw.send(b"")
    assert raw.codes(RST_STREAM) == [errors.CANCEL]
    assert not [one for one in raw.frames if one[0] == DATA]
    edge.end()


@pytest.mark.parametrize("write", [0.0, 5.0])
def test_an_answer_that_is_over_and_waits_is_cut_in_time(write: float) -> None:
    edge = Http2Edge(
        filters=[Spy("a", [], request=lambda _: Reply(403, b"no", "text/plain"))],
        timeouts=usual.timeouts(write=write, idle=0),
    )
    raw, _ = early(edge)
    edge.loop.advance(12.0)
    raw.send(b"")
    assert raw.codes(RST_STREAM) == ([errors.CANCEL] if write else [])
    raw.transport.lose()
    edge.end()


def test_a_window_of_a_stream_that_is_too_large_resets_it() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(post())
    raw.send(frames.window_update(1, 2**31 - 1))
    assert raw.codes(RST_STREAM) == [errors.FLOW_CONTROL_ERROR]
    edge.end()


def test_first_windows_that_make_one_too_large_end_the_connection() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(post() + frames.window_update(1, 2**31 - 1 - 65_535))
    raw.send(frame(SETTINGS, 0, 0, b"\0\4\0\1\0\0"))
    assert raw.codes(GOAWAY, 4) == [errors.FLOW_CONTROL_ERROR]
    edge.end()


def test_an_end_alone_waits_behind_what_waits() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(frames.headers(1, FieldEncoder().request(b"GET", b"http", b"a.test", b"/", b""), True))
    service = edge.connect()
    service.feed(CHUNKED + b"%x\r\n%b\r\n" % (70_000, b"x" * 70_000))
    service.feed(b"3\r\nabc\r\n")
    service.feed(b"0\r\nx-sum: 1\r\n\r\n")
    raw.send(b"")
    assert not any(flags & END_STREAM for kind, flags, _, _ in raw.frames if kind in (DATA, HEADERS))
    raw.send(frames.window_update(0, 10_000) + frames.window_update(1, 10_000))
    last = raw.frames[-1]
    assert (last[0], last[1] & END_STREAM) == (HEADERS, 1)
    assert sum(len(one[3]) for one in raw.frames if one[0] == DATA) == 70_003
    edge.end()


def test_an_answer_has_the_id_of_its_request_and_no_length_it_cannot_have() -> None:
    def named(exchange: Any) -> None:
        exchange.response.request_id = b"id-1"
        exchange.response.add_header(b"x-more", b"1")

    edge = Http2Edge(filters=[Spy("a", [], response=named)])
    peer = Peer(edge)
    number = peer.ask()
    edge.connect().feed(b"HTTP/1.1 204 No Content\r\ncontent-length: 0\r\ndate: now\r\n\r\n")
    peer.listen()
    assert peer.heads[number] == [(":status", "204"), ("date", "now"), ("x-request-id", "id-1"), ("x-more", "1")]
    edge.end()


def test_trailers_that_come_while_the_body_waits_end_it_behind_the_body() -> None:
    edge = Http2Edge(route={"body_buffer": 10_000, "body_wait": 5.0})
    raw = Raw(edge)
    raw.send(post())
    for _ in range(3):
        raw.send(frame(DATA, 0, 1, b"x" * 16_000))
    raw.send(frames.headers(1, FieldEncoder().trailers(b"x-sum: 1\r\n"), True))
    service = edge.connect()
    edge.run()
    sent = service.take()
    assert sent.endswith(b"\r\n0\r\nx-sum: 1\r\n\r\n") and body_of(sent).count(b"x") >= 48_000
    service.feed(OK)
    raw.send(b"")
    assert not raw.codes(RST_STREAM)
    edge.end()


# --- a client that takes nothing


def test_heads_wait_for_a_client_that_reads_nothing() -> None:
    """No window bounds them: streams that do not end until they are taken do."""
    edge = Http2Edge(
        limits=usual.limits(streams=20),
        timeouts=usual.timeouts(write=5.0),
        filters=[Spy("a", [], request=lambda _: Reply(204))],
    )
    raw = Raw(edge)
    raw.transport.capacity = 0
    ask = FieldEncoder().request(b"GET", b"http", b"a.test", b"/", b"")
    numbers = iter(range(1, 10_001, 2))
    while not raw.transport.pauses:
        raw.transport.feed(frames.headers(next(numbers), ask, True))
        edge.run()
    held = raw.transport.get_write_buffer_size()
    for _ in range(60):
        raw.transport.feed(frames.headers(next(numbers), ask, True))
        edge.run()
    assert raw.transport.get_write_buffer_size() < held + 2000
    assert edge.count(counters.HTTP2_REFUSED) == 40
    edge.loop.advance(16.0)
    assert raw.transport.is_aborted
    edge.end()


def test_a_head_that_waited_is_sent_when_there_is_room() -> None:
    edge = Http2Edge(filters=[Spy("a", [], request=lambda _: Reply(204))])
    raw = Raw(edge)
    raw.transport.capacity = 0
    ask = FieldEncoder().request(b"GET", b"http", b"a.test", b"/", b"")
    numbers = iter(range(1, 10_001, 2))
    while not raw.transport.pauses:
        raw.transport.feed(frames.headers(next(numbers), ask, True))
        edge.run()
    last = next(numbers)
    raw.transport.feed(frames.headers(last, ask, True))
    edge.run()
    raw.transport.drain()
    raw.send(b"")
    assert [one[:3] for one in raw.frames if one[2] == last] == [(HEADERS, 5, last)]
    edge.end()


def test_a_refusal_keeps_within_the_windows() -> None:
    edge = Http2Edge()
    raw = Raw(edge, first=frame(SETTINGS, 0, 0, b"\0\4\0\0\0\0"))
    raw.send(frames.headers(1, FieldEncoder().request(b"TRACE", b"http", b"a.test", b"/", b""), True))
    assert [one[0] for one in raw.frames if one[2] == 1] == [HEADERS]
    protocol: Any = raw.transport.protocol
    before = protocol._link.window
    raw.send(frames.window_update(1, 10_000))
    (body,) = [one[3] for one in raw.frames if one[0] == DATA]
    assert b"method_not_implemented" in body and before - protocol._link.window == len(body)
    edge.end()


# --- what does not wait


@pytest.mark.parametrize("length", [1000, None])
def test_a_body_that_comes_byte_by_byte_is_written_in_few_pieces(length: int | None) -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(post(length) + frame(DATA, 0, 1, b"x"))
    service = edge.connect()
    edge.run()
    service.writes.clear()
    for _ in range(3):
        raw.send(frame(DATA, 0, 1, b"x") * 333)
    assert len(service.writes) == 3
    service.feed(OK)
    raw.transport.lose()
    edge.end()
