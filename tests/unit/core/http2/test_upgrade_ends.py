"""How a WebSocket at a service of HTTP/2 ends: before it is one, behind what waits, and by what a tunnel may not say."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.testing.edge import GET, WEBSOCKET, statuses
from fastgw.wire.http2 import frames
from fastgw.wire.http2 import settings as names
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.errors import PROTOCOL_ERROR, REFUSED_STREAM
from fastgw.wire.http2.frame_kinds import DATA, END_STREAM, PUSH_PROMISE, RST_STREAM
from tests.support.http2_service import Behind, RawServer

TAKES = {names.ENABLE_CONNECT_PROTOCOL: 1}
YES = frames.headers(1, FieldEncoder().response(200, b""), False)


def asked(**options: Any) -> tuple[Behind, Any, RawServer]:
    edge = Behind(**options)
    client = edge.client(WEBSOCKET)
    return edge, client, RawServer(edge, names.settings_frame(TAKES))


def upgraded(window: int = 65_535) -> tuple[Behind, Any, RawServer]:
    """A tunnel; ``window``: of its stream."""
    edge = Behind()
    client = edge.client(WEBSOCKET)
    server = RawServer(edge, names.settings_frame(TAKES | {names.INITIAL_WINDOW_SIZE: window}))
    server.send(YES)
    assert statuses(client.take()) == [101] and edge.count(counters.TUNNELS_OPEN) == 1
    return edge, client, server


def sent(server: RawServer) -> list[tuple[int, bytes]]:
    """Flags and payloads of DATA."""
    return [(flags, payload) for kind, flags, _, payload in server.frames if kind == DATA]


@pytest.mark.parametrize("is_fault", [False, True])
def test_a_stream_that_is_gone_before_there_is_a_tunnel_is_a_failure(is_fault: bool) -> None:
    edge, client, server = asked()
    server.send(frames.frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2") if is_fault else frames.reset(1, 2))
    data = client.take()
    assert statuses(data) == [502] and (b"bad_answer" if is_fault else b"upstream_reset") in data
    assert edge.count(counters.TUNNELS_OPEN) == 0 and edge.of_endpoint(counters.ENDPOINT_ACTIVE) == 0
    edge.end()


def test_a_refusal_before_there_is_a_tunnel_asks_again() -> None:
    edge, client, server = asked()
    server.send(frames.reset(1, REFUSED_STREAM))
    server.send(frames.headers(3, FieldEncoder().response(200, b""), False))
    assert statuses(client.take()) == [101] and edge.count(counters.RETRIES) == 1
    client.lose()
    edge.end()


@pytest.mark.parametrize("said", [frames.reset(1, REFUSED_STREAM), frames.goaway(0, 0)])
def test_a_service_that_denies_a_tunnel_it_has_begun_ends_it(said: bytes) -> None:
    """Nothing of it is sent again: the client has had its 101."""
    edge, client, server = upgraded()
    client.feed(b"ping")
    server.listen()
    server.send(said)
    assert client.is_closing() and client.take() == b"" and not edge.attempts
    assert edge.count(counters.TUNNELS_OPEN) == edge.count(counters.RETRIES) == 0
    assert edge.of_endpoint(counters.ENDPOINT_ACTIVE) == 0
    edge.end()


@pytest.mark.parametrize("is_last", [False, True])
def test_fields_in_a_tunnel_reset_it(is_last: bool) -> None:
    """Behind a CONNECT there is DATA alone (RFC 9113 section 8.5)."""
    edge, client, server = upgraded()
    server.send(frames.headers(1, FieldEncoder().trailers(b"a: b\r\n"), is_last))
    assert server.codes(RST_STREAM) == [PROTOCOL_ERROR]
    assert client.is_closing() and edge.count(counters.TUNNELS_OPEN) == 0
    other = edge.client(GET)
    server.listen()
    server.send(frames.headers(3, FieldEncoder().response(204, b""), True))  # the connection goes on
    assert statuses(other.take()) == [204]
    edge.end()


def test_what_waits_for_a_window_goes_out_behind_the_end_of_the_client() -> None:
    edge, client, server = upgraded(window=2)
    client.feed(b"hello")
    server.listen()
    assert sent(server) == [(0, b"he")] and not client.is_reading()
    client.lose()
    server.send(frames.window_update(1, 1))
    assert sent(server) == [(0, b"he"), (0, b"l")]
    server.send(frames.window_update(1, 100))
    assert sent(server)[2:] == [(END_STREAM, b"lo")]
    server.send(frames.data_head(1, 0, True))
    assert not server.codes(RST_STREAM) and edge.count(counters.TUNNELS_OPEN) == 0
    edge.end()


def test_a_service_that_ends_its_half_behind_a_client_that_left_is_not_reset() -> None:
    edge, client, server = upgraded()
    client.lose()
    server.listen()
    assert sent(server) == [(END_STREAM, b"")]
    server.send(frames.data_head(1, 4, False) + b"late" + frames.data_head(1, 0, True))
    edge.loop.advance(120)
    server.listen()
    assert not server.codes(RST_STREAM)
    edge.end()
