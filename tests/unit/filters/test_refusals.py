"""What looks like a request in bytes that are none."""

from __future__ import annotations

import pytest

from fastgw.core.exchange.ends import Exchange
from fastgw.errors import DownstreamError
from fastgw.filters.refusals import refused_exchange
from fastgw.filters.variables import Template
from fastgw.testing.edge import Edge


def refused(received: bytes) -> Exchange:
    error = DownstreamError(400, "malformed", "no")
    error.received = received
    edge = Edge()
    client = edge.client().protocol
    return refused_exchange(client, error)


@pytest.mark.parametrize(
    ("received", "method", "target", "host"),
    [
        (b"GET /a?b HTTP/1.1\r\nHost: A.test:80\r\n\r\n", b"GET", b"/a?b", b"a.test"),
        (b"\r\nGET /a HTTP/9\nHost: a", b"GET", b"/a", b"a"),
        (b"GET", b"", b"", b""),
        (b"GET ", b"", b"", b""),
        (b"G\x00T / HTTP/1.1\r\n", b"", b"", b""),
        (b"GET  / HTTP/1.1\r\n", b"GET", b"", b""),
        (b"CONNECT [::1]:8 HTTP/1.1\r\nHost: [::1]\r\n", b"CONNECT", b"[::1]:8", b"[::1]"),
        (b"", b"", b"", b""),
        (b"\x00\xff\r\n\n\n: : :\r\nhost", b"", b"", b""),
    ],
)
def test_what_is_known(received: bytes, method: bytes, target: bytes, host: bytes) -> None:
    request = refused(received).request
    assert (request.method, request.target, request.host) == (method, target, host)


def test_variables_read_it_as_an_exchange() -> None:
    parts = (
        "client.address",
        b" ",
        "request.path",
        b" ",
        "header.x-a",
        b" ",
        "cookie.c",
        b" ",
        "query.q",
        b" ",
        "path.p",
    )
    more = (
        b" ",
        "note.n",
        b" ",
        "service.name",
        b" ",
        "endpoint.address",
        b" ",
        "response.status",
        b" ",
        "request.scheme",
    )
    found = refused(b"GET /p?q=1 HTTP/1.1\r\nX-A: a\r\nCookie: c=2\r\nTransfer-Encoding: x\r\n\r\n")
    assert Template((*parts, *more)).fill(found) == b"127.0.0.1 /p a 2 1     400 http"  # type: ignore[arg-type]
