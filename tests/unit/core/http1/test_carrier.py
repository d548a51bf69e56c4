"""The service's side: answers in every framing, what may be kept, and what breaks."""

from __future__ import annotations

import socket

import pytest

from fastgw.core import counters
from fastgw.testing import usual
from fastgw.testing.edge import CHUNKED, GET, OK, POST, Edge, body_of, head_of, statuses
from fastgw.testing.mock import QuietSocket

CHUNKED_ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HTTP10 = b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n"


def is_kept(edge: Edge) -> bool:
    return len(edge.endpoints[0].pool.idle) == 1


@pytest.mark.parametrize("cut", [0, 1, 20, 40, 60])
@pytest.mark.parametrize(
    "answer",
    [
        OK,
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        CHUNKED_ANSWER + b"2\r\nok\r\n0\r\n\r\n",
        CHUNKED_ANSWER + b"2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
        b"HTTP/1.1 204 No Content\r\n\r\n",
        b"HTTP/1.1 304 Not Modified\r\nContent-Length: 50\r\n\r\n",
    ],
)
def test_answer_is_relayed_and_the_connection_kept(answer: bytes, cut: int) -> None:
    edge = Edge()
    client, service = edge.pair()
    for part in (answer[:cut], answer[cut:]):
        if part:
            service.feed(part)
    got = client.take()
    assert body_of(got) == body_of(answer)
    assert got.count(b"\r\n\r\n") == answer.count(b"\r\n\r\n")
    assert is_kept(edge)
    client.feed(GET)
    assert service.take().count(b"GET / HTTP/1.1\r\n") == 2
    edge.end()


def test_answer_byte_by_byte() -> None:
    edge = Edge()
    client, service = edge.pair()
    answer = CHUNKED_ANSWER + b"2\r\nok\r\n0\r\n\r\n"
    for at in range(len(answer)):
        service.feed(answer[at : at + 1])
    assert body_of(client.take()) == b"2\r\nok\r\n0\r\n\r\n"
    assert is_kept(edge)
    edge.end()


def test_bytes_leave_in_the_tick_they_came() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(CHUNKED_ANSWER)
    assert head_of(client.take()).startswith(b"http/1.1 200 ok\r\n")
    service.feed(b"5\r\nhel")
    assert client.take() == b"5\r\nhel"
    service.feed(b"lo\r\n0\r\n\r\n")
    assert client.take() == b"lo\r\n0\r\n\r\n"
    edge.end()


def test_answer_until_close_is_sent_in_chunks() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 200 OK\r\n\r\nhel")
    service.feed(b"lo")
    service.feed_eof()
    edge.run()
    got = client.take()
    assert b"transfer-encoding: chunked\r\n" in head_of(got)
    assert body_of(got) == b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
    assert not client.is_closing()
    assert not is_kept(edge)
    edge.end()


def test_empty_answer_until_close() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(b"HTTP/1.0 200 OK\r\n\r\n")
    assert b"transfer-encoding: chunked\r\n" in head_of(client.take())
    service.feed_eof()
    assert client.take() == b"0\r\n\r\n"
    edge.end()


def test_answer_until_close_that_breaks_is_cut() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 200 OK\r\n\r\nhello")
    service.lose(ConnectionResetError())
    assert body_of(client.take()) == b"5\r\nhello\r\n"
    assert client.is_closing()
    edge.end()


# --- clients of HTTP/1.0


def test_chunks_are_decoded_for_http_1_0_and_end_with_the_connection() -> None:
    edge = Edge()
    client, service = edge.pair(HTTP10.replace(b"\r\n\r\n", b"\r\nConnection: keep-alive\r\n\r\n"))
    service.feed(CHUNKED_ANSWER + b"2;a=b\r\nhe\r\n")
    service.feed(b"3\r\nllo\r\n0\r\nX-Sum: 1\r\n\r\n")
    got = client.take()
    assert b"transfer-encoding" not in head_of(got)
    assert b"connection: close\r\n" in head_of(got)
    assert body_of(got) == b"hello"
    assert client.is_closing()
    assert is_kept(edge)
    edge.end()


def test_answer_until_close_for_http_1_0() -> None:
    edge = Edge()
    client, service = edge.pair(HTTP10)
    service.feed(b"HTTP/1.1 200 OK\r\n\r\nhello")
    service.feed_eof()
    got = client.take()
    assert b"transfer-encoding" not in head_of(got)
    assert body_of(got) == b"hello"
    assert client.is_closing()
    edge.end()


def test_interim_answers_are_not_for_http_1_0() -> None:
    edge = Edge()
    client, service = edge.pair(HTTP10)
    service.feed(b"HTTP/1.1 103 Early Hints\r\n\r\n")
    assert client.take() == b""
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


# --- what may not be kept


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"X",
        OK + OK,
        OK.replace(b"200 OK", b"200 OK\r\nConnection: close"),
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
        CHUNKED_ANSWER + b"0\r\n\r\nX",
        b"HTTP/1.1 204 No Content\r\n\r\nX",
    ],
)
def test_connection_with_a_byte_left_over_or_that_closes_is_not_kept(answer: bytes) -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(answer)
    assert len(statuses(client.take())) == 1
    assert service.is_aborted
    assert not is_kept(edge)
    edge.end()


def test_connection_is_not_kept_when_the_request_is_not_complete() -> None:
    edge = Edge()
    client, service = edge.pair(POST + b"he")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert service.is_aborted
    assert client.is_eof_written
    edge.end()


