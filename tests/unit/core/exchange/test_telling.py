"""In what form an error is told: by what the client has sent, or else as the route says."""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.exchange.telling import error_answer
from fastgw.errors import DownstreamError
from fastgw.testing.edge import Edge, body_of, statuses

ERROR = DownstreamError(404, "no_route", "none")


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (b"application/grpc", 200),
        (b"Application/grpc+proto", 200),
        (b"application/grpc-web", 200),
        (b"application/grpcx", 404),
        (b"application/json", 404),
        (b"", 404),
    ],
)
def test_a_call_is_told_as_one(content_type: bytes, status: int) -> None:
    told: list[Any] = []
    edge = Edge(filters=[_Asking(told)])
    line = b"Content-Type: " + content_type + b"\r\n" if content_type else b""
    client = edge.client(b"POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n" + line + b"\r\n")
    assert statuses(client.take()) == [status]
    [reply] = told
    assert reply.status == status and ("x-a", "b") in reply.headers
    edge.end()


def test_others_are_told_as_the_route_says() -> None:
    edge = Edge(filters=[_Asking([])], route={"errors": "openai"})
    client = edge.client(b"GET / HTTP/1.1\r\nHost: a.test\r\n\r\n")
    assert b'"error"' in body_of(client.take())
    edge.end()


class _Asking:
    """Asks, and answers so."""

    name = "asking"

    def __init__(self, told: list[Any]) -> None:
        self._told = told

    def request(self, exchange: Any) -> Any:
        self._told.append(error_answer(exchange, ERROR, (("x-a", "b"),)))
        return self._told[-1]
