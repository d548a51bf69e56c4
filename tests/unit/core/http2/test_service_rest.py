"""A connection to a service: frames of streams that are over, reloads while it opens or goes, and what comes behind its end."""

from __future__ import annotations

from typing import Any

from fastgw.testing import usual
from fastgw.testing.edge import GET, statuses
from fastgw.wire.http2 import frames
from fastgw.wire.http2 import settings as names
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.errors import CANCEL, ENHANCE_YOUR_CALM, FRAME_SIZE_ERROR, NO_ERROR
from fastgw.wire.http2.frame_kinds import DATA, GOAWAY, HEADERS, PADDED, PING, PRIORITY, RST_STREAM
from fastgw.wire.http2.frames import frame
from tests.support.http2_service import Behind, RawServer


def raw(**options: Any) -> tuple[Behind, Any, RawServer]:
    """An edge, a client that has asked, and a service that may break rules."""
    edge = Behind(**options)
    client = edge.client(GET)
    return edge, client, RawServer(edge)


def answer(number: int) -> bytes:
    """One without a body."""
    return frames.headers(number, FieldEncoder().response(204, b""), True)


def test_a_window_of_a_stream_that_is_over_is_ignored() -> None:
    """It was under way when the stream ended (RFC 9113 section 5.1, closed)."""
    edge, client, server = raw()
    server.send(answer(1) + frames.window_update(1, 1000) + frames.window_update(1, 0))
    assert statuses(client.take()) == [204] and not server.codes(GOAWAY) and not server.codes(RST_STREAM)
    other = edge.client(GET)
    server.listen()
    server.send(answer(3))
    assert statuses(other.take()) == [204]
    edge.end()


def test_a_frame_of_no_size_on_a_stream_that_is_over_resets_that_alone() -> None:
    edge, client, server = raw()
    other = edge.client(GET)
    server.listen()
    server.send(answer(1) + frames.frame(PRIORITY, 0, 1, b"\0\0\0\0"))
    assert statuses(client.take()) == [204] and server.codes(RST_STREAM) == [FRAME_SIZE_ERROR]
    server.send(answer(3))
    assert statuses(other.take()) == [204] and not server.codes(GOAWAY)
    edge.end()


def test_one_that_goes_is_closed_behind_the_last_of_its_streams() -> None:
    edge, client, server = raw()
    other = edge.client(GET)
    server.listen()
    server.send(frames.goaway(3, NO_ERROR))
    server.send(answer(1))
    assert statuses(client.take()) == [204] and not server.transport.is_closing()
    server.send(answer(3))
    assert statuses(other.take()) == [204] and server.transport.is_closing()
    edge.end()


def test_only_so_many_streams_that_were_reset_are_remembered() -> None:
    """Frames of the others cost what those of any stream that is over cost."""
    edge, client, server = raw()
    client.lose()
    for _ in range(256):
        edge.client(GET).lose()
        server.listen()
    asked = [one[2] for one in server.frames if one[0] == HEADERS]
    assert server.codes(RST_STREAM) == [CANCEL] * len(asked) and len(asked) == 257
    server.send(frame(DATA, PADDED, asked[-1], b"\0x") * 2000)
    assert not server.codes(GOAWAY)
    server.send(frame(DATA, PADDED, asked[0], b"\0x") * 2000)
    assert server.codes(GOAWAY, 4) == [ENHANCE_YOUR_CALM]
    edge.end()


def test_a_reload_while_it_opens_holds_for_it_as_soon_as_it_is_open() -> None:
    edge = Behind(pool=usual.pool(max_connections=1, max_streams=100))
    asking = [edge.client(GET) for _ in range(3)]
    transport = edge.connect()
    edge.pool().apply(usual.pool(max_connections=1, max_streams=2))
    link: Any = next(iter(edge.pool().links))
    assert link.most == 0 and not link.has_room()  # nothing begins before the service has said how many it takes
    transport.feed(names.settings_frame({names.MAX_CONCURRENT_STREAMS: 50}))
    edge.run()
    assert link.most == 2 and len(link.streams) == 2 and len(edge.pool().waiters) == 1
    transport.feed(answer(1) + answer(3))
    edge.run()
    transport.feed(answer(5))
    edge.run()
    assert [statuses(one.take()) for one in asking] == [[204]] * 3
    edge.end()


def test_a_reload_gives_no_stream_to_one_that_goes() -> None:
    edge, client, server = raw(pool=usual.pool(max_connections=1, max_streams=1))
    server.send(frames.goaway(1, NO_ERROR))
    edge.pool().apply(usual.pool(max_connections=1, max_streams=8))
    other = edge.client(GET)
    second = RawServer(edge)
    server.listen()
    assert [one[2] for one in server.frames if one[0] == HEADERS] == [1]
    second.send(answer(1))
    server.send(answer(1))
    assert statuses(client.take()) == statuses(other.take()) == [204]
    edge.end()


def test_what_comes_behind_our_end_is_not_read() -> None:
    edge, client, server = raw()
    link: Any = next(iter(edge.pool().links))
    server.send(frames.data_head(5, 1, True) + b"x")  # a fault
    assert server.transport.is_closing() and statuses(client.take()) == [502]
    written = len(server.transport.writes)
    link.data_received(frames.ping(b"12345678", False))
    link.eof_received()
    link.close()
    edge.run()
    assert len(server.transport.writes) == written and not server.codes(PING)
    assert len(edge.failures()) == 1
    edge.end()


def test_a_client_that_leaves_a_connection_that_is_cut_says_nothing_more_on_it() -> None:
    edge, client, server = raw()
    link: Any = next(iter(edge.pool().links))
    link.abort()
    said = len(server.frames)
    client.lose()
    server.listen()
    assert DATA not in [one[0] for one in server.frames[said:]] and not server.codes(RST_STREAM)
    assert edge.pool().size == 0 and not link.streams
    edge.end()
