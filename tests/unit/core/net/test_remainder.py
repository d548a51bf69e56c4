"""What TLS still has when its connection is lost reaches the client, at its pace, and the end is what TLS said it was."""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path

import pytest

from fastgw.core.net import remainder
from fastgw.core.net.remainder import READ_SIZE, Remainder, knows_its_source
from fastgw.testing.edge import GET, POST, Edge, body_of, head_of, statuses
from fastgw.testing.mock import MockTransport, QuietSocket
from tests.support.certificates import Authority

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n"
REST = b"y" * 200_000


@pytest.fixture(scope="module")
def contexts(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    authority = Authority(Path(tmp_path_factory.mktemp("tls")))
    return authority.client(), authority.server(*authority.pair("edge", "edge.test"))


def received(contexts: tuple[ssl.SSLContext, ssl.SSLContext], data: bytes, *, is_closed: bool) -> ssl.SSLObject:
    """The TLS of a client that has received ``data`` and not read it; ``is_closed``: and the server's close_notify behind it."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = contexts[0].wrap_bio(to_client, to_server, server_hostname="edge.test")
    server = contexts[1].wrap_bio(to_server, to_client, server_side=True)
    for step in (client, server, client, server):
        try:
            step.do_handshake()
        except ssl.SSLWantReadError:
            continue
    for at in range(0, len(data), READ_SIZE):
        server.write(data[at : at + READ_SIZE])
    if is_closed:
        with pytest.raises(ssl.SSLWantReadError):
            server.unwrap()
    return client


def stuck(edge: Edge, head: bytes, size: int = 100_000) -> tuple[MockTransport, MockTransport]:
    """A client that takes nothing yet, and its service, which is held after ``head`` and ``size`` bytes."""
    client = edge.client(GET, capacity=0)
    service = edge.connect()
    service.feed(head + b"x" * size)
    assert not service.is_reading()
    return client, service


@pytest.mark.parametrize("is_closed", [True, False])
def test_a_complete_answer_is_complete_however_the_connection_ended(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], is_closed: bool
) -> None:
    edge = Edge()
    client, service = stuck(edge, HEAD)
    service.extra["ssl_object"] = received(contexts, REST, is_closed=is_closed)
    service.lose()
    edge.run()
    assert client.unread == 0 and not client.is_closing()
    client.drain()
    edge.run()
    assert body_of(client.take()) == b"x" * 100_000 + REST
    assert not edge.endpoints[0].pool.idle  # whatever the answer said, nobody is there any more
    edge.end()


def test_it_is_read_no_faster_than_the_client_reads(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    edge = Edge()
    client, service = stuck(edge, HEAD)
    service.extra["ssl_object"] = received(contexts, REST, is_closed=True)
    service.lose()
    client.drain(100_000)
    client.capacity = 0
    edge.run()
    assert client.get_write_buffer_size() < 2 * READ_SIZE + 16_384
    for _ in range(10):
        client.drain(50_000)
        edge.run()
    client.drain()
    edge.run()
    assert body_of(client.take()) == b"x" * 100_000 + REST
    edge.end()


@pytest.mark.parametrize(("is_closed", "ending"), [(True, b"0\r\n\r\n"), (False, b"")])
def test_an_answer_until_close_is_complete_only_if_tls_said_so(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], is_closed: bool, ending: bytes
) -> None:
    edge = Edge()
    client, service = stuck(edge, b"HTTP/1.1 200 OK\r\n\r\n")
    service.extra["ssl_object"] = received(contexts, b"end", is_closed=is_closed)
    service.lose()
    client.drain()
    edge.run()
    assert client.take().endswith(b"3\r\nend\r\n" + ending)
    edge.end()


def test_an_answer_that_is_not_complete_is_cut(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    edge = Edge()
    client, service = stuck(edge, HEAD)
    service.extra["ssl_object"] = received(contexts, b"y" * 1000, is_closed=True)
    service.lose(ConnectionResetError())
    client.drain()
    edge.run()
    got = client.take()
    assert b"content-length: 300000" in head_of(got).lower() and len(body_of(got)) == 101_000 and client.is_closing()
    edge.end()


def test_a_client_that_goes_ends_it(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    edge = Edge()
    client, service = stuck(edge, HEAD)
    service.extra["ssl_object"] = received(contexts, REST, is_closed=True)
    service.lose()
    assert edge.endpoints[0].pool.size == 1
    client.lose()
    edge.run()
    assert edge.endpoints[0].pool.size == 0
    edge.end()


def test_reading_that_was_just_allowed_loses_nothing(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    edge = Edge()
    client, service = stuck(edge, HEAD)
    service.extra["ssl_object"] = received(contexts, REST, is_closed=True)
    client.drain()
    service.lose()  # before TLS has read on
    edge.run()
    got = client.take()
    assert statuses(got) == [200] and body_of(got) == b"x" * 100_000 + REST
    edge.end()


def test_a_failure_of_the_reader_ends_it(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    edge = Edge()
    lost: list[object] = []

    class Reader:
        def data_received(self, data: bytes) -> None:
            raise RuntimeError("a bug")

        def connection_lost(self, error: Exception | None) -> None:
            lost.append(error)

    remainder = Remainder(
        Reader(),  # type: ignore[arg-type]
        received(contexts, b"x", is_closed=True),
        edge.loop,
        None,
        is_held=False,
    )
    with pytest.raises(RuntimeError):
        edge.loop.run_ready()
    edge.loop.run_ready()
    assert lost == [None]
    assert (remainder.is_closing(), remainder.can_write_eof(), remainder.get_write_buffer_size()) == (True, False, 0)
    remainder.write(b"x")
    edge.end()


# --- a service that answers an upload and leaves before it has taken it

REFUSED = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 4\r\nConnection: close\r\n\r\nnope"


def refused(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], request: bytes, data: bytes
) -> tuple[Edge, MockTransport, int]:
    """A client in the middle of ``request``, whose service has sent ``data`` that no transport read when the connection was lost; and
    how many descriptors that took."""
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    tls = received((knows_its_source(contexts[0]), contexts[1]), data, is_closed=False)
    incoming = tls.incoming  # type: ignore[attr-defined]
    before = len(os.listdir("/proc/self/fd"))
    with ours, theirs:
        theirs.sendall(incoming.read())
        edge = Edge()
        client = edge.client(request)
        service = edge.connect(extra={"socket": QuietSocket(ours), "sslcontext": object(), "ssl_object": tls})
        held = len(os.listdir("/proc/self/fd")) - before
        ours.close()  # as the loop does, before it tells
        service.lose(BrokenPipeError())
        edge.run()
        assert len(os.listdir("/proc/self/fd")) == before - 1
    return edge, client, held


def test_answer_that_waits_behind_a_failed_write_is_read(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    edge, client, held = refused(contexts, POST + b"hel", REFUSED)
    answer = client.take()
    assert statuses(answer) == [401]
    assert body_of(answer) == b"nope"
    assert held == 1
    assert edge.endpoints[0].pool.size == 0
    edge.end()


@pytest.mark.parametrize("request_", [GET, POST + b"hello"])
def test_request_that_is_there_whole_needs_no_descriptor(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], request_: bytes
) -> None:
    edge, _, held = refused(contexts, request_, REFUSED)
    assert held == 0
    edge.end()


def test_nothing_behind_a_failed_write_is_the_end(contexts: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    edge, client, _ = refused(contexts, POST + b"hel", b"")
    assert statuses(client.take()) == [502]
    edge.end()


def test_what_is_taken_from_the_kernel_is_bounded(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remainder, "REFILL_MAX", 40_000)
    monkeypatch.setattr(remainder, "READ_SIZE", 10_000)
    edge, client, _ = refused(contexts, POST + b"hel", HEAD + b"x" * 60_000)
    assert 10_000 < len(body_of(client.take())) <= 40_000
    edge.end()


def test_without_a_descriptor_left_there_is_just_no_spare(
    contexts: tuple[ssl.SSLContext, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(descriptor: int) -> int:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(os, "dup", fail)
    edge, client, held = refused(contexts, POST + b"hel", REFUSED)
    assert (held, statuses(client.take())) == (0, [502])
    edge.end()
