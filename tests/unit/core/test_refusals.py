"""What the gateway says to bytes that are no request, and what it says of its own to those that are."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.exchange.reply import Reply
from fastgw.testing import usual
from fastgw.testing.edge import DATE, GET, OK, WEBSOCKET, Edge, Spy, body_of, head_of, statuses

HOST = b"Host: a.test\r\n"
LONG = b"/" + b"a" * 300
#: Everything that is refused before a route is looked for, as the part behind the method.
REFUSED: dict[str, tuple[bytes, int]] = {
    "no-host": (b" / HTTP/1.1\r\n\r\n", 400),
    "bad-target": (b" /^ HTTP/1.1\r\n" + HOST + b"\r\n", 400),
    "control": (b" / HTTP/1.1\r\n" + HOST + b"X: \0", 400),
    "first-line": (b" / SSH/2.0\r\n", 400),
    "uri": (b" " + LONG + b" HTTP/1.1\r\n" + HOST + b"\r\n", 414),
    "uri-incomplete": (b" " + LONG, 414),
    "expect": (b" / HTTP/1.1\r\n" + HOST + b"Expect: the-unexpected\r\n\r\n", 417),
    "large": (b" / HTTP/1.1\r\n" + HOST + b"X: " + b"v" * 1024, 431),
    "many": (b" / HTTP/1.1\r\n" + HOST + b"X: v\r\n" * 9 + b"\r\n", 431),
    "coding": (b" / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    "version": (b" / HTTP/2.0\r\n" + HOST + b"\r\n", 505),
    "version-9.9": (b" / HTTP/9.9\r\n", 505),
}


def small() -> Edge:
    return Edge(limits=usual.limits(uri_length=100, head_size=600, head_count=8))


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused_to_head_has_no_body(name: str) -> None:
    """RFC 9110 section 9.3.2: the same head that GET would get, and nothing behind it."""
    rest, status = REFUSED[name]
    answers = {}
    for method in (b"GET", b"HEAD"):
        edge = small()
        client = edge.client(method + rest)
        answers[method] = client.take()
        assert client.is_eof_written
        edge.end()
    head, _, body = answers[b"GET"].partition(b"\r\n\r\n")
    assert statuses(answers[b"GET"]) == [status]
    assert body
    assert b"content-length: %d" % len(body) in head
    assert DATE[:-2] in head
    assert answers[b"HEAD"] == head + b"\r\n\r\n"


def test_a_head_of_head_that_is_late_has_no_body() -> None:
    edge = Edge(timeouts=usual.timeouts(head=5))
    client = edge.client(b"HEAD / HTTP/1.1\r\n")
    edge.loop.advance(6)
    got = client.take()
    assert statuses(got) == [408]
    assert body_of(got) == b""
    edge.end()


@pytest.mark.parametrize(
    "line",
    [
        b"SSH-2.0-OpenSSH_9.9\r\n",
        b"EHLO a.test\r\n",
        b"GET /\r\n",
        b"GET / a HTTP/1.1\r\n",
        b"GET  HTTP/1.1\r\n",
        b"GET / http/1.1\r\n",
        b" GET / HTTP/1.1\r\n",
        b"GET\t/ HTTP/1.1\r\n",
        b"G@T / HTTP/1.1\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n",
        b"\r\nSSH-2.0-OpenSSH_9.9\r\n",
    ],
)
@pytest.mark.parametrize("dripped", [False, True])
def test_a_line_that_begins_no_request_is_refused_when_it_is_complete(line: bytes, dripped: bool) -> None:
    edge = Edge()
    client = edge.client()
    for piece in [line[at : at + 1] for at in range(len(line))] if dripped else [line]:
        assert not client.is_eof_written
        client.feed(piece)
    assert statuses(client.take()) == [400]
    assert client.is_eof_written
    edge.end()


def test_a_line_that_may_begin_a_request_is_waited_for() -> None:
    edge = Edge()
    client = edge.client(b"BREW /pot HTTP/1.7\r\n")
    assert client.take() == b""
    client.feed(HOST + b"\r\n")
    assert statuses(client.take()) == [501]
    edge.end()


@pytest.mark.parametrize(
    "data",
    [
        b"\t/ / HTTP/1.1\r\n\r\n",
        b" / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\x16\x03\x01\x00\xa5\r\n\r\n",
        b"\x80\x81\r\n\r\n",
    ],
)
def test_what_is_no_method_is_400(data: bytes) -> None:
    edge = Edge()
    client = edge.client(data)
    assert statuses(client.take()) == [400]
    edge.end()


# --- methods and versions


def named(*methods: str) -> Edge:
    """An edge whose only route names ``methods``."""
    edge = Edge()
    listener: Any = edge.listener
    rule = listener.router.rules[0]
    changed = type(rule)(**{**{name: getattr(rule, name) for name in rule.__slots__}, "methods": frozenset(methods)})
    edge.install(usual.listener("edge", type(listener.router)([changed]), edge.fallback))
    return edge


@pytest.mark.parametrize("method", [b"BREW", b"m!x", b"Get", b"VERSION-CONTROL"])
@pytest.mark.parametrize("version", [b"1.0", b"1.1", b"1.2"])
def test_a_method_that_a_route_names_is_served(method: bytes, version: bytes) -> None:
    edge = named("POST", method.decode())
    client = edge.client(b"%b /x?y HTTP/%b\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi" % (method, version))
    service = edge.connect()
    forwarded = service.take()
    assert forwarded.startswith(method + b" /x?y HTTP/1.1\r\n")
    assert forwarded.endswith(b"\r\n\r\nhi")
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize("method", [b"BREW", b"CONNECT", b"TRACE", b"PRI", b"DESCRIBE", b"get"])
def test_a_method_that_no_route_names_is_501(method: bytes) -> None:
    edge = Edge()
    client = edge.client(b"%b / HTTP/1.1\r\nHost: a.test\r\n\r\n" % method + GET)
    assert statuses(client.take()) == [501]
    assert client.is_eof_written
    edge.end()


@pytest.mark.parametrize("fault", [b"X : y", b"X: a\rb", b" folded", b"Transfer-Encoding: gzip", b"Host: b"])
def test_a_head_with_a_method_of_ours_is_read_as_strictly(fault: bytes) -> None:
    edge = named("BREW")
    client = edge.client(b"BREW / HTTP/1.1\r\nHost: a.test\r\n%b\r\n\r\n" % fault)
    assert statuses(client.take()) in ([400], [501])
    assert not edge.attempts
    edge.end()


def test_a_head_that_was_checked_with_a_stand_in_leaves_nothing_behind() -> None:
    edge = named("BREW", "GET")
    client = edge.client()
    brew = b"BREW / HTTP/1.1\r\nHost: a.test\r\n\r\n"
    client.feed((brew + GET) * 3)
    service = edge.connect()
    for _ in range(6):
        service.feed(OK)
    assert statuses(client.take()) == [200] * 6
    edge.end()


def test_a_later_version_of_http_1_is_kept_alive_and_forwarded_as_1_1() -> None:
    edge = Edge()
    client = edge.client(GET.replace(b"1.1", b"1.2") * 2)
    service = edge.connect()
    assert service.take().startswith(b"GET / HTTP/1.1\r\n")
    service.feed(OK)
    service.feed(OK)
    got = client.take()
    assert statuses(got) == [200, 200]
    assert got.startswith(b"HTTP/1.1 ")
    edge.end()


def test_an_upgrade_with_a_version_in_its_name_opens_a_tunnel() -> None:
    edge = Edge(route={"upgrades": ("spdy/3.1",)})
    client = edge.client(GET[:-2] + b"Connection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\n")
    service = edge.connect()
    assert b"\r\nconnection: Upgrade\r\nupgrade: spdy/3.1\r\n" in service.take()
    service.feed(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\n\r\nhi")
    got = client.take()
    assert statuses(got) == [101]
    assert got.endswith(b"\r\n\r\nhi")
    edge.end()


# --- answers of our own


def test_another_version_of_websocket_is_told_what_is_spoken() -> None:
    """RFC 9110 section 15.5.22, RFC 6455 section 4.4."""
    edge = Edge()
    client = edge.client(WEBSOCKET.replace(b"Version: 13", b"Version: 8"))
    got = client.take()
    assert statuses(got) == [426]
    for line in (b"upgrade: websocket", b"connection: upgrade", b"sec-websocket-version: 13", b"connection: close"):
        assert b"\r\n" + line + b"\r\n" in head_of(got)
    edge.end()


def test_our_answer_to_http_1_0_says_that_the_connection_stays() -> None:
    """RFC 9112 section 9.3: without it a client that asked waits for the end, which does not come."""
    edge = Edge(path="/known")
    client = edge.client(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    got = client.take()
    assert statuses(got) == [404]
    assert b"\r\nconnection: keep-alive\r\n" in head_of(got)
    assert not client.is_closing()
    client.feed(b"GET / HTTP/1.0\r\n\r\n")
    assert b"\r\nconnection: close\r\n" in head_of(client.take())
    assert client.is_closing()
    edge.end()


def test_our_answer_to_http_1_1_says_nothing_of_what_goes_without_saying() -> None:
    edge = Edge(path="/known")
    client = edge.client(GET)
    assert b"connection:" not in head_of(client.take())
    edge.end()


def test_our_answers_have_a_date_that_is_renewed() -> None:
    edge = Edge(filters=[Spy("a", [], request=lambda exchange: Reply(200))])
    client = edge.client(GET)
    assert DATE in client.take()
    edge.loop.advance(1.5)
    client.feed(GET)
    assert b"\r\ndate: Sun, 06 Nov 1994 08:49:38 GMT\r\n" in client.take()
    edge.end()
