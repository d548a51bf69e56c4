"""Connections of HTTP/2: how they begin, and how they end."""

from __future__ import annotations

from typing import Any

import h2.settings
import pytest

from fastgw.core import counters
from fastgw.core.protocols import make_client
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, body_of, statuses
from fastgw.testing.mock_transport import MockTransport
from fastgw.wire.http2 import errors, frames
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.frame_kinds import (
    GOAWAY,
    PING,
    PREFACE,
    SETTINGS,
)
from fastgw.wire.http2.frames import frame
from tests.unit.core.http2.peer import BOTH, HEAD, POST, Http2Edge, Peer, Raw

CHUNKED_HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


def block(path: bytes = b"/", method: bytes = b"GET", lines: bytes = b"") -> bytes:
    return FieldEncoder().request(method, b"http", b"a.test", path, lines)


# --- how it begins


def test_a_request_goes_the_way_of_any_other() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask(
        ((":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/x?y=1"), ("a", "b"))
    )
    service = edge.connect()
    asked = service.take()
    assert asked.startswith(b"GET /x?y=1 HTTP/1.1\r\nhost: a.test\r\na: b\r\nx-forwarded-for: 127.0.0.1\r\n")
    assert b"\r\nvia: 2 fastgw\r\n" in asked
    service.feed(OK)
    peer.listen()
    assert peer.status(number) == "200"
    assert peer.ended == {number}
    assert edge.count(counters.HTTP2_STREAMS) == 1
    edge.end()


def test_the_preface_may_come_in_pieces_and_with_a_request_behind() -> None:
    edge = Http2Edge()
    data = PREFACE + frame(SETTINGS, 0, 0, b"") + frames.headers(1, block(), True)
    for cut in range(1, len(data), 7):
        client = edge.client()
        client.feed(data[:cut])
        edge.run()
        client.feed(data[cut:])
        edge.run()
        client.lose()
        edge.run()
    assert edge.begun == len(range(1, len(data), 7))
    edge.end()


def test_a_listener_that_does_not_speak_it_refuses_the_preface() -> None:
    edge = Edge()
    client = edge.client(PREFACE)
    assert statuses(client.take()) == [505]
    edge.end()


def test_both_versions_are_spoken_on_one_port() -> None:
    edge = Http2Edge()
    client, service = edge.pair(GET)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    peer = Peer(edge)
    number = peer.ask()
    service.feed(OK)
    peer.listen()
    assert peer.status(number) == "200"
    edge.end()


def test_what_begins_otherwise_behind_the_first_line_ends() -> None:
    edge = Http2Edge()
    client = edge.client(PREFACE[:18] + b"XX\r\n\r\n" + b"\0" * 20)
    edge.run()
    assert client.is_closing()
    assert edge.count(counters.HTTP2_FAILURES) == 1
    edge.end()


def test_the_first_frame_is_settings() -> None:
    edge = Http2Edge()
    raw = Raw(edge, first=frames.ping(b"12345678", False))
    assert raw.codes(GOAWAY, 4) == [errors.PROTOCOL_ERROR]
    assert raw.transport.is_closing()
    edge.end()


# --- how it ends


def test_a_client_that_is_gone_takes_its_exchanges_along() -> None:
    edge = Http2Edge(endpoints=1)
    peer = Peer(edge)
    peer.ask()
    peer.ask()
    first, second = edge.connect(), edge.connect()
    peer.transport.lose()
    edge.run()
    assert first.is_closing() and second.is_closing()
    assert edge.of_route(counters.ROUTE_ABORTED) == 2
    edge.end()


def test_a_drain_ends_it_behind_the_last_answer() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    number = peer.ask()
    service = edge.connect()
    edge.plane.drain()
    service.feed(OK)
    peer.listen()
    assert peer.status(number) == "200" and peer.ended == {number}
    assert peer.goaways == [(0, number)]
    assert peer.transport.is_closing()
    edge.end()


def test_a_drain_tells_it_to_begin_no_more_while_something_goes_on() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(frames.headers(1, block(), True))
    service = edge.connect()
    edge.plane.drain()
    edge.loop.advance(0.5)
    raw.send(frames.headers(3, block(), True))
    assert edge.begun == 2 and not raw.codes(GOAWAY)
    edge.loop.advance(1.0)
    raw.send(b"")
    assert raw.codes(GOAWAY) == [2**31 - 1]
    ping = next(payload for kind, flags, _, payload in raw.frames if kind == PING and not flags)
    raw.send(frames.headers(5, block(), True) + frames.ping(ping, True) + frames.headers(7, block(), True))
    assert raw.codes(GOAWAY) == [2**31 - 1, 5]
    assert edge.begun == 3
    service.feed(OK)  # and then it has the third
    edge.connect().feed(OK)
    service.feed(OK)
    raw.send(b"")
    assert raw.transport.is_closing()
    assert raw.codes(GOAWAY, 4) == [0, 0]
    edge.end()


