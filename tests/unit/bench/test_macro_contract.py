"""A gateway that does less than the others is found out."""

from __future__ import annotations

import pytest

from bench.macro.client import Answer, parse_echo, parse_head
from bench.macro.contract import missing_work

ID = "0123456789abcdef0123456789abcdef"
ECHO = (
    "GET /x?echo=1 HTTP/1.1\r\nHost: edge.example\r\nX-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Proto: http\r\n"
    f"X-Forwarded-Host: edge.example\r\nVia: 1.1 nginx\r\nX-Request-Id: {ID}\r\n\r\n"
)
ANSWER = Answer(200, {"x-request-id": ID}, b"")


def test_a_gateway_that_does_it_all() -> None:
    assert missing_work(parse_echo(ECHO.encode()), ANSWER, "http") == []


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("Host: edge.example", "host to the service"),
        ("X-Forwarded-For: 127.0.0.1", "x-forwarded-for"),
        ("X-Forwarded-Proto: http", "x-forwarded-proto"),
        ("X-Forwarded-Host: edge.example", "x-forwarded-host"),
        ("Via: 1.1 nginx", "no Via"),
        (f"X-Request-Id: {ID}", "no X-Request-Id"),
    ],
)
def test_every_header_towards_the_service_counts(line: str, complaint: str) -> None:
    seen = parse_echo(ECHO.replace(f"\r\n{line}\r\n", "\r\n", 1).encode())
    assert any(complaint in fault for fault in missing_work(seen, ANSWER, "http"))


@pytest.mark.parametrize("headers", [{}, {"x-request-id": "other"}])
def test_so_do_those_towards_the_client(headers: dict[str, str]) -> None:
    assert len(missing_work(parse_echo(ECHO.encode()), Answer(200, headers, b""), "http")) == 1


def test_the_scheme_is_the_listeners() -> None:
    assert missing_work(parse_echo(ECHO.encode()), ANSWER, "https")


def test_the_client_reads_a_head() -> None:
    assert parse_head(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nVia:  a \r\nodd") == (
        404,
        {"content-length": "0", "via": "a"},
    )
