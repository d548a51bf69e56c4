"""What is left of an exchange on a stream to a service when the other half, the connection or the client is not as expected."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core import counters
from fastgw.testing.edge import CHUNKED, GET, POST, body_of, statuses
from fastgw.wire.http2 import frames
from fastgw.wire.http2 import settings as names
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.errors import CANCEL, NO_ERROR, PROTOCOL_ERROR, REFUSED_STREAM, STREAM_CLOSED
from fastgw.wire.http2.frame_kinds import DATA, GOAWAY, PUSH_PROMISE, RST_STREAM
from tests.support.http2_service import Behind, RawServer

PIECE = frames.data_head(1, 16_000, False) + b"x" * 16_000
NARROW = names.settings_frame({names.INITIAL_WINDOW_SIZE: 10})
TRAILERS = frames.headers(1, FieldEncoder().trailers(b"grpc-status: 0\r\n"), True)


def raw(request: bytes = GET, **options: Any) -> tuple[Behind, Any, RawServer]:
    """An edge, a client that has asked, and a service that may break rules."""
    edge = Behind(**options)
    client = edge.client(request)
    return edge, client, RawServer(edge)


def head(number: int = 1, status: int = 200, lines: bytes = b"", *, is_last: bool = False) -> bytes:
    """Of an answer."""
    return frames.headers(number, FieldEncoder().response(status, lines), is_last)


def waiting(
    *, request: bytes = GET, last: bytes = frames.data_head(1, 2, True) + b"ok"
) -> tuple[Behind, Any, RawServer]:
    """An answer that is all here, up to ``last``, and waits for a client that does not read."""
    edge, client, server = raw(request)
    client.capacity = 0
    server.send(head())
    for _ in range(12):
        server.send(PIECE)
    server.send(last)
    return edge, client, server


def read_all(edge: Behind, client: Any) -> bytes:
    for _ in range(3):
        client.drain()
        edge.run()
    data: bytes = client.take()
    return data


# --- the request


def test_the_body_of_a_request_waits_for_a_connection_that_takes_no_bytes() -> None:
    edge, client, server = raw(CHUNKED)
    server.send(frames.window_update(0, 500_000) + frames.window_update(1, 500_000))
    server.transport.capacity = 0
    client.feed(b"%x\r\n" % 100_000 + b"x" * 100_000 + b"\r\n")
    edge.run()
    assert server.transport.pauses == 1 and not client.is_reading()
    other = edge.client(POST + b"hello")
    edge.run()
    assert not other.is_reading()  # its head is behind what waits, and its body waits here
    for _ in range(3):
        server.transport.drain()
        server.listen()
    assert other.is_reading()
    assert [one[3] for one in server.frames if one[0] == DATA and one[2] == 3] == [b"hello"]
    server.send(head(3, 204, is_last=True))
    assert statuses(other.take()) == [204]
    client.lose()
    edge.end()


def test_a_stream_that_waits_for_its_window_waits_for_a_full_connection_too() -> None:
    """Both hold the client once, and it goes on when neither does."""
    edge = Behind()
    client = edge.client(POST.replace(b"5", b"100") + b"x" * 100)
    server = RawServer(edge, NARROW)
    server.transport.protocol.pause_writing()
    server.send(frames.window_update(1, 1000))
    assert not client.is_reading() and sum(len(one[3]) for one in server.frames if one[0] == DATA) == 10
    server.transport.protocol.resume_writing()
    server.listen()
    assert client.is_reading() and sum(len(one[3]) for one in server.frames if one[0] == DATA) == 100
    server.send(head(1, 204, is_last=True))
    assert statuses(client.take()) == [204]
    edge.end()


def test_an_answer_before_the_request_has_left_lets_the_client_go_on() -> None:
    """The body is of no use any more: the stream is reset, and the client's next request is read."""
    edge = Behind()
    client = edge.client(POST.replace(b"5", b"100") + b"x" * 100)
    server = RawServer(edge, NARROW)
    assert not client.is_reading() and [len(one[3]) for one in server.frames if one[0] == DATA] == [10]
    server.send(head(1, 413, b"content-length: 0\r\n", is_last=True))
    assert statuses(client.take()) == [413] and server.codes(RST_STREAM) == [CANCEL]
    client.feed(GET)
    server.listen()
    server.send(head(3, 204, is_last=True))
    assert statuses(client.take()) == [204]
    edge.end()


