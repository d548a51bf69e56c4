"""WebSockets over streams of HTTP/2: how they begin, pass bytes both ways, wait for windows, and end."""

from __future__ import annotations

import base64
import hashlib
import re

import pytest

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.core.http2.tunnel import upgrade_head
from fastgw.testing.edge import Spy, head_of
from fastgw.testing.mock import MockTransport
from fastgw.wire.errors import WireError
from fastgw.wire.http2 import errors, frames
from fastgw.wire.http2.decoder import FieldDecoder
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.frame_kinds import DATA, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS, WINDOW_UPDATE
from fastgw.wire.http2.frames import frame
from fastgw.wire.http2.sections import RequestSection
from tests.unit.core.http2.peer import Http2Edge, Raw

FIELDS = [
    *((b":method", b"CONNECT"), (b":protocol", b"websocket"), (b":scheme", b"http"), (b":authority", b"a.test")),
    *((b":path", b"/chat"), (b"sec-websocket-version", b"13"), (b"origin", b"http://a.test")),
]
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


def block(fields: list[tuple[bytes, bytes]]) -> bytes:
    return b"".join(bytes((0, len(name))) + name + bytes((len(value),)) + value for name, value in fields)


def connect(number: int = 1, *, is_last: bool = False, **changes: bytes) -> bytes:
    """An extended CONNECT; ``changes``: other values of pseudo-fields, and more fields."""
    known = dict(FIELDS) | {(b":" if b":" + name.encode() in dict(FIELDS) else b"") + name.encode().replace(b"_", b"-"): value
                            for name, value in changes.items()}  # fmt: skip
    return frames.headers(number, block(list(known.items())), is_last)


def switching(service: MockTransport) -> bytes:
    """The 101 that belongs to the key that ``service`` was asked with; it takes that."""
    key = re.search(rb"sec-websocket-key: (\S+)\r\n", service.take())
    assert key is not None and len(base64.b64decode(key[1])) == 16
    accept = base64.b64encode(hashlib.sha1(key[1] + GUID).digest())
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Accept: %b\r\nSec-WebSocket-Protocol: chat\r\n\r\n" % accept
    )


def tunnel(edge: Http2Edge, settings: bytes = b"") -> tuple[Raw, MockTransport]:
    """One that is open."""
    raw = Raw(edge, frame(SETTINGS, 0, 0, settings))
    raw.send(connect())
    service = edge.connect()
    service.feed(switching(service))
    raw.send(b"")
    assert edge.count(counters.TUNNELS_OPEN) == 1
    return raw, service


def sent(raw: Raw, stream: int = 1) -> list[tuple[int, bytes]]:
    """Flags and payloads of DATA."""
    return [(flags, payload) for kind, flags, number, payload in raw.frames if kind == DATA and number == stream]


def head(raw: Raw, number: int = 1) -> dict[bytes, bytes]:
    found = next(one[3] for one in raw.frames if one[0] == HEADERS and one[2] == number)
    return {field.name: field.value for field in FieldDecoder().decode(found, 1 << 16)}


def test_an_extended_connect_is_an_upgrade_and_its_answer_200() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    assert b"\0\x08\0\0\0\1" in next(one[3] for one in raw.frames if one[0] == SETTINGS)
    raw.send(connect())
    service = edge.connect()
    asked = head_of(service.writes[0])
    assert asked.startswith(b"get /chat http/1.1\r\n")
    assert b"connection: upgrade\r\nupgrade: websocket\r\n" in asked
    assert b"sec-websocket-version: 13\r\norigin: http://a.test\r\n" in asked and b"chunked" not in asked
    service.feed(switching(service))
    raw.send(b"")
    told = head(raw)
    assert told[b":status"] == b"200" and told[b"sec-websocket-protocol"] == b"chat"
    assert not {b"sec-websocket-accept", b"upgrade", b"connection", b"content-length"} & told.keys()
    raw.transport.lose()
    edge.run()
    assert edge.count(counters.TUNNELS_OPEN) == 0
    edge.end()


