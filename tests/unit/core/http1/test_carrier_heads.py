"""Answers without a body, and interim ones."""

from __future__ import annotations

import pytest

from fastgw.core import counters
from fastgw.testing.edge import DATE, GET, HEAD, OK, POST, Edge, body_of, head_of, statuses

CHUNKED_ANSWER = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
HTTP10 = b"GET / HTTP/1.0\r\nHost: a.test\r\n\r\n"


def is_kept(edge: Edge) -> bool:
    return len(edge.endpoints[0].pool.idle) == 1


# --- answers without a body


@pytest.mark.parametrize("line", [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"X: y"])
def test_answer_to_head_has_no_body(line: bytes) -> None:
    edge = Edge()
    client, service = edge.pair(HEAD)
    service.feed(b"HTTP/1.1 200 OK\r\n" + line + b"\r\n\r\n")
    got = client.take()
    assert body_of(got) == b""
    assert line.lower() in head_of(got)
    assert is_kept(edge)
    client.feed(GET)
    service.feed(OK)
    assert client.take() == OK
    edge.end()


def test_body_behind_an_answer_to_head_closes_the_connection() -> None:
    edge = Edge()
    client, service = edge.pair(HEAD)
    service.feed(OK)
    assert body_of(client.take()) == b""
    assert service.is_aborted
    edge.end()


@pytest.mark.parametrize("line", [b"Content-Length: 5", b"Transfer-Encoding: chunked"])
def test_204_says_nothing_about_a_body(line: bytes) -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 204 No Content\r\n" + line + b"\r\nX: y\r\n\r\n")
    assert client.take() == b"HTTP/1.1 204 No Content\r\nX: y\r\n" + DATE + b"\r\n"
    assert is_kept(edge)
    edge.end()


def test_304_keeps_the_length_of_what_was_not_sent() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n")
    assert b"content-length: 5\r\n" in head_of(client.take())
    assert is_kept(edge)
    edge.end()


# --- interim answers


def test_interim_answers_are_passed_on() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 7\r\n\r\n")
    assert client.take() == b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
    service.feed(b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n" + OK)
    got = client.take()
    assert statuses(got) == [102, 102, 200]
    assert is_kept(edge)
    assert edge.of_route(counters.ROUTE_STATUS) == 0
    assert edge.of_route(counters.ROUTE_STATUS + 1) == 1
    edge.end()


def test_expect_is_passed_on_and_the_body_follows_the_100() -> None:
    edge = Edge()
    client, service = edge.pair(POST[:-2] + b"Expect: 100-continue\r\n\r\n")
    assert b"expect: 100-continue\r\n" in head_of(service.take())
    service.feed(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert statuses(client.take()) == [100]
    client.feed(b"hello")
    assert service.take() == b"hello"
    service.feed(OK)
    assert statuses(client.take()) == [200]
    assert is_kept(edge)
    edge.end()


def test_expect_is_not_sent_when_the_body_is_there() -> None:
    edge = Edge()
    _, service = edge.pair(POST[:-2] + b"Expect: 100-continue\r\n\r\nhello")
    assert b"expect" not in head_of(service.take())
    edge.end()


def test_flood_of_interim_answers() -> None:
    edge = Edge()
    client, service = edge.pair()
    service.feed(b"HTTP/1.1 100 Continue\r\n\r\n" * 17)
    assert statuses(client.take()) == [*[100] * 16, 502]
    assert service.is_aborted
    edge.end()