def test_an_idle_connection_ends_with_goaway() -> None:
    edge = Http2Edge(timeouts=usual.timeouts(idle=5.0))
    peer = Peer(edge)
    peer.ask()
    edge.connect().feed(OK)
    peer.listen()
    edge.loop.advance(4.0)
    assert not peer.transport.is_closing()
    edge.loop.advance(2.0)
    peer.listen()
    assert peer.goaways == [(0, 1)]
    assert peer.transport.is_closing()
    edge.end()


@pytest.mark.parametrize(
    "trickle",
    [
        pytest.param(frames.ping(b"12345678", False), id="PING"),
        pytest.param(b"", id="bytes of a frame"),
    ],
)
def test_what_begins_no_request_gives_an_idle_connection_no_more_time(trickle: bytes) -> None:
    edge = Http2Edge(timeouts=usual.timeouts(idle=5.0, head=3.0))
    fresh, used = Raw(edge), Raw(edge)
    used.send(frames.headers(1, block(), True))
    edge.connect().feed(OK)
    part = frames.headers(3, block(), True)
    for number in range(12):
        for raw in (fresh, used):
            raw.send(trickle or part[number : number + 1])
        assert fresh.transport.is_closing() == (number >= 6), number
        edge.loop.advance(0.5)
    assert used.transport.is_closing()
    edge.end()


def test_a_connection_with_streams_is_not_idle() -> None:
    edge = Http2Edge(timeouts=usual.timeouts(idle=5.0))
    peer = Peer(edge)
    number = peer.ask()
    service = edge.connect()
    edge.loop.advance(30.0)
    service.feed(OK)
    peer.listen()
    assert peer.status(number) == "200"
    edge.end()


def test_another_configuration_is_that_of_the_next_request() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    peer.ask()
    service = edge.connect()
    service.feed(OK)
    peer.listen()
    service.take()
    edge.install(edge.listen(trusted_proxies=("127.0.0.0/8",), protocols=BOTH), generation=2)
    peer.ask((*HEAD, ("x-forwarded-for", "10.1.2.3")))
    assert b"x-forwarded-for: 10.1.2.3, 127.0.0.1\r\n" in service.take()
    peer.transport.lose()
    edge.end()


def test_a_client_that_reads_nothing_is_cut() -> None:
    edge = Http2Edge(timeouts=usual.timeouts(write=5.0))
    peer = Peer(edge)
    peer.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 2**31 - 1})
    peer.h2.increment_flow_control_window(2**30)
    peer.flush()
    peer.ask(POST, b"x")
    service = edge.connect()
    peer.transport.capacity = 0
    service.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 200_000)
    edge.run()
    edge.loop.advance(30.0)
    assert peer.transport.is_closing() or peer.transport.is_aborted
    assert service.is_closing()
    edge.end()


def test_it_tells_what_it_is() -> None:
    edge = Http2Edge()
    peer = Peer(edge)
    assert repr(peer.transport.protocol) == "<Http2Client 127.0.0.1 streams=0>"
    edge.end()


# --- where ALPN has chosen it, and what comes at its end


def chosen(edge: Edge, **options: Any) -> MockTransport:
    """A connection on which HTTP/2 was chosen before its first byte."""
    made: Any = make_client(edge.plane, edge.plane.listeners["edge"], "h2")
    return edge.loop.accept(lambda: made, **options)


def test_where_it_was_chosen_it_says_what_it_is_like_at_once() -> None:
    edge = Http2Edge()
    client = chosen(edge, extra={"peername": ("10.1.2.3", 5)})
    assert client.take().startswith(b"\0\0\x18\x04\0\0\0\0\0")
    client.feed(PREFACE + frame(SETTINGS, 0, 0, b"") + frames.headers(1, block(), True))
    assert b"\r\nx-forwarded-for: 10.1.2.3\r\n" in edge.connect().take()
    client.lose()
    edge.end()


def test_it_counts_among_the_connections() -> None:
    edge = Http2Edge(limits=usual.limits(connections=1))
    first, second = chosen(edge), chosen(edge)
    edge.run()
    assert not first.is_closing() and second.is_closing()
    assert edge.count(counters.CONNECTIONS_REFUSED) == 1
    first.feed_eof()
    edge.run()
    assert first.is_closing()
    edge.end()


def test_bytes_behind_its_end_are_nothing() -> None:
    edge = Http2Edge()
    client = chosen(edge)
    client.feed(b"GET / HTTP/1.1\r\n\r\n")
    assert client.is_closing() and edge.count(counters.HTTP2_FAILURES) == 1
    protocol: Any = client.protocol
    protocol.data_received(PREFACE)
    protocol.on_drain()
    protocol.abort()
    assert edge.count(counters.HTTP2_FAILURES) == 1
    edge.end()


