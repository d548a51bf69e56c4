"""How an exchange on a stream of a connection to a service ends: by whom, with which code, and what may be sent again."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.testing.edge import CHUNKED, GET, POST, body_of, statuses
from fastgw.wire.http2 import frames
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.errors import CANCEL, FLOW_CONTROL_ERROR, PROTOCOL_ERROR, STREAM_CLOSED
from fastgw.wire.http2.frame_kinds import DATA, PADDED, RST_STREAM, WINDOW_UPDATE
from tests.support.http2_service import Behind, RawServer

PLAIN = ((":status", "200"),)


def asked(request: bytes = GET, **options: Any) -> tuple[Behind, Any, Any]:
    """An edge, a client that has asked, and the service that was."""
    edge = Behind(**options)
    client = edge.client(request)
    return edge, client, edge.serve()


def raw(request: bytes = GET, **options: Any) -> tuple[Behind, Any, RawServer]:
    """The same with a service that may break rules."""
    edge = Behind(**options)
    client = edge.client(request)
    return edge, client, RawServer(edge)


def block(*fields: tuple[str, str], status: int = 200) -> bytes:
    """The fields of an answer, as they are sent."""
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields)
    return FieldEncoder().response(status, lines.encode())


def test_a_client_that_leaves_resets_its_stream_alone() -> None:
    edge, client, server = asked()
    other = edge.client(GET)
    server.listen()
    client.lose()
    server.listen()
    assert server.resets == {1: CANCEL}
    server.answer(3)
    assert statuses(other.take()) == [200] and not server.transport.is_closing()
    edge.end()


def test_data_of_a_stream_that_was_reset_gives_the_window_back_with_its_padding() -> None:
    edge, client, server = raw()
    client.lose()
    server.listen()
    piece = frames.frame(DATA, PADDED, 1, b"\xff" + b"x" * 15_000 + b"\0" * 255)
    for _ in range(200):
        server.send(piece)
    given = sum(server_window(one) for one in server.frames if one[0] == WINDOW_UPDATE and one[2] == 0)
    assert given >= 200 * 15_256 - 512 * 1024 and not server.transport.is_closing()
    edge.end()


def server_window(frame: tuple[int, int, int, bytes]) -> int:
    return int.from_bytes(frame[3], "big")


def test_padding_counts_for_the_stream_too() -> None:
    edge, client, server = raw()
    server.send(frames.headers(1, block(), False))
    piece = frames.frame(DATA, PADDED, 1, b"\xff" + b"x" * 1000 + b"\0" * 255)
    for _ in range(500):
        server.send(piece)
    given = sum(server_window(one) for one in server.frames if one[0] == WINDOW_UPDATE and one[2] == 1)
    assert given >= 500 * 1256 - 256 * 1024 and b"x" * 1000 in client.take()
    server.send(frames.data_head(1, 0, True))
    edge.end()


def test_a_reset_behind_the_whole_answer_is_no_failure() -> None:
    """The service wanted no more of the request (RFC 9113 section 8.1)."""
    edge, client, server = raw(CHUNKED + b"3\r\nabc\r\n")
    whole = frames.headers(1, block(("content-length", "2")), False) + frames.data_head(1, 2, True) + b"ok"
    server.send(whole + frames.reset(1, 0))
    data = client.take()
    assert statuses(data) == [200] and body_of(data) == b"ok"
    assert not edge.failures()
    edge.end()


def test_a_reset_behind_an_answer_that_waits_here_loses_none_of_it() -> None:
    edge, client, server = raw(CHUNKED + b"3\r\nabc\r\n")
    client.capacity = 0
    server.send(frames.headers(1, block(), False))
    for _ in range(12):
        server.send(frames.data_head(1, 16_000, False) + b"x" * 16_000)
    server.send(frames.data_head(1, 2, True) + b"ok" + frames.reset(1, 0))
    client.drain()
    edge.run()
    edge.run()
    assert client.take().endswith(b"ok\r\n0\r\n\r\n") and not edge.failures()
    edge.end()


@pytest.mark.parametrize(
    ("said", "code", "words"),
    [
        (frames.headers(1, b"\x40\x01A\x01b", False), PROTOCOL_ERROR, "the first field is not :status"),
        (frames.headers(1, FieldEncoder().response(200, b"connection: close\r\n"), True), PROTOCOL_ERROR, "connection"),
        (frames.headers(1, b"\x48\x03abc", True), PROTOCOL_ERROR, ":status is no status"),
        (frames.headers(1, block(status=101), False), PROTOCOL_ERROR, "101"),
        (frames.headers(1, block(status=100), True), PROTOCOL_ERROR, "interim"),
        (frames.headers(1, block(("content-length", "3")), True), PROTOCOL_ERROR, "shorter"),
        (
            frames.headers(1, block(("content-length", "3"), ("content-length", "4")), False),
            PROTOCOL_ERROR,
            "Content-L",
        ),
        (frames.data_head(1, 1, False) + b"x", PROTOCOL_ERROR, "in front of the head"),
        (b"".join([frames.headers(1, block(status=103), False)] * 17), PROTOCOL_ERROR, "one too many"),
        (frames.headers(1, block(("x", "y" * 70_000)), True), CANCEL, "larger than"),
        (frames.window_update(1, 2**31 - 1), FLOW_CONTROL_ERROR, "window"),
    ],
)
def test_an_answer_that_breaks_a_rule_is_502_and_resets_its_stream(said: bytes, code: int, words: str) -> None:
    edge, client, server = raw()
    other = edge.client(GET)
    server.listen()
    server.send(said)
    assert statuses(client.take())[-1:] == [502] and server.codes(RST_STREAM) == [code]
    server.send(frames.headers(3, block(("content-length", "0")), True))  # whose fields are decoded by the same table
    assert statuses(other.take()) == [200]
    assert words in edge.failures()[0]["detail"]
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES) == 1
    edge.end()


@pytest.mark.parametrize(
    "said",
    [
        frames.data_head(1, 3, False) + b"xyz",
        frames.data_head(1, 1, True) + b"x",
        frames.headers(1, FieldEncoder().trailers(b"a: b\r\n"), True),
        frames.headers(1, FieldEncoder().trailers(b"a: b\r\n"), False),
        frames.headers(1, block(), True),
    ],
)
def test_a_body_that_is_not_as_long_as_it_says_is_cut(said: bytes) -> None:
    edge, client, server = raw()
    server.send(frames.headers(1, block(("content-length", "2")), False))
    assert statuses(client.take()) == [200]
    server.send(said)
    assert client.is_closing() and server.codes(RST_STREAM) == [PROTOCOL_ERROR]
    edge.end()


def test_frames_behind_the_end_are_a_fault_as_long_as_the_stream_is_known() -> None:
    edge, client, server = raw(CHUNKED)
    client.capacity = 0
    server.send(frames.headers(1, block(), False) + b"".join([frames.data_head(1, 16_000, False) + b"x" * 16_000] * 8))
    server.send(frames.data_head(1, 1, True) + b"x")
    server.send(frames.data_head(1, 1, True) + b"x")
    assert server.codes(RST_STREAM) == [STREAM_CLOSED]
    edge.end()


def test_more_data_than_the_window_of_the_stream_is_a_fault() -> None:
    edge, client, server = raw()
    client.capacity = 0
    server.send(frames.headers(1, block(), False))
    for _ in range(40):
        server.send(frames.data_head(1, 16_000, False) + b"x" * 16_000)
    assert server.codes(RST_STREAM) == [FLOW_CONTROL_ERROR]
    edge.end()


def test_a_reset_in_front_of_an_answer_is_502_and_within_one_a_cut() -> None:
    edge, client, server = raw(POST + b"hello")
    server.send(frames.reset(1, 2))
    assert statuses(client.take()) == [502]
    assert "the service reset the stream (INTERNAL_ERROR)" in edge.failures()[0]["detail"]
    client = edge.client(GET)
    server.listen()
    server.send(frames.headers(3, block(), False) + frames.data_head(3, 1, False) + b"x" + frames.reset(3, 8))
    data = client.take()
    assert statuses(data) == [200] and not data.endswith(b"0\r\n\r\n") and client.is_closing()
    edge.end()


@pytest.mark.parametrize("request_", [GET, POST + b"hello", CHUNKED + b"5\r\nhello\r\n0\r\n\r\n"])
def test_a_request_that_was_refused_is_sent_again_whatever_its_method(request_: bytes) -> None:
    edge, client, server = asked(request_)
    server.h2.reset_stream(1, 7)
    server.flush()
    server.listen()
    assert server.head(3)[":method"] == server.head(1)[":method"] and 3 in server.ended
    assert server.bodies[3] == server.bodies[1]
    server.answer(3)
    assert statuses(client.take()) == [200]
    assert not edge.of_endpoint(counters.ENDPOINT_FAILURES) and edge.count(counters.RETRIES) == 1
    edge.end()


def test_who_refuses_always_is_not_asked_for_ever() -> None:
    edge, client, server = asked(GET)
    for _ in range(10):
        for number in list(server.heads):
            if number not in server.resets:
                server.h2.reset_stream(number, 7)
                server.resets[number] = 7
        server.flush()
        edge.loop.advance(0.5)
        server.listen()
    assert statuses(client.take()) == [502] and len(server.heads) <= 4
    edge.end()


def test_a_body_that_was_not_kept_is_not_sent_again() -> None:
    edge, client, server = asked(CHUNKED + b"5\r\nhello\r\n")
    server.h2.reset_stream(1, 7)
    server.flush()
    assert statuses(client.take()) == [502] and list(server.heads) == [1]
    edge.end()


def test_a_body_that_is_kept_for_a_retry_is_sent_again_though_it_is_still_coming() -> None:
    edge, client, server = asked(
        CHUNKED.replace(b"POST", b"PUT") + b"5\r\nhello\r\n", service={"on": ("connect", "reset")}
    )
    server.h2.reset_stream(1, 7)
    server.flush()
    client.feed(b"1\r\n!\r\n0\r\n\r\n")
    server.listen()
    assert (server.bodies[3], 3 in server.ended) == (b"hello!", True)
    server.answer(3)
    assert statuses(client.take()) == [200]
    edge.end()
