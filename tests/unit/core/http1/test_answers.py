"""How answers are framed, and when they leave."""

from __future__ import annotations

import pytest

from fastgw.testing.edge import GET, HEAD, Edge, body_of, head_of

OLD = b"GET / HTTP/1.0\r\nHost: a.test\r\nConnection: keep-alive\r\n\r\n"
ENDLESS = b"HTTP/1.1 200 OK\r\n\r\n"
CHUNKS = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def test_head_and_first_body_bytes_leave_in_one_write() -> None:
    edge = Edge()
    client = edge.client(GET)
    edge.connect().feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel")
    assert len(client.writes) == 1
    assert client.take().endswith(b"\r\n\r\nhel")
    edge.plane.close()
    edge.run()


def test_a_body_that_ends_with_its_connection_is_sent_in_chunks() -> None:
    edge = Edge()
    client = edge.client(GET)
    service = edge.connect()
    service.feed(ENDLESS + b"hello")
    service.feed(b"!" * 17)
    service.feed_eof()
    got = client.take()
    assert b"transfer-encoding: chunked" in head_of(got)
    assert body_of(got) == b"5\r\nhello\r\n11\r\n" + b"!" * 17 + b"\r\n0\r\n\r\n"
    edge.end()


@pytest.mark.parametrize(("head", "body"), [(ENDLESS, b"hello"), (CHUNKS, b"5\r\nhello\r\n0\r\n\r\n")])
def test_http_1_0_gets_the_data_and_then_the_end(head: bytes, body: bytes) -> None:
    edge = Edge()
    client = edge.client(OLD)
    service = edge.connect()
    service.feed(head + body)
    service.feed_eof()
    edge.run()
    got = client.take()
    assert body_of(got) == b"hello"
    assert b"connection: close" in head_of(got)
    assert client.is_closing()
    edge.end()


def test_one_answer_leaves_no_framing_to_the_next() -> None:
    edge = Edge()
    client = edge.client(GET)
    service = edge.connect()
    service.feed(ENDLESS + b"a")
    service.feed_eof()
    edge.run()
    client.take()
    client.feed(GET)
    edge.connect().feed(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb")
    assert body_of(client.take()) == b"b"
    edge.end()


def test_an_answer_that_is_cut_before_its_body_shows_its_head() -> None:
    edge = Edge()
    client = edge.client(GET)
    service = edge.connect()
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n")
    service.feed_eof()
    edge.run()
    assert head_of(client.take()).startswith(b"http/1.1 200 ")
    assert client.is_closing()
    edge.end()


def test_a_reply_to_head_has_the_length_and_not_the_body() -> None:
    edge = Edge(path="/elsewhere")
    client = edge.client(HEAD)
    got = client.take()
    assert b"content-length: " in head_of(got)
    assert not body_of(got)
    edge.end()
