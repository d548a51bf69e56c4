"""``redirect``: who is sent elsewhere, where to, and who stays."""

from __future__ import annotations

import re
from typing import Any

import pytest

from fastgw.filters.redirect import SchemeRedirect
from fastgw.testing.edge import Edge, statuses

TO_HTTPS = (b"https://", "request.host", "request.target")


def redirect(**options: Any) -> SchemeRedirect:
    return SchemeRedirect("redirect", {"scheme": "http", "to": TO_HTTPS, "status": 308} | options)


def request(target: str = "/", *fields: str, host: str = "a.test:8080") -> bytes:
    return "".join(f"{line}\r\n" for line in (f"GET {target} HTTP/1.1", f"Host: {host}", *fields, "")).encode()


def locations(data: bytes) -> list[bytes]:
    return re.findall(rb"\r\nlocation: ([^\r]*)\r\n", data)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_http_is_sent_to_https(status: int) -> None:
    edge = Edge(filters=[redirect(status=status)])
    data = edge.client(request("/a%20b/c?d=e&f=%0d%0a")).take()
    assert statuses(data) == [status]
    assert locations(data) == [b"https://a.test/a%20b/c?d=e&f=%0d%0a"]
    assert data.endswith(b"\r\n\r\n")
    edge.end()


@pytest.mark.parametrize(
    ("scheme", "said", "trusted", "is_sent"),
    [
        ("http", "", (), True),
        ("https", "", (), False),
        ("any", "", (), True),
        ("http", "https", ("192.0.2.0/24",), False),  # the proxy in front has ended TLS
        ("http", "HTTPS", ("192.0.2.0/24",), False),
        ("https", "https", ("192.0.2.0/24",), True),
        ("http", "http", ("192.0.2.0/24",), True),
        ("http", "https", (), True),  # anybody can say that
    ],
)
def test_whose_requests_are_answered(scheme: str, said: str, trusted: tuple[str, ...], is_sent: bool) -> None:
    edge = Edge(filters=[redirect(scheme=scheme)], trusted=trusted)
    fields = (f"X-Forwarded-Proto: {said}",) if said else ()
    data = edge.client(request("/", *fields), extra={"peername": ("192.0.2.1", 50000)}).take()
    assert statuses(data) == ([308] if is_sent else [])
    edge.end()


def test_no_client_chooses_where_it_leads() -> None:
    edge = Edge(filters=[redirect(to=(b"https://b.test/at/", "header.x-to"))])
    data = edge.client(request("/", 'X-To: //c.test/\x80 "<>^`{|}')).take()
    assert locations(data) == [b"https://b.test/at///c.test/%C2%80%20%22%3C%3E%5E%60%7B%7C%7D"]
    edge.end()


def test_without_a_host_there_is_no_place_to_go() -> None:
    edge = Edge(filters=[redirect()])
    assert statuses(edge.client(b"GET / HTTP/1.0\r\n\r\n").take()) == [400]
    edge.end()


def test_a_body_that_nobody_wants_is_no_next_request() -> None:
    edge = Edge(filters=[redirect()])
    client = edge.client(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 50\r\n\r\nGET /x HTTP/1.1\r\n")
    client.feed(b"Host: a.test\r\n\r\n")
    edge.run()
    assert statuses(client.take()) == [308]
    edge.end()