def wide(edge: Edge) -> Peer:
    """A client whose windows are never in the way."""
    peer = Peer(edge)
    peer.h2.update_settings({h2.settings.SettingCodes.INITIAL_WINDOW_SIZE: 2**31 - 1})
    peer.h2.increment_flow_control_window(2**30)
    peer.flush()
    return peer


@pytest.mark.parametrize("write", [0.0, 5.0])
def test_a_connection_that_takes_bytes_again_goes_on_with_all_its_streams(write: float) -> None:
    edge = Http2Edge(timeouts=usual.timeouts(write=write))
    peer = wide(edge)
    first, second = peer.ask(), peer.ask()
    services = [edge.connect(), edge.connect()]
    peer.transport.capacity = 0
    for service in services:
        service.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n" + b"x" * 100_000)
        edge.run()
    assert peer.transport.pauses == 1
    edge.plane.drain()
    for service in services:
        service.feed(b"x" * 100_000)
        edge.run()
    for _ in range(10):
        peer.transport.drain()
        peer.listen()
    assert {len(peer.bodies[number]) for number in (first, second)} == {200_000}
    assert peer.ended == {first, second}
    assert peer.transport.is_closing()
    edge.end()


def test_a_connection_that_closes_and_is_not_read_is_cut() -> None:
    edge = Http2Edge(timeouts=usual.timeouts(write=5.0))
    raw = Raw(edge)
    raw.transport.capacity = 0
    raw.transport.feed(frames.window_update(0, 0))
    edge.run()
    assert raw.transport.is_closing() and not raw.transport.is_lost
    edge.loop.advance(6.0)
    assert raw.transport.is_aborted
    edge.end()


def test_an_answer_that_begins_while_the_connection_takes_nothing_waits() -> None:
    edge = Http2Edge()
    peer = wide(edge)
    first, second = peer.ask(), peer.ask()
    services = [edge.connect(), edge.connect()]
    peer.transport.capacity = 0
    services[0].feed(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000)
    edge.run()
    assert peer.transport.pauses == 1
    services[1].feed(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n")
    services[1].feed(b"3\r\ndef\r\n")
    assert services[1].unread  # it is held
    third = peer.ask()
    edge.run()
    peer.transport.drain()
    services[1].feed(b"0\r\n\r\n")
    services[0].feed(OK)
    peer.listen()
    assert (peer.bodies[second], len(peer.bodies[first])) == (b"abcdef", 100_000)
    assert peer.ended == {first, second, third}
    edge.end()


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        pytest.param([OK], body_of(OK), id="whole"),
        pytest.param([CHUNKED_HEAD, b"0\r\n\r\n"], b"", id="an end alone"),
        pytest.param([CHUNKED_HEAD + b"3\r\nabc\r\n", b"3\r\ndef\r\n0\r\n\r\n"], b"abcdef", id="in parts"),
    ],
)
def test_a_stream_that_begins_while_the_connection_takes_nothing_waits(parts: list[bytes], body: bytes) -> None:
    edge = Http2Edge()
    peer = wide(edge)
    first = peer.ask()
    service = edge.connect()
    peer.transport.capacity = 0
    service.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 200000\r\n\r\n" + b"x" * 100_000)
    edge.run()
    assert peer.transport.pauses == 1
    second = peer.ask()
    other = edge.connect()
    for part in parts:
        other.feed(part)
        edge.run()
    assert second not in peer.ended
    for _ in range(3):
        peer.transport.drain()
        peer.listen()
    service.feed(b"x" * 100_000)
    peer.listen()
    assert peer.bodies[second] == body and peer.ended == {first, second}
    edge.end()


def test_what_is_asked_of_it_out_of_turn_does_no_harm() -> None:
    edge = Http2Edge()
    fresh = chosen(edge)
    protocol: Any = fresh.protocol
    protocol.address = b"10.9.9.9"  # as a PROXY header says it
    protocol.close()
    protocol.close()
    edge.run()
    assert fresh.is_closing() and b"\x07\0\0\0\0\0" not in fresh.take()  # who has said nothing is told nothing
    peer = Peer(edge)
    peer.ask()
    protocol = peer.transport.protocol
    protocol.on_deadline(edge.plane.now)
    protocol.resume_writing()
    assert not peer.transport.is_closing()
    stream = protocol._streams[1]
    stream.pause()
    stream.pause()
    stream.go_on()
    stream.send_body(b"")
    assert stream.exchange is not None and not protocol.is_idle
    peer.transport.lose()
    protocol.resume_writing()
    edge.end()


def test_an_announced_client_is_who_was_announced() -> None:
    edge = Http2Edge()
    made: Any = make_client(edge.plane, edge.plane.listeners["edge"], "h2")
    made.address = b"10.9.9.9"
    client = edge.loop.accept(lambda: made)
    client.feed(PREFACE + frame(SETTINGS, 0, 0, b"") + frames.headers(1, block(), True))
    assert b"\r\nx-forwarded-for: 10.9.9.9\r\n" in edge.connect().take()
    client.lose()
    edge.end()
