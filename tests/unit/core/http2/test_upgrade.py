"""A WebSocket at a service of HTTP/2: an extended CONNECT in the place of an upgrade (RFC 8441)."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.testing.edge import GET, WEBSOCKET, statuses
from fastgw.wire.http2 import frames
from fastgw.wire.http2 import settings as names
from fastgw.wire.http2.decoder import FieldDecoder
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.errors import CANCEL
from fastgw.wire.http2.frame_kinds import DATA, END_STREAM, HEADERS, RST_STREAM, WINDOW_UPDATE
from tests.support.http2_service import Behind, RawServer
from tests.unit.core.http2.peer import Raw

ACCEPT = b"sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"
TAKES = names.settings_frame({names.ENABLE_CONNECT_PROTOCOL: 1})
YES = frames.headers(1, FieldEncoder().response(200, b"sec-websocket-protocol: chat\r\n"), False)


def asked(first: bytes = TAKES, route: Any = None) -> tuple[Behind, Any, RawServer]:
    edge = Behind(route=route or {})
    client = edge.client(WEBSOCKET)
    return edge, client, RawServer(edge, first)


def upgraded() -> tuple[Behind, Any, RawServer]:
    edge, client, server = asked()
    server.send(YES)
    data = client.take()
    assert statuses(data) == [101] and ACCEPT in data
    assert b"sec-websocket-protocol: chat\r\n" in data and edge.count(counters.TUNNELS_OPEN) == 1
    return edge, client, server


def sent(server: RawServer) -> bytes:
    return b"".join(one[3] for one in server.frames if one[0] == DATA)


def test_the_request_is_an_extended_connect_without_a_key() -> None:
    edge, client, server = asked()
    [block] = [one[3] for one in server.frames if one[0] == HEADERS]
    fields = [(one.name, one.value) for one in FieldDecoder().decode(block, 10_000)]
    head = dict(fields)
    assert [name for name, _ in fields][:5] == [b":method", b":scheme", b":authority", b":path", b":protocol"]
    assert (head[b":method"], head[b":protocol"], head[b":path"]) == (b"CONNECT", b"websocket", b"/")
    assert head[b"sec-websocket-version"] == b"13" and b"sec-websocket-key" not in head and b"upgrade" not in head
    assert not any(one[1] & END_STREAM for one in server.frames if one[0] == HEADERS)
    client.lose()
    server.listen()
    assert server.codes(RST_STREAM) == [CANCEL]
    edge.end()


def test_bytes_pass_both_ways_until_both_have_ended() -> None:
    edge, client, server = upgraded()
    client.feed(b"ping")
    server.listen()
    assert sent(server) == b"ping"
    server.send(frames.data_head(1, 4, False) + b"pong")
    assert client.take() == b"pong"
    server.send(frames.data_head(1, 3, True) + b"bye")
    assert client.take() == b"bye" and client.is_eof_written and edge.count(counters.TUNNELS_OPEN) == 1
    client.feed(b"too")
    client.feed_eof()
    server.listen()
    assert sent(server) == b"pingtoo" and any(one[0] == DATA and one[1] & END_STREAM for one in server.frames)
    assert edge.count(counters.TUNNELS_OPEN) == 0 and not server.codes(RST_STREAM)
    edge.end()


def test_the_window_is_given_back_as_the_client_takes() -> None:
    edge, client, server = upgraded()
    for _ in range(40):
        server.send(frames.data_head(1, 10_000, False) + b"x" * 10_000)
    assert len(client.take()) == 400_000
    assert any(one[0] == WINDOW_UPDATE and one[2] == 1 for one in server.frames)
    client.capacity = 0
    for _ in range(12):
        server.send(frames.data_head(1, 10_000, False) + b"y" * 10_000)
    client.drain()
    edge.run()
    assert len(client.take()) == 120_000
    client.lose()
    edge.end()


def test_a_client_that_leaves_ends_the_stream() -> None:
    edge, client, server = upgraded()
    client.lose()
    server.listen()
    assert any(one[0] == DATA and one[1] & END_STREAM for one in server.frames)
    edge.loop.advance(120)  # a service that does not end its half is not waited for
    server.listen()
    assert server.codes(RST_STREAM) == [CANCEL] and edge.pool().size == 0
    edge.end()


@pytest.mark.parametrize("how", ["reset", "lost", "fault"])
def test_a_stream_that_is_gone_ends_the_tunnel(how: str) -> None:
    edge, client, server = upgraded()
    if how == "reset":
        server.send(frames.reset(1, 8))
    elif how == "lost":
        server.transport.lose()
    else:
        server.send(frames.window_update(1, 0))
    edge.run()
    assert client.is_closing() and edge.count(counters.TUNNELS_OPEN) == 0
    edge.end()


def test_an_answer_that_is_not_yes_is_an_answer() -> None:
    edge, client, server = asked()
    server.send(frames.headers(1, FieldEncoder().response(403, b"content-length: 2\r\n"), False))
    server.send(frames.data_head(1, 2, True) + b"no")
    data = client.take()
    assert statuses(data) == [403] and data.endswith(b"no")
    edge.end()


def test_a_yes_with_an_end_is_a_tunnel_that_has_ended_on_one_side() -> None:
    edge, client, server = asked()
    server.send(frames.headers(1, FieldEncoder().response(200, b""), True))
    assert statuses(client.take()) == [101] and client.is_eof_written
    client.feed_eof()
    server.listen()
    assert edge.count(counters.TUNNELS_OPEN) == 0
    edge.end()


def test_a_service_that_takes_none_is_501() -> None:
    edge, client, server = asked(b"\0\0\0\4\0\0\0\0\0")
    data = client.take()
    assert statuses(data) == [501] and b"upgrade_not_served" in data
    assert not [one for one in server.frames if one[0] == HEADERS]
    other = edge.client(GET)
    server.listen()
    server.send(frames.headers(1, FieldEncoder().response(204, b""), True))
    assert statuses(other.take()) == [204]
    edge.end()


def test_other_upgrades_than_websocket_are_none() -> None:
    edge, client, server = asked(route={"upgrades": ("websocket", "other")})
    server.send(YES)
    again = edge.client(GET.replace(b"\r\n\r\n", b"\r\nConnection: Upgrade\r\nUpgrade: other\r\n\r\n"))
    assert statuses(again.take()) == [501]
    client.lose()
    edge.end()


def test_from_a_client_of_http2_too() -> None:
    edge = Behind(listener={"protocols": ("http/1.1", "h2")})
    client = Raw(edge)
    lines = b":protocol: websocket\r\nsec-websocket-version: 13\r\norigin: http://a.test\r\n"
    client.send(frames.headers(1, FieldEncoder().request(b"CONNECT", b"http", b"a.test", b"/chat", lines), False))
    server = RawServer(edge, TAKES)
    [block] = [one[3] for one in server.frames if one[0] == HEADERS]
    head = {one.name: one.value for one in FieldDecoder().decode(block, 10_000)}
    assert (head[b":method"], head[b":path"], head[b"origin"]) == (b"CONNECT", b"/chat", b"http://a.test")
    server.send(YES)
    client.send(frames.data_head(1, 4, False) + b"ping")
    server.listen()
    server.send(frames.data_head(1, 4, False) + b"pong")
    client.send(frames.data_head(1, 3, True) + b"bye")
    server.listen()
    server.send(frames.data_head(1, 0, True))
    client.send(b"")
    [answer] = [one[3] for one in client.frames if one[0] == HEADERS]
    fields = {one.name: one.value for one in FieldDecoder().decode(answer, 10_000)}
    assert fields[b":status"] == b"200" and fields[b"sec-websocket-protocol"] == b"chat"
    assert sent(server) == b"pingbye" and b"".join(one[3] for one in client.frames if one[0] == DATA) == b"pong"
    assert edge.count(counters.TUNNELS_OPEN) == 0 and not client.codes(RST_STREAM) and not server.codes(RST_STREAM)
    edge.end()
