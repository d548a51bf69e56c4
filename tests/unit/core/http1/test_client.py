"""The client's side: finding heads, order, limits, deadlines, and the ways a connection ends."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.core.net.peers import client_address
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, Spy, body_of, head_of, statuses

BIG = b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 200_000


def local(**options: Any) -> Edge:
    """An edge that answers everything by itself."""
    return Edge(filters=[Spy("a", [], request=lambda exchange: Reply(200, b"{}"))], **options)


# --- finding the head


def test_head_may_come_byte_by_byte() -> None:
    edge = local()
    client = edge.client()
    for byte in GET[:-1]:
        client.feed(bytes([byte]))
    assert client.take() == b""
    client.feed(GET[-1:])
    assert statuses(client.take()) == [200]
    edge.end()


def test_blank_lines_in_front_are_skipped() -> None:
    edge = local()
    client = edge.client(b"\r\n\r\n" + GET)
    assert statuses(client.take()) == [200]
    client.feed(b"\r")
    client.feed(b"\n")
    client.feed(GET)
    assert statuses(client.take()) == [200]
    client.feed(b"\r\n\r\n\r\n" + GET)
    assert statuses(client.take()) == [400]
    edge.end()


@pytest.mark.parametrize("raw", [b"\r\n" * 3, b"\r\n" * 4, b"\r\n\n", b"\rGET", b"\nGET"])
def test_other_bytes_in_front_are_refused_however_they_come(raw: bytes) -> None:
    for pieces in ([raw], [bytes([byte]) for byte in raw]):
        edge = local()
        client = edge.client()
        for piece in pieces:
            client.feed(piece)
        assert statuses(client.take()) == [400]
        edge.end()


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"GET /" + b"a" * 200, 414),
        (b"GET /" + b"a" * 200 + b" HTTP/1.1\r\nHost: a", 414),
        (b"GET / HTTP/1.1\r\nX: " + b"a" * 500, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"a" * 500 + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n" + b"X: a\r\n" * 6, 431),
        (b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X: a\r\n" * 6 + b"\r\n", 431),
        (b"GET / HTTP/1.1\nHost: a", 400),
        (b"GET / HTTP/1.1\r\nHost: a\0", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00", 400),
        (b"BREW / HTTP/1.1\r\n\r\n", 501),
    ],
)
def test_what_can_never_be_a_request_is_refused_at_once(raw: bytes, status: int) -> None:
    edge = local(limits=usual.limits(head_size=400, head_count=5, uri_length=100))
    client = edge.client(raw)
    answer = client.take()
    assert statuses(answer) == [status]
    assert b"connection: close\r\n" in head_of(answer)
    assert client.is_eof_written
    assert edge.count(counters.BAD_REQUESTS) == 1
    assert edge.begun == 0
    [line] = edge.events("a request was refused")
    assert (line["client"], line["listener"], line["status"]) == ("127.0.0.1", "edge", status)
    assert line["code"].encode() in answer and line["detail"].encode() in answer
    edge.end()


@pytest.mark.parametrize("cut", [1, 2, 3, 300])
def test_tls_on_a_plain_port_is_named(cut: int) -> None:
    edge = local(limits=usual.limits(head_size=400, head_count=5, uri_length=100))
    hello = b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"r" * 500
    client = edge.client(hello[:cut])
    client.feed(hello[cut:])
    answer = client.take()
    assert statuses(answer) == [400] and b"unexpected_tls" in body_of(answer) and b"plain HTTP" in body_of(answer)
    assert edge.count(counters.BAD_REQUESTS) == 1
    _, _, fields = edge.log[0]
    assert (fields["client"], fields["code"]) == ("127.0.0.1", "unexpected_tls")
    edge.end()


def test_nothing_behind_a_refused_request_is_read_as_one() -> None:
    edge = local()
    client = edge.client(b"GET / HTTP/1.1\r\n\r\n" + GET * 3)
    client.feed(GET)
    assert statuses(client.take()) == [400]
    assert edge.begun == 0
    edge.end()


# --- order


def test_pipelined_answers_leave_in_order() -> None:
    edge = Edge()
    client = edge.client(b"".join(b"GET /%d HTTP/1.1\r\nHost: a.test\r\n\r\n" % number for number in range(3)))
    service = edge.connect()
    for number in range(3):
        assert service.take().startswith(b"GET /%d " % number)
        service.feed(OK.replace(b"ok", b"o%d" % number))
    assert client.take() == b"".join(OK.replace(b"ok", b"o%d" % number) for number in range(3))
    edge.end()


@pytest.mark.no_cover
def test_five_thousand_pipelined_local_answers_do_not_recurse() -> None:
    edge = local()
    client = edge.client(GET * 5000)
    assert len(statuses(client.take())) == 5000
    assert edge.done == 5000
    edge.end()


@pytest.mark.no_cover
def test_five_thousand_pipelined_unknown_paths_do_not_recurse() -> None:
    edge = Edge(path="/known")
    client = edge.client(GET * 5000)
    assert statuses(client.take()) == [404] * 5000
    edge.end()


def test_client_that_pipelines_much_is_held_until_its_turn() -> None:
    edge = Edge()
    edge.listener.pipeline_bytes = 100
    client, service = edge.pair()
    client.feed(GET * 2)
    assert client.is_reading()
    client.feed(GET * 2)
    assert not client.is_reading()
    for _ in range(5):
        service.feed(OK)
        edge.run()
    assert client.is_reading()
    assert len(statuses(client.take())) == 5
    edge.end()


def test_held_client_is_read_again_when_its_next_head_is_not_complete() -> None:
    edge = Edge()
    edge.listener.pipeline_bytes = 20
    client, service = edge.pair()
    client.feed(GET[:-4])
    assert not client.is_reading()
    service.feed(OK)
    edge.run()
    assert client.is_reading()
    client.feed(GET[-4:])
    service.feed(OK)
    assert len(statuses(client.take())) == 2
    edge.end()


def test_next_request_waits_until_the_client_has_taken_the_answer() -> None:
    edge = Edge()
    client, service = edge.pair(capacity=None)
    client.capacity = 0
    client.feed(GET)
    service.feed(BIG)
    edge.run()
    assert edge.begun == 1
    client.feed(GET)
    edge.run()
    assert edge.begun == 1
    client.drain()
    edge.run()
    assert edge.begun == 2
    service.feed(OK)
    service.feed(OK)
    edge.run()
    assert edge.begun == 3
    edge.end()


def test_slow_client_does_not_fill_memory_with_local_answers() -> None:
    edge = Edge(filters=[Spy("a", [], request=lambda exchange: Reply(200, b"x" * 10_000))])
    client = edge.client(capacity=0)
    client.feed(GET * 1000)
    assert client.get_write_buffer_size() < 200_000
    done = edge.done
    client.drain()
    edge.run()
    assert edge.done > done
    while edge.done < 1000:
        client.drain()
        edge.run()
    assert len(statuses(client.take())) == 1000
    edge.end()


# --- who the client is


def test_forwarded_fields_of_a_stranger_are_ours() -> None:
    edge = Edge()
    _, service = edge.pair(GET[:-2] + b"X-Forwarded-For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n\r\n")
    head = head_of(service.take())
    assert b"x-forwarded-for: 127.0.0.1\r\n" in head
    assert b"6.6.6.6" not in head
    edge.end()


@pytest.mark.parametrize("trusted", ["127.0.0.0/8", "::/0"])
def test_forwarded_fields_of_a_trusted_peer_are_kept(trusted: str) -> None:
    edge = Edge(trusted=[trusted])
    _, service = edge.pair(GET[:-2] + b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n\r\n")
    head = head_of(service.take())
    assert (b"x-forwarded-for: 6.6.6.6, 127.0.0.1\r\n" in head) is (trusted == "127.0.0.0/8")
    edge.end()


def test_client_without_an_address() -> None:
    edge = Edge(trusted=["0.0.0.0/0"])
    client = edge.client(GET, extra={"peername": "", "socket": None})
    service = edge.connect()
    assert b"x-forwarded-for: unknown\r\n" in head_of(service.take())
    assert "unknown" in repr(client.protocol)
    edge.end()


def test_client_over_tcp_without_a_socket() -> None:
    edge = local()
    assert statuses(edge.client(GET, extra={"socket": None}).take()) == [200]
    edge.end()


# --- snapshots


def test_next_request_is_served_by_the_installed_listener() -> None:
    edge = Edge()
    client, service = edge.pair()
    edge.install(edge.listen(limits=usual.limits(uri_length=64)))
    service.feed(OK)
    assert statuses(client.take()) == [200]
    client.feed(b"GET /" + b"a" * 100 + b" HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert statuses(client.take()) == [414]
    edge.end()


def test_listener_that_is_gone_serves_its_connections_to_the_end() -> None:
    from fastgw.core.snapshot.snapshot import Snapshot

    edge = local()
    client = edge.client(GET)
    edge.plane.install(Snapshot(2, {}, (edge.service,)))
    client.feed(GET)
    assert statuses(client.take()) == [200, 200]
    edge.end()


def test_stuck_client_of_a_stream_is_dropped_after_the_write_deadline() -> None:
    """Bytes that still come from the service do not make it wait longer."""
    edge = Edge(timeouts=usual.timeouts(write=10), route={"stream_idle_timeout": 1000.0})
    client = edge.client(GET, capacity=0)
    service = edge.connect()
    service.feed(BIG[:-1])
    edge.loop.advance(21)
    assert client.is_aborted
    assert service.is_lost
    edge.end()


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        (("10.0.0.1", 5), b"10.0.0.1"),
        (("::ffff:10.0.0.1", 5, 0, 0), b"10.0.0.1"),
        (("::1", 5, 0, 0), b"::1"),
        (("::ffff:0:102:304", 5, 0, 0), b"::ffff:0:102:304"),
    ],
)
def test_a_client_by_ipv4_has_its_ipv4_address(peer: tuple[Any, ...], address: bytes) -> None:
    assert client_address(peer) == address
    edge = Edge(trusted=["10.0.0.0/8"])
    client = edge.client(GET, extra={"peername": peer})
    (connection,) = edge.plane.connections
    assert connection.address == address
    assert client is not None
    edge.plane.close()
    edge.run()


def test_small_writes_are_not_delayed() -> None:
    options: list[Any] = []

    class Socket:
        def fileno(self) -> int:
            return -1

        def setsockopt(self, *args: object) -> None:
            options.append(args)

    edge = local()
    edge.client(extra={"socket": Socket()})
    assert options == [(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)]
    edge.end()


def test_http2_without_a_question_is_refused_where_nobody_here_speaks_it() -> None:
    edge = Edge(listener={"protocols": ("http/1.1", "h2")})
    client = edge.client()
    edge.plane.speak_http2 = None
    client.feed(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert statuses(client.take()) == [505]
    assert edge.count(counters.BAD_REQUESTS) == 1
    edge.end()