def test_bytes_pass_both_ways_and_each_half_ends_by_itself() -> None:
    edge = Http2Edge()
    raw, service = tunnel(edge)
    raw.send(frame(DATA, 0, 1, b"ping"))
    assert service.take() == b"ping"
    service.feed(b"pong")
    raw.send(b"")
    assert sent(raw) == [(0, b"pong")]
    raw.send(frame(DATA, END_STREAM, 1, b"bye"))
    assert service.take() == b"bye" and service.is_eof_written
    service.feed(b"and you")
    service.feed_eof()
    raw.send(b"")
    assert sent(raw)[1:] == [(0, b"and you"), (END_STREAM, b"")]
    assert not raw.codes(RST_STREAM) and not raw.codes(GOAWAY)
    assert edge.count(counters.TUNNELS_OPEN) == 0
    assert (edge.of_route(counters.ROUTE_BYTES_IN), edge.of_route(counters.ROUTE_BYTES_OUT)) == (7, 11)
    raw.transport.lose()
    edge.end()


def test_what_comes_before_the_service_agrees_follows() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(connect() + frame(DATA, 0, 1, b"ear") + frame(DATA, END_STREAM, 1, b"ly"))
    service = edge.connect()
    assert not service.writes[0].endswith(b"early")
    service.feed(switching(service) + b"first")
    raw.send(b"")
    assert service.take() == b"early" and service.is_eof_written
    assert sent(raw) == [(0, b"first")]
    raw.transport.lose()
    edge.end()


@pytest.mark.parametrize("ending", ["reset", "lost"])
def test_a_client_that_resets_it_ends_it(ending: str) -> None:
    edge = Http2Edge()
    raw, service = tunnel(edge)
    if ending == "reset":
        raw.send(frames.reset(1, errors.CANCEL))
    else:
        raw.transport.lose()
    edge.run()
    assert service.is_closing() and edge.count(counters.TUNNELS_OPEN) == 0
    if ending == "reset":
        raw.send(connect(3))
        assert edge.begun == 2  # the connection goes on
        raw.transport.lose()
    edge.end()


def test_a_service_that_is_lost_ends_it() -> None:
    edge = Http2Edge()
    raw, service = tunnel(edge)
    service.feed(b"last")
    service.lose(ConnectionResetError())
    raw.send(b"")
    assert sent(raw) == [(0, b"last"), (END_STREAM, b"")]
    assert raw.codes(RST_STREAM) == [errors.NO_ERROR]
    assert edge.count(counters.TUNNELS_OPEN) == 0
    raw.transport.lose()
    edge.end()


def test_an_end_waits_behind_what_no_window_takes() -> None:
    edge = Http2Edge()
    raw, service = tunnel(edge, b"\0\4\0\0\0\2")
    service.feed(b"hello")
    raw.send(b"")
    assert sent(raw) == [(0, b"he")] and not service.is_reading()
    service.lose(None)
    raw.send(frames.window_update(1, 1))
    raw.send(frames.window_update(1, 100))
    assert sent(raw) == [(0, b"he"), (0, b"l"), (END_STREAM, b"lo")]
    raw.transport.lose()
    edge.end()


def test_a_service_that_takes_nothing_holds_the_client_within_its_window() -> None:
    edge = Http2Edge()
    raw, service = tunnel(edge)
    service.capacity = 0
    for _ in range(4):
        raw.send(frame(DATA, 0, 1, b"x" * 16_000))
    given = sum(int.from_bytes(one[3], "big") for one in raw.frames if one[0] == WINDOW_UPDATE and one[2] == 1)
    assert given < 64_000
    raw.send(frame(DATA, 0, 1, b"x" * 16_000))
    service.drain()
    edge.run()
    raw.send(b"")
    assert len(service.take()) == 80_000 or raw.codes(RST_STREAM) == [errors.FLOW_CONTROL_ERROR]
    raw.transport.lose()
    edge.end()


def test_more_than_the_window_resets_it() -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(connect() + frame(DATA, 0, 1, b"x" * 16_384) * 4)
    assert raw.codes(RST_STREAM) == [errors.FLOW_CONTROL_ERROR]
    edge.end()


def test_silence_ends_it() -> None:
    edge = Http2Edge(route={"tunnel_idle_timeout": 5.0})
    raw, service = tunnel(edge)
    edge.loop.advance(4.0)
    raw.send(frame(DATA, 0, 1, b"here"))
    edge.loop.advance(4.0)
    assert edge.count(counters.TUNNELS_OPEN) == 1
    edge.loop.advance(4.0)
    raw.send(b"")
    assert edge.count(counters.TUNNELS_OPEN) == 0 and sent(raw) == [(END_STREAM, b"")]
    assert service.is_closing()
    raw.transport.lose()
    edge.end()