def test_early_answer_while_the_body_still_comes() -> None:
    edge = Edge()
    client, service = edge.pair(CHUNKED + b"2\r\nhe\r\n")
    service.feed(CHUNKED_ANSWER + b"2\r\nok\r\n")
    assert statuses(client.take()) == [200]
    client.feed(b"3\r\nllo\r\n0\r\n\r\n")
    assert service.take().endswith(b"3\r\nllo\r\n0\r\n\r\n")
    service.feed(b"0\r\n\r\n")
    assert client.take() == b"0\r\n\r\n"
    assert is_kept(edge)
    assert not client.is_closing()
    edge.end()


def test_service_that_has_not_taken_the_whole_request_is_not_kept() -> None:
    """Both messages must be complete: bytes of one request may not wait in front of the next one."""
    edge = Edge()
    client = edge.client(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 200000\r\n\r\n")
    service = edge.connect()
    service.capacity = 0
    client.feed(b"x" * 200_000)
    service.feed(OK)
    edge.run()
    assert statuses(client.take()) == [200]
    assert service.is_aborted
    assert not is_kept(edge)
    edge.end()


def test_idle_connection_that_says_anything_is_closed() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(OK)
    service.feed(b"H")
    assert service.is_aborted
    edge.run()
    assert not is_kept(edge)
    client.feed(GET)
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200, 200]
    edge.end()


def test_idle_connection_that_ends_is_forgotten() -> None:
    edge = Edge()
    _, service = edge.pair()
    service.feed(OK)
    service.feed_eof()
    edge.run()
    assert not is_kept(edge)
    assert edge.endpoints[0].pool.size == 0
    edge.end()


# --- what breaks


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
        b"HTTP/1.1 2",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 500,
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 500 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 11 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\0",
        b"SSH-2.0-x\r\n\r\n",
        b"SSH-2.0-x",
    ],
)
def test_answer_that_cannot_be_passed_on(data: bytes) -> None:
    edge = Edge(limits=usual.limits(head_size=400, head_count=10))
    client, service = edge.pair()
    service.feed(data)
    if not service.is_closing():
        service.feed_eof()
    edge.run()
    assert statuses(client.take())[-1] == 502
    assert service.is_lost
    assert edge.of_route(counters.ROUTE_FAULT_UPSTREAM) == 1
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES) == 1
    edge.end()


@pytest.mark.parametrize("ending", ["eof", "reset", "bad chunk"])
@pytest.mark.parametrize("head", [b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", CHUNKED_ANSWER])
def test_answer_that_breaks_off_is_cut(head: bytes, ending: str) -> None:
    if ending == "bad chunk" and head != CHUNKED_ANSWER:
        pytest.skip("a body with a length cannot be malformed")
    edge = Edge()
    client, service = edge.pair()
    service.feed(head + b"2\r\nhe\r\n")
    if ending == "eof":
        service.feed_eof()
    elif ending == "reset":
        service.lose(ConnectionResetError())
    else:
        service.feed(b"z\r\n")
    edge.run()
    assert body_of(client.take()) == b"2\r\nhe\r\n"
    assert client.is_lost
    assert service.is_lost
    assert edge.of_route(counters.ROUTE_FAULT_UPSTREAM) == 1
    edge.end()


def test_answer_whose_first_chunk_is_bad_shows_its_head_and_is_cut() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(CHUNKED_ANSWER + b"z\r\n")
    got = client.take()
    assert statuses(got) == [200]
    assert not got.endswith(b"0\r\n\r\n")
    assert client.is_closing()
    edge.end()


# --- back-pressure


def test_slow_client_holds_the_service() -> None:
    edge = Edge()
    client = edge.client(GET, capacity=0)
    service = edge.connect()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 100002\r\n\r\n" + b"x" * 100_000)
    assert not service.is_reading()
    service.feed(b"ok")
    client.drain()
    edge.run()
    assert service.is_reading()
    assert client.take().endswith(b"xok")
    assert is_kept(edge)
    edge.end()


def test_slow_service_holds_the_client() -> None:
    edge = Edge()
    client = edge.client(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100002\r\n\r\n")
    service = edge.connect()
    service.capacity = 0
    client.feed(b"x" * 100_000)
    assert not client.is_reading()
    client.feed(b"ok")
    service.drain()
    edge.run()
    assert client.is_reading()
    assert service.take().endswith(b"xok")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert is_kept(edge)
    edge.end()


def test_client_held_by_a_slow_service_is_read_again_after_the_answer() -> None:
    edge = Edge()
    client = edge.client(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n")
    service = edge.connect()
    service.capacity = 0
    client.feed(b"x" * 100_000)
    assert not client.is_reading()
    service.feed(OK)
    edge.run()
    assert client.is_reading()
    client.feed(GET)
    edge.connect().feed(OK)
    assert statuses(client.take()) == [200, 200]
    edge.end()


def test_service_held_by_a_slow_client_is_read_again_in_the_pool() -> None:
    edge = Edge()
    client = edge.client(GET, capacity=0)
    service = edge.connect()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 99_999)
    assert not service.is_reading()
    client.drain(90_000)
    service.feed(b"x")
    edge.run()
    assert is_kept(edge)
    assert service.is_reading()
    edge.end()


@pytest.mark.parametrize("leftover", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison"])
def test_connection_that_was_held_is_looked_at_before_it_is_kept(leftover: bytes) -> None:
    """What the service sent behind its answer was not read while the client was slow; nobody else may get it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        edge = Edge()
        client = edge.client(GET, capacity=0)
        service = edge.connect(extra={"socket": QuietSocket(ours), "sslcontext": object()})
        service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + b"x" * 99_999)
        assert not service.is_reading()
        theirs.send(b"x" + leftover)
        client.drain()
        edge.run()
        service.feed(ours.recv(1))
        assert is_kept(edge) is (not leftover)
        assert service.is_aborted is bool(leftover)
        edge.end()
