"""How a client's connection ends."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from fastgw.core.exchange.reply import Reply
from fastgw.core.net.lingering import LINGER_LOOK
from fastgw.testing.edge import CHUNKED, GET, OK, POST, Edge, Spy, head_of, new_loop, statuses
from fastgw.testing.mock import MockSocket, MockTransport

BIG = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000


def local(**options: Any) -> Edge:
    """An edge that answers everything by itself."""
    return Edge(filters=[Spy("a", [], request=lambda exchange: Reply(200, b"{}"))], **options)


# --- the end


def test_client_that_closes_is_gone() -> None:
    edge = local()
    client = edge.client(GET)
    client.feed_eof()
    edge.run()
    assert client.is_lost
    edge.end()


def test_linger_ends_when_the_client_closes() -> None:
    edge = local()
    client = edge.client(b"GET / HTTP/1.1\r\n\r\n")
    client.feed_eof()
    edge.run()
    assert client.is_lost
    edge.end()


def test_transport_that_cannot_half_close_lingers_without_it() -> None:
    """Closed at once, the client would not see the answer with TLS either."""
    edge = local()
    client = edge.client(b"GET / HTTP/1.1\r\n\r\n", extra={"can_write_eof": False})
    assert statuses(client.take()) == [400]
    client.feed(b"more")
    assert not client.is_eof_written
    assert not client.is_closing()
    edge.loop.advance(3 * LINGER_LOOK)
    assert client.is_lost
    edge.end()


def test_answer_before_the_body_is_complete_closes_gently() -> None:
    edge = local()
    client = edge.client(POST + b"he")
    answer = client.take()
    assert b"connection: close\r\n" in head_of(answer)
    assert client.is_eof_written
    client.feed(b"llo" + GET)
    assert client.take() == b""
    edge.end()


def test_held_client_is_read_again_when_its_connection_lingers() -> None:
    """Its unread body would otherwise keep the close from being seen."""
    loop = new_loop()
    edge = Edge(loop=loop)
    client = edge.client(CHUNKED)
    client.feed(b"20000\r\n" + b"x" * 70_000)
    assert not client.is_reading()
    edge.refuse()
    assert statuses(client.take()) == [502]
    assert client.is_reading()
    edge.end()


@pytest.mark.parametrize("request_line", [b"GET / HTTP/1.0\r\n\r\n", GET[:-2] + b"Connection: close\r\n\r\n"])
def test_connection_closes_when_the_client_asked_for_it(request_line: bytes) -> None:
    edge = local()
    client = edge.client(request_line)
    answer = client.take()
    assert statuses(answer) == [200]
    assert b"connection: close\r\n" in head_of(answer)
    edge.run()
    assert client.is_lost
    edge.end()


def test_requests_behind_the_last_answer_do_not_take_it_away() -> None:
    """With more of them on the way, closing at once would reset the connection (RFC 9112 section 9.6)."""
    edge = local()
    client = edge.client(GET[:-2] + b"Connection: close\r\n\r\n" + GET)
    assert statuses(client.take()) == [200]
    assert client.is_eof_written
    client.feed(GET)
    assert not client.is_closing()
    assert edge.begun == 1
    client.feed_eof()
    edge.run()
    assert client.is_lost
    edge.end()


def test_connection_of_http_1_0_may_be_kept() -> None:
    edge = Edge()
    ask = b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"
    client, service = edge.pair(ask)
    service.feed(OK)
    assert b"connection: keep-alive\r\n" in head_of(client.take())
    client.feed(ask)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


class Options(MockSocket):
    """A socket that remembers its options."""

    def __init__(self, transport: MockTransport) -> None:
        super().__init__(transport)
        self.options: list[tuple[object, ...]] = []

    def setsockopt(self, *args: object) -> None:
        self.options.append(args)


def test_cut_without_framing_resets_the_connection() -> None:
    edge = Edge()
    client = edge.client()
    client.extra["socket"] = options = Options(client)
    client.feed(b"GET / HTTP/1.0\r\n\r\n")
    service = edge.connect()
    service.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n")
    service.lose()
    assert client.is_aborted
    assert options.options == [(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")]
    edge.end()


def test_cut_without_framing_or_socket() -> None:
    edge = Edge()
    client = edge.client(b"GET / HTTP/1.0\r\n\r\n", extra={"socket": None})
    service = edge.connect()
    service.feed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n")
    service.lose()
    assert client.is_aborted
    edge.end()


def test_bytes_on_a_closed_connection_count_for_nothing() -> None:
    edge = local()
    client = edge.client(GET[:-2] + b"Connection: close\r\n\r\n")
    protocol: Any = client.protocol
    protocol.data_received(GET)
    assert edge.begun == 1
    edge.end()
