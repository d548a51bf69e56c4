"""A connection to a service: how it opens, what is said on it, and how it ends."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters, http2_counters
from fastgw.testing import usual
from fastgw.testing.edge import CHUNKED, GET, POST, statuses
from fastgw.wire.http2 import frames
from fastgw.wire.http2 import settings as names
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.errors import (
    CANCEL,
    COMPRESSION_ERROR,
    ENHANCE_YOUR_CALM,
    FLOW_CONTROL_ERROR,
    FRAME_SIZE_ERROR,
    NO_ERROR,
    PROTOCOL_ERROR,
)
from fastgw.wire.http2.frame_kinds import ACK, GOAWAY, HEADERS, PING, PREFACE, PRIORITY, PUSH_PROMISE, SETTINGS
from tests.support.http2_service import Behind, RawServer

EMPTY = frames.headers(1, FieldEncoder().response(204, b""), True)


def raw(request: bytes = GET, **options: Any) -> tuple[Behind, Any, RawServer]:
    """An edge, a client that has asked, and a service that may break rules."""
    edge = Behind(**options)
    client = edge.client(request)
    return edge, client, RawServer(edge)


def answer(number: int) -> bytes:
    """One without a body."""
    return frames.headers(number, FieldEncoder().response(204, b""), True)


# --- how it opens


def test_nothing_is_sent_before_the_service_has_said_its_settings() -> None:
    edge = Behind()
    client = edge.client(GET)
    transport = edge.connect()
    said = transport.take()
    assert said.startswith(PREFACE) and len(transport.writes) == 1
    assert edge.pool().size == 1 and len(edge.pool().waiters) == 1
    transport.feed(names.settings_frame({names.MAX_CONCURRENT_STREAMS: 7}))
    edge.run()
    sent = transport.take()
    assert frames.frame(SETTINGS, ACK, 0, b"") in sent and sent[9:][3] == HEADERS
    transport.feed(EMPTY)
    assert statuses(client.take()) == [204]
    edge.end()


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak HTTP/2: it sent 'HTTP/1.1 400 Bad Request"),
        (b"<html>", "it sent '<html>'"),
        (b"\x15\x03\x01\0\2\2\x46", "which is TLS"),
        (frames.ping(b"12345678", False), "what comes first is not SETTINGS"),
        (frames.frame(SETTINGS, ACK, 0, b""), "what comes first is not SETTINGS"),
        (b"\0\0\1\4\0\0\0\0\0x", "FRAME_SIZE_ERROR"),
    ],
)
def test_what_speaks_something_else_is_a_connection_that_could_not_be_opened(said: bytes, words: str) -> None:
    edge = Behind()
    client = edge.client(POST + b"hello")
    transport = edge.connect()
    transport.feed(said)
    edge.run()
    data = client.take()
    assert statuses(data) == [502] and b"connect_failed" in data
    assert words.replace("'", "") in edge.failures()[0]["detail"].replace("'", "")
    assert edge.of_endpoint(counters.ENDPOINT_CONNECT_FAILURES) == 1 and edge.pool().size == 0
    edge.end()


def test_a_service_that_says_nothing_is_not_waited_for_longer_than_to_connect() -> None:
    edge = Behind(pool=usual.pool(connect_timeout=1.0))
    client = edge.client(GET)
    transport = edge.connect()
    edge.loop.advance(1.1)
    assert statuses(client.take()) == [504] and transport.is_lost and edge.pool().size == 0
    edge.end()


@pytest.mark.parametrize("is_reset", [False, True])
def test_a_service_that_leaves_before_it_says_anything(is_reset: bool) -> None:
    edge = Behind()
    client = edge.client(GET)
    transport = edge.connect()
    if is_reset:
        transport.lose(ConnectionResetError())
    else:
        transport.feed_eof()
    edge.run()
    assert statuses(client.take()) == [502] and edge.pool().size == 0
    edge.end()


def test_pings_are_answered_and_priorities_ignored() -> None:
    edge, client, server = raw()
    server.send(frames.ping(b"12345678", False) + frames.frame(PRIORITY, 0, 1, b"\0\0\0\0\1"))
    assert (PING, ACK, 0, b"12345678") in server.frames
    server.send(frames.frame(0xBE, 0, 0, b"unknown") + EMPTY)
    assert statuses(client.take()) == [204]
    edge.end()


# --- what ends all of it


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (frames.frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2"), PROTOCOL_ERROR),
        (frames.frame(HEADERS, 4, 1, b"\x80"), COMPRESSION_ERROR),
        (answer(5), PROTOCOL_ERROR),
        (answer(2), PROTOCOL_ERROR),
        (frames.data_head(5, 0, True), PROTOCOL_ERROR),
        (frames.reset(5, 0), PROTOCOL_ERROR),
        (frames.window_update(5, 1), PROTOCOL_ERROR),
        (frames.window_update(0, 0), PROTOCOL_ERROR),
        (frames.window_update(0, 2**31 - 1), FLOW_CONTROL_ERROR),
        (frames.frame(SETTINGS, 0, 0, b"\0\4\x80\0\0\0"), FLOW_CONTROL_ERROR),
        (frames.frame(SETTINGS, 0, 0, b"\0\2\0\0\0\1"), PROTOCOL_ERROR),
        (b"\0\xff\xff\0\0\0\0\0\1", FRAME_SIZE_ERROR),
        (b"".join(frames.headers(1, b"\0\1a" * 90_000, True)[at : at + 1000] for at in (0,)), None),
    ],
)
def test_a_connection_that_breaks_a_rule_ends_with_its_code(said: bytes, code: int | None) -> None:
    edge, client, server = raw()
    other = edge.client(GET)
    server.listen()
    server.send(said)
    if code is None:  # a part of a frame is nothing yet
        assert not server.codes(GOAWAY)
        client.lose()
        other.lose()
    else:
        assert server.codes(GOAWAY, 4) == [code] and server.transport.is_closing()
        assert statuses(client.take()) == statuses(other.take()) == [502]
        assert edge.of_endpoint(counters.ENDPOINT_FAILURES) == 2
        assert "the service broke the rules of HTTP/2" in edge.failures()[0]["detail"]
    edge.end()


@pytest.mark.parametrize(
    "flood",
    [
        frames.ping(b"12345678", False),
        frames.frame(SETTINGS, 0, 0, b""),
        frames.frame(PRIORITY, 0, 1, b"\0\0\0\0\1"),
        frames.data_head(1, 0, False),
    ],
)
def test_a_flood_ends_the_connection(flood: bytes) -> None:
    edge, client, server = raw()
    server.send(frames.headers(1, FieldEncoder().response(200, b""), False))
    server.send(flood * 400)
    assert not server.transport.is_closing()
    server.send(flood * 800)
    assert server.codes(GOAWAY, 4) == [ENHANCE_YOUR_CALM] and client.is_closing()
    edge.end()


def test_a_ping_behind_data_that_was_sent_is_no_flood() -> None:
    """Servers of gRPC measure the way that DATA has by a PING each time."""
    edge, client, server = raw(CHUNKED)
    for _ in range(1200):
        client.feed(b"1\r\nx\r\n")
        server.send(frames.ping(b"12345678", False) + frames.window_update(1, 1000) + frames.window_update(0, 1000))
    assert not server.codes(GOAWAY) and sum(one[0] == PING for one in server.frames) == 1200
    for _ in range(600):
        server.send(frames.ping(b"12345678", False))
    assert server.codes(GOAWAY, 4) == [ENHANCE_YOUR_CALM]
    edge.end()


def test_header_blocks_that_never_end_are_bounded() -> None:
    edge, client, server = raw()
    server.send(frames.frame(HEADERS, 0, 1, b""))
    for _ in range(17):
        server.send(frames.frame(9, 0, 1, b"x" * 16_000))
    assert server.codes(GOAWAY, 4) == [ENHANCE_YOUR_CALM] and statuses(client.take()) == [502]
    edge.end()


def test_frames_of_streams_that_were_reset_are_ignored_for_as_long_as_they_are_remembered() -> None:
    edge, client, server = raw()
    client.lose()
    server.listen()
    for _ in range(1200):
        server.send(frames.data_head(1, 1, False) + b"x")
    server.send(EMPTY)
    assert not server.codes(GOAWAY)
    other = edge.client(GET)
    server.listen()
    server.send(answer(3) + frames.reset(1, CANCEL))
    assert statuses(other.take()) == [204]
    for _ in range(2000):  # of one that came to its end nothing may come any more
        server.send(frames.data_head(3, 1, False) + b"x")
    assert server.codes(GOAWAY, 4) == [ENHANCE_YOUR_CALM]
    edge.end()


# --- its settings


def test_another_first_window_is_that_of_streams_under_way_too() -> None:
    edge = Behind()
    client = edge.client(POST.replace(b"5", b"100000") + b"x" * 100_000)
    server = edge.serve(window=10)
    assert len(server.bodies[1]) == 10 and not client.is_reading()
    server.h2.update_settings({4: 60_000})
    server.flush()
    server.listen()
    assert len(server.bodies[1]) == 60_000
    server.h2.update_settings({4: 5})  # which may make a window negative
    server.flush()
    server.h2.increment_flow_control_window(59_000, 1)
    server.flush()
    server.listen()
    assert len(server.bodies[1]) == 60_000
    server.h2.increment_flow_control_window(200_000, 1)
    server.h2.increment_flow_control_window(200_000)
    server.flush()
    server.listen()
    assert len(server.bodies[1]) == 100_000
    server.answer(1)
    assert statuses(client.take()) == [200]
    edge.end()


def test_a_smaller_table_is_respected() -> None:
    edge = Behind()
    edge.client(GET)
    server = edge.serve()
    server.h2.update_settings({1: 0})
    server.flush()
    server.answer(1)
    edge.client(GET)
    server.listen()
    assert server.head(3)[":path"] == "/"
    server.answer(3)
    edge.end()


# --- how it ends


def test_goaway_lets_finish_what_the_service_has_seen_and_the_rest_is_sent_again() -> None:
    edge, client, server = raw()
    other = edge.client(POST + b"hello")
    server.listen()
    server.send(frames.goaway(1, NO_ERROR))
    again = RawServer(edge)
    assert [one[2] for one in again.frames if one[0] == HEADERS] == [1]
    assert edge.pool().size == 1  # the one that goes does not count any more
    again.send(answer(1))
    assert statuses(other.take()) == [204] and not server.transport.is_closing()
    server.send(EMPTY)
    assert statuses(client.take()) == [204] and server.transport.is_closing()
    assert not edge.failures() and edge.of_endpoint(counters.ENDPOINT_FAILURES) == 0
    assert edge.count(http2_counters.UPSTREAM_GOAWAYS) == 1 and edge.count(http2_counters.UPSTREAM_REFUSED) == 1
    edge.end()


def test_goaway_in_two_steps_loses_nothing() -> None:
    edge, client, server = raw()
    server.send(frames.goaway(2**31 - 1, NO_ERROR))
    other = edge.client(GET)
    second = RawServer(edge)
    server.send(frames.goaway(1, NO_ERROR) + EMPTY)
    second.send(answer(1))
    assert statuses(client.take()) == statuses(other.take()) == [204]
    assert edge.count(http2_counters.UPSTREAM_GOAWAYS) == 1 and edge.count(http2_counters.UPSTREAM_REFUSED) == 0
    edge.end()


def test_goaway_with_an_error_is_named_in_the_cause() -> None:
    edge, client, server = raw()
    server.send(frames.goaway(1, ENHANCE_YOUR_CALM, "too_many_pings"))
    server.transport.feed_eof()
    edge.run()
    assert statuses(client.take()) == [502]
    detail = edge.failures()[0]["detail"]
    assert "ENHANCE_YOUR_CALM" in detail and "too_many_pings" in detail
    edge.end()


def test_goaway_at_rest_closes_and_nobody_minds() -> None:
    edge, client, server = raw()
    server.send(EMPTY + frames.goaway(1, NO_ERROR))
    assert server.transport.is_closing() and edge.pool().size == 0
    assert statuses(client.take()) == [204] and not edge.failures()
    edge.end()


def test_a_kept_connection_that_is_lost_is_nobodys_failure() -> None:
    edge, client, server = raw()
    server.send(EMPTY)
    client.take()
    client.feed(GET)
    server.listen()
    server.transport.lose(ConnectionResetError())
    again = RawServer(edge)
    again.send(EMPTY)
    assert statuses(client.take()) == [204] and edge.count(counters.RETRIES) == 1
    edge.end()


def test_an_answer_in_front_of_a_reset_is_read() -> None:
    edge, client, server = raw()
    server.transport.feed(EMPTY)
    server.transport.lose(ConnectionResetError())
    edge.run()
    assert statuses(client.take()) == [204]
    edge.end()


# --- whether somebody is there


def test_a_silent_service_is_asked_and_is_dead_when_it_does_not_answer() -> None:
    edge, client, server = raw(pool=usual.pool(ping_interval=10.0, ping_timeout=5.0), route={"answer_timeout": 60.0})
    edge.loop.advance(9.5)
    server.listen()
    assert not server.codes(PING)
    edge.loop.advance(1.0)
    server.listen()
    assert len(server.codes(PING)) == 1
    edge.loop.advance(6.0)
    assert statuses(client.take()) == [502] and server.transport.is_closing()
    assert "did not answer PING in 5 s" in edge.failures()[0]["detail"]
    assert edge.count(http2_counters.UPSTREAM_DEAD) == 1 and edge.count(http2_counters.UPSTREAM_GOAWAYS) == 0
    edge.end()


def test_one_that_answers_is_asked_again_much_later() -> None:
    edge, client, server = raw(pool=usual.pool(ping_interval=10.0), route={"answer_timeout": 900.0})
    edge.loop.advance(10.5)
    server.listen()
    server.send(frames.ping(b"fastgw  ", True))
    edge.loop.advance(200)
    server.listen()
    assert len(server.codes(PING)) == 1
    edge.loop.advance(101)
    server.listen()
    assert len(server.codes(PING)) == 2
    server.send(frames.ping(b"fastgw  ", True) + frames.headers(1, FieldEncoder().response(200, b""), False))
    edge.loop.advance(11)
    server.listen()
    assert len(server.codes(PING)) == 3  # something else came meanwhile
    client.lose()
    edge.end()


def test_nobody_is_asked_without_requests_or_where_that_is_switched_off() -> None:
    edge, client, server = raw(pool=usual.pool(ping_interval=10.0, idle_timeout=1000.0))
    server.send(EMPTY)
    edge.loop.advance(100)
    server.listen()
    assert not server.codes(PING)
    client = edge.client(GET)  # with the first behind a rest
    server.listen()
    assert len(server.codes(PING)) == 1
    assert [one[0] for one in server.frames[-2:]] == [HEADERS, PING]
    server.send(answer(3))
    edge.end()
    edge, client, server = raw(pool=usual.pool(ping_interval=0.0), route={"answer_timeout": 900.0})
    edge.loop.advance(500)
    server.listen()
    assert not server.codes(PING)
    client.lose()
    edge.end()


def test_numbers_of_streams_that_run_out_are_the_end_of_the_connection() -> None:
    edge, client, server = raw()
    link: Any = next(iter(edge.pool().links))
    link.last = 2**31 - 3
    client.lose()
    other = edge.client(GET)
    server.listen()
    assert link.is_going and edge.pool().size == 0
    server.send(frames.headers(2**31 - 1, FieldEncoder().response(204, b""), True))
    assert statuses(other.take()) == [204] and server.transport.is_closing()
    edge.end()