# --- the answer


def test_an_end_in_a_frame_of_fields_without_a_field_is_an_end() -> None:
    edge, client, server = raw()
    server.send(head() + frames.data_head(1, 2, False) + b"ok" + frames.headers(1, b"", True))
    assert body_of(client.take()) == b"2\r\nok\r\n0\r\n\r\n"
    assert not server.codes(RST_STREAM) and not edge.failures()
    edge.end()


def test_trailers_behind_a_body_that_waits_follow_it() -> None:
    edge, client, _ = waiting(last=TRAILERS)
    assert not client.take().endswith(b"0\r\n\r\n")
    assert read_all(edge, client).endswith(b"0\r\ngrpc-status: 0\r\n\r\n") and not edge.failures()
    edge.end()


def test_a_client_that_reads_again_before_more_has_come_gets_the_rest_at_once() -> None:
    edge, client, server = raw()
    client.capacity = 0
    server.send(head())
    while not client.pauses:
        server.send(PIECE)
    client.drain()
    edge.run()
    client.take()
    client.capacity = None
    server.send(frames.data_head(1, 2, True) + b"ok")
    assert client.take() == b"2\r\nok\r\n0\r\n\r\n"
    edge.end()


def test_fields_behind_the_end_are_a_fault_and_cut_the_answer_that_waits() -> None:
    edge, client, server = waiting(request=CHUNKED)
    server.send(TRAILERS)
    assert server.codes(RST_STREAM) == [STREAM_CLOSED] and client.is_closing()
    edge.end()


# --- the end


@pytest.mark.parametrize("how", ["refused", "fault", "lost", "goaway"])
def test_an_answer_that_is_all_here_is_passed_on_whatever_becomes_of_the_rest(how: str) -> None:
    edge, client, server = waiting(request=CHUNKED + b"3\r\nabc\r\n")
    if how == "refused":
        server.send(frames.reset(1, REFUSED_STREAM))
    elif how == "fault":
        server.send(frames.frame(PUSH_PROMISE, 4, 1, b"\0\0\0\2"))
        assert server.codes(GOAWAY, 4) == [PROTOCOL_ERROR]
    elif how == "goaway":
        server.send(frames.goaway(0, NO_ERROR))
    else:
        server.transport.lose(ConnectionResetError())
        edge.run()
    assert read_all(edge, client).endswith(b"2\r\nok\r\n0\r\n\r\n")
    assert not edge.failures() and not edge.of_endpoint(counters.ENDPOINT_FAILURES)
    edge.end()


def test_a_request_that_had_an_interim_answer_is_not_sent_again() -> None:
    """The service has begun with it, so it may have acted on it."""
    edge, client, server = raw(service={"on": ("connect", "reset")})
    server.send(head(1, 103, b"link: </a>\r\n") + frames.reset(1, 2))
    data = client.take()
    assert statuses(data) == [103, 502] and b"upstream_reset" in data
    assert edge.count(counters.RETRIES) == 0 and not edge.attempts
    edge.end()


@pytest.mark.parametrize("request_", [GET, POST.replace(b"POST", b"PUT") + b"hello"])
def test_a_service_that_denies_a_request_it_has_begun_to_answer_is_not_asked_again(request_: bytes) -> None:
    edge, client, server = raw(request_, service={"on": ("connect", "reset")})
    server.send(head() + frames.data_head(1, 1, False) + b"x" + frames.reset(1, REFUSED_STREAM))
    data = client.take()
    assert statuses(data) == [200] and not data.endswith(b"0\r\n\r\n") and client.is_closing()
    assert edge.count(counters.RETRIES) == 0 and not edge.attempts
    edge.end()
