"""What comes before HTTP on one connection: bounded in time, and nothing of it left behind."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from fastgw.core import counters, labels
from fastgw.core.dataplane import DataPlane
from fastgw.core.exchange.ends import Client
from fastgw.core.net.handshake import reason
from fastgw.core.opening import opening
from fastgw.core.opening.opening import Terms
from fastgw.core.protocols import make_client
from fastgw.core.snapshot.snapshot import Listener, Snapshot
from fastgw.testing import usual
from tests.support.certificates import Authority
from tests.unit.core.opening.stage import GET, HEADER, LINE, Edge, Tls, context

ALPN, NO_CERTIFICATE, NOT_TLS, UNFINISHED = (
    counters.TLS_FAILED + labels.TLS_CAUSES.index(cause)
    for cause in ("alpn", "no_certificate", "not_tls", "unfinished")
)


# --- the PROXY header


@pytest.mark.parametrize("cut", [0, 1, 20, len(LINE), len(LINE) + 5])
def test_header_and_request_in_pieces(edge: Callable[..., Edge], cut: int) -> None:
    one = edge(HEADER)
    client = one.client((LINE + GET)[:cut])
    one.until(lambda: one.openings.pending or one.plane.connections)
    client.sendall((LINE + GET)[cut:])
    assert one.read(client).startswith(b"HTTP/1.1 404 ")
    assert [connection.address for connection in one.plane.connections] == [b"192.0.2.7"]
    assert not one.openings.pending


def test_header_over_a_unix_socket(edge: Callable[..., Edge], tmp_path: Path) -> None:
    one = edge(Terms(None, True, (ip_network("10.0.0.0/8"),)), path=str(tmp_path / "edge.sock"))
    client = one.client(LINE + GET)
    assert one.read(client).startswith(b"HTTP/1.1 404 ")
    assert one.plane.connections_of(b"192.0.2.7") == 1


def test_malformed_header_is_closed_and_told(edge: Callable[..., Edge]) -> None:
    one = edge(HEADER)
    assert one.read(one.client(GET)) == b""
    assert one.count(counters.BAD_REQUESTS) == 1
    assert one.troubles[0][:2] == ("a PROXY header was refused", "malformed")
    assert one.troubles[0][2]["client"] == "127.0.0.1"
    assert not one.openings.pending


def test_client_that_goes_before_its_header_is_forgotten(edge: Callable[..., Edge]) -> None:
    one = edge(HEADER)
    client = one.client(LINE[:10])
    one.until(lambda: one.openings.pending)
    client.close()
    one.until(lambda: not one.openings.pending)
    client = one.client()
    one.until(lambda: one.openings.pending)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    one.until(lambda: not one.openings.pending)


def test_header_has_a_time(edge: Callable[..., Edge]) -> None:
    one = edge(HEADER, head=0.05)
    assert one.read(one.client(LINE[:-1])) == b""
    assert one.count(counters.HEAD_TIMEOUTS) == 1


def test_only_announcers_are_heard(edge: Callable[..., Edge]) -> None:
    one = edge(Terms(None, True, (ip_network("10.0.0.0/8"), ip_network("2001:db8::/32"))))
    assert one.read(one.client(LINE)) == b""
    assert one.count(counters.CONNECTIONS_REFUSED) == 1
    one.entrance.terms = Terms(None, True, (ip_network("127.0.0.0/8"),))
    assert one.read(one.client(LINE + GET)).startswith(b"HTTP/1.1 404 ")


# --- TLS


def test_handshake_with_and_without_a_header(edge: Callable[..., Edge], authority: Authority, secure: Terms) -> None:
    one = edge(secure)
    assert Tls(one, authority).ask().startswith(b"HTTP/1.1 404 ")
    assert one.plane.connections_of(b"127.0.0.1") == 1
    one.entrance.terms = Terms(secure.context, has_header=True)
    assert Tls(one, authority, LINE).ask().startswith(b"HTTP/1.1 404 ")
    assert one.plane.connections_of(b"192.0.2.7") == 1
    assert one.count(counters.TLS_FAILURES) == 0


def test_a_listener_may_go_meanwhile(edge: Callable[..., Edge], authority: Authority, secure: Terms) -> None:
    """What was accepted from it is served as it was at that time."""
    one = edge(Terms(secure.context, has_header=True))
    client = Tls(one, authority)
    one.until(lambda: one.openings.pending)
    one.plane.install(Snapshot(2, {}))
    client.sock.sendall(LINE)
    assert client.ask().startswith(b"HTTP/1.1 404 ")
    assert [connection.listener for connection in one.plane.connections] == [one.listener]


# --- what is spoken behind it


class Echo(Client):
    """A client that speaks another protocol."""

    def __init__(self, plane: DataPlane, listener: Listener) -> None:
        Client.__init__(self, listener, b"")
        self.plane = plane

    def connection_made(self, transport: Any) -> None:
        self.attach(transport)
        assert self.plane.admit(self)

    def data_received(self, data: bytes) -> None:
        self.write(data.upper())

    def connection_lost(self, _: Exception | None) -> None:
        self.plane.discharge(self)


class Spoken:
    """Makes clients, and remembers of what."""

    def __init__(self) -> None:
        self.chosen: list[str | None] = []

    def __call__(self, plane: DataPlane, listener: Listener, protocol: str | None) -> Client:
        self.chosen.append(protocol)
        return Echo(plane, listener) if protocol == "echo" else make_client(plane, listener, protocol)


@pytest.mark.parametrize(
    ("offered", "chosen", "answer"),
    [
        (("http/1.1", "echo"), "echo", b"GET / HTTP/1.1\r\nHOST: A\r\n\r\n"),  # ours is the choice
        (("h2", "http/1.0"), "http/1.0", b"HTTP/1.1 404 "),
        ((), None, b"HTTP/1.1 404 "),
    ],
)
@pytest.mark.parametrize("is_early", [True, False])
def test_the_client_is_that_of_the_protocol_chosen(
    edge: Callable[..., Edge],
    authority: Authority,
    offered: tuple[str, ...],
    chosen: str | None,
    answer: bytes,
    is_early: bool,
) -> None:
    spoken = Spoken()
    one = edge(Terms(context(authority, ["echo", "http/1.1", "http/1.0"])), make=spoken)
    client = Tls(one, authority, protocols=offered)
    assert not spoken.chosen
    if is_early:  # the first bytes come with the last of the handshake
        client.meet(GET)
        assert client.read().startswith(answer)
    else:
        assert client.ask().startswith(answer)
    assert spoken.chosen == [chosen]
    (known,) = one.plane.connections
    assert isinstance(known, Echo) is (chosen == "echo")
    assert known.transport.get_protocol() is known  # nobody stands between them
    assert known.address == b"127.0.0.1"
    assert not one.openings.pending


def test_one_that_speaks_nothing_of_ours_is_told(
    edge: Callable[..., Edge], authority: Authority, secure: Terms
) -> None:
    spoken = Spoken()
    one = edge(secure, make=spoken)
    with pytest.raises(ssl.SSLError) as caught:
        Tls(one, authority, protocols=("h3", "echo")).meet()
    assert reason(caught.value) == "tlsv1 alert no application protocol"
    assert one.count(ALPN) == one.count(counters.TLS_FAILURES) == 1
    assert [(event, cause, said["detail"]) for event, cause, said in one.troubles] == [
        ("a TLS handshake failed", "alpn", "offered: h3, echo")
    ]
    assert spoken.chosen == []


# --- failures


def test_failed_handshakes_are_counted_once_and_by_cause(edge: Callable[..., Edge], secure: Terms) -> None:
    one = edge(secure)
    for number, first in enumerate((b"\x16\x03\x01", b"", b"\x80\x10"), 1):
        gone = one.client(first)
        one.until(lambda: one.openings.pending)
        gone.close()
        one.until(lambda n=number: one.count(counters.TLS_FAILURES) == n)
        one.until(lambda: not one.openings.pending)
    assert one.count(UNFINISHED) == 3
    assert one.troubles == [
        (
            "a TLS handshake failed",
            "unfinished",
            {"detail": "the client left", "listener": "edge", "client": "127.0.0.1", "count": 1},
        )
    ]


def test_one_that_resets_before_it_says_anything(edge: Callable[..., Edge], secure: Terms) -> None:
    one = edge(secure)
    client = one.client()
    one.until(lambda: one.openings.pending)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    one.until(lambda: one.count(UNFINISHED) == 1 and not one.openings.pending)


def test_an_alert_arrives_whatever_the_client_has_sent(
    edge: Callable[..., Edge], demanding: Terms, authority: Authority
) -> None:
    """TLS 1.3: the client believes the handshake done, and its request is on the way when its certificate is refused."""
    one = edge(demanding)
    client = Tls(one, authority)
    client.meet()
    client.object.write(GET + b"x" * 100_000)
    client.sock.sendall(client.outgoing.read())
    with pytest.raises(ssl.SSLError) as caught:
        client.read()
    assert caught.value.reason == "TLSV13_ALERT_CERTIFICATE_REQUIRED"
    assert one.read(client.sock) == b""
    assert one.count(NO_CERTIFICATE) == one.count(counters.TLS_FAILURES) == 1
    client.sock.sendall(b"x" * 100_000)
    client.sock.close()
    one.until(lambda: not one.openings.pending)
    assert one.count(counters.TLS_FAILURES) == 1


def test_a_client_that_does_not_go_when_it_was_refused_is_cut(
    edge: Callable[..., Edge], demanding: Terms, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "LINGER", 0.05)
    one = edge(demanding)
    client = Tls(one, authority)
    client.meet()
    one.until(lambda: one.count(NO_CERTIFICATE) == 1)
    one.until(lambda: not one.openings.pending)
    plain = one.client(GET)
    one.read(plain)
    one.until(lambda: not one.openings.pending)
    assert one.count(counters.TLS_FAILURES) == 2


@pytest.mark.parametrize(
    "first", [GET, b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", b"\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"]
)
def test_plain_http_is_told_that_the_port_speaks_tls(edge: Callable[..., Edge], secure: Terms, first: bytes) -> None:
    one = edge(secure)
    client = one.client(first)
    head, _, body = one.read(client).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ") and b"connection: close" in head
    assert (b"speaks TLS" in body) is not first.startswith(b"HEAD")
    assert one.read(client) == b""
    client.sendall(b"x" * 100_000)
    client.close()
    one.until(lambda: not one.openings.pending)
    assert one.count(NOT_TLS) == one.count(counters.TLS_FAILURES) == one.count(counters.BAD_REQUESTS) == 1


def test_plain_http_of_a_client_that_is_gone(edge: Callable[..., Edge], secure: Terms) -> None:
    one = edge(secure)
    client = one.client(GET)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    client.close()
    one.until(lambda: one.count(counters.TLS_FAILURES) == 1 and not one.openings.pending)


def test_handshake_has_a_time_from_the_accept_on(edge: Callable[..., Edge], secure: Terms) -> None:
    one = edge(Terms(secure.context, has_header=True), head=0.3)
    began = time.monotonic()
    client = one.client(LINE)
    assert one.read(client) == b""
    assert 0.2 < time.monotonic() - began < 3
    one.until(lambda: one.count(counters.TLS_FAILURES) == 1)
    assert one.count(counters.HEAD_TIMEOUTS) == 0
    assert one.troubles[0][2]["detail"] == "it took too long"


def test_time_is_bounded_where_the_head_timeout_is_off(
    edge: Callable[..., Edge], secure: Terms, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "UNLIMITED", 0.05)
    one = edge(secure, head=0)
    assert one.read(one.client()) == b""


# --- numbers


def test_connections_of_the_listener_are_bounded_before_the_handshake(
    edge: Callable[..., Edge], secure: Terms, authority: Authority
) -> None:
    one = edge(secure, limits=usual.limits(connections=1))
    kept = Tls(one, authority)
    assert kept.ask()
    assert one.read(one.client()) == b""
    assert (one.count(counters.CONNECTIONS), one.count(counters.CONNECTIONS_REFUSED)) == (2, 1)
    assert one.count(counters.TLS_FAILURES) == 0


def test_connections_of_an_address_are_bounded_before_the_handshake(
    edge: Callable[..., Edge], secure: Terms, authority: Authority
) -> None:
    one = edge(secure, limits=usual.limits(connections_per_address=2))
    kept = Tls(one, authority)
    assert kept.ask()
    silent = one.client()
    one.until(lambda: len(one.openings) == 1)
    assert one.read(one.client()) == b""
    assert one.count(counters.ADDRESS_REFUSED) == 1
    one.entrance.terms = Terms(secure.context, has_header=True)
    assert Tls(one, authority, LINE).ask()
    assert silent.fileno() >= 0