def answered(edge: Http2Edge, answer: bytes) -> tuple[Raw, dict[bytes, bytes]]:
    raw = Raw(edge)
    raw.send(connect())
    edge.connect().feed(answer)
    raw.send(b"")
    return raw, head(raw)


@pytest.mark.parametrize(("status", "told"), [(b"200", b"502"), (b"204", b"502"), (b"404", b"404"), (b"302", b"302")])
def test_an_answer_in_the_place_of_a_tunnel_is_none(status: bytes, told: bytes) -> None:
    edge = Http2Edge()
    lines = b"" if status == b"204" else b"content-length: 2\r\n"
    raw, found = answered(edge, b"HTTP/1.1 %b X\r\n%b\r\n%b" % (status, lines, b"" if status == b"204" else b"no"))
    assert found[b":status"] == told
    assert edge.count(counters.TUNNELS_OPEN) == 0
    raw.transport.lose()
    edge.end()


def test_a_101_that_does_not_belong_to_the_key_is_refused() -> None:
    edge = Http2Edge()
    raw, found = answered(
        edge, b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\nsec-websocket-accept: x\r\n\r\n"
    )
    assert found[b":status"] == b"502"
    raw.transport.lose()
    edge.end()


def test_a_route_without_upgrades_has_none_and_a_reply_is_none() -> None:
    edge = Http2Edge(route={"upgrades": ()})
    raw = Raw(edge)
    raw.send(connect())
    service = edge.connect()
    assert b"upgrade" not in service.writes[0].lower()
    raw.transport.lose()
    edge.end()
    edge = Http2Edge(filters=[Spy("a", [], request=lambda _: Reply(200, b"ok", "text/plain"))])
    raw = Raw(edge)
    raw.send(connect())
    assert head(raw)[b":status"] == b"501"
    raw.transport.lose()
    edge.end()


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (connect(protocol=b"connect-udp"), b"501"),
        (frames.headers(1, block([(b":method", b"CONNECT"), (b":authority", b"a.test:443")]), False), b"501"),
    ],
)
def test_other_connects_are_refused(data: bytes, status: bytes) -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(data)
    assert head(raw)[b":status"] == status and edge.begun == 0
    raw.transport.lose()
    edge.end()


@pytest.mark.parametrize(
    "data",
    [
        connect(is_last=True),
        connect() + frames.headers(1, FieldEncoder().trailers(b"a: b\r\n"), True),
    ],
)
def test_a_head_that_ends_the_stream_is_malformed(data: bytes) -> None:
    edge = Http2Edge()
    raw = Raw(edge)
    raw.send(data)
    assert raw.codes(RST_STREAM) == [errors.PROTOCOL_ERROR]
    edge.end()


def test_data_behind_the_end_resets_it() -> None:
    edge = Http2Edge()
    raw, _ = tunnel(edge)
    raw.send(frame(DATA, END_STREAM, 1, b"") + frame(DATA, 0, 1, b"x"))
    assert raw.codes(RST_STREAM) == [errors.STREAM_CLOSED]
    assert edge.count(counters.TUNNELS_OPEN) == 0
    edge.end()


def test_a_key_of_the_client_is_not_ours() -> None:
    section = RequestSection()
    fields = [*FIELDS, (b"sec-websocket-key", b"theirs")]
    section.read(1, FieldDecoder().decode(block(fields), 1 << 16))
    made = upgrade_head(section, lambda: 0.5)
    assert made == (
        b"GET /chat HTTP/1.1\r\nhost: a.test\r\nsec-websocket-version: 13\r\norigin: http://a.test\r\n"
        b"connection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: gICAgICAgICAgICAgICAgA==\r\n\r\n"
    )
    section.read(1, FieldDecoder().decode(block([*FIELDS[:1], (b":protocol", b"x"), *FIELDS[2:]]), 1 << 16))
    with pytest.raises(WireError):
        upgrade_head(section, lambda: 0.5)


def test_it_is_drained_as_any_tunnel() -> None:
    edge = Http2Edge()
    raw, service = tunnel(edge)
    edge.plane.drain()
    edge.loop.advance(3.0)
    raw.send(frame(DATA, 0, 1, b"still"))
    assert service.take() == b"still" and raw.codes(GOAWAY, 4) == [errors.NO_ERROR]
    edge.plane.cut_off()
    raw.send(b"")
    assert edge.count(counters.TUNNELS_OPEN) == 0 and service.is_closing() and raw.transport.is_closing()
    raw.transport.lose()
    edge.end()
