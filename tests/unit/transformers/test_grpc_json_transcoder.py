"""``grpc/json-transcoder``: a request of HTTP becomes one of gRPC; what asks for nothing is refused; gRPC passes as it is."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from fastgw.testing.edge import Spy, body_of, head_of, statuses
from tests.support.bodies import plain
from tests.support.transcoded import answer, ask, encoded, stage

BOOK = "/v1/shelves/1/books/2"


def test_a_request_becomes_a_call_and_its_answer_json() -> None:
    edge, notes = stage()
    client = edge.client(ask(f"GET {BOOK}?deep=true", None, "Accept: */*", "Accept-Encoding: gzip", "X-Mine: 1"))
    service = edge.connect()
    got = service.take()
    assert got.startswith(b"POST /library.v1.Library/GetBook HTTP/1.1\r\n")
    head = head_of(got).lower()
    assert b"content-type: application/grpc+proto\r\n" in head and b"te: trailers\r\n" in head
    assert b"x-mine: 1\r\n" in head and b"accept" not in head
    assert plain(got) == encoded("GetBookRequest", name="shelves/1/books/2", deep=True)
    service.feed(
        answer(
            encoded("Book", name="n", id=2**60),
            trailers=b"x-late: 1\r\n",
            fields="grpc-encoding: identity\r\nx-it: 1\r\n",
        )
    )
    told = client.take()
    assert statuses(told) == [200]
    assert orjson.loads(body_of(told)) == {"name": "n", "id": str(2**60)}
    head = head_of(told).lower()
    assert b"content-type: application/json\r\n" in head and b"content-length: " in head and b"x-it: 1\r\n" in head
    assert b"grpc" not in head
    assert notes[0]["grpc_method"] == "/library.v1.Library/GetBook"
    edge.end()


@pytest.mark.parametrize(
    ("line", "status", "code", "field"),
    [
        ("GET /v2/nothing", 404, "method_unknown", b""),
        ("PUT /v1/books", 405, "method_not_allowed", b"allow: GET\r\n"),
        ("GET /library.v1.Library/GetBook", 405, "method_not_allowed", b"allow: POST\r\n"),
        ("GET /v1/books/%FF", 400, "message_misfit", b""),
        ("GET /v1/books?nope=1", 400, "message_misfit", b""),
    ],
)
def test_what_asks_for_no_call_is_refused(line: str, status: int, code: str, field: bytes) -> None:
    edge, _ = stage()
    client = edge.client(ask(line))
    told = client.take()
    assert statuses(told) == [status]
    assert field in told
    assert orjson.loads(body_of(told))["type"] == f"urn:fastgw:error:{code}"
    assert not edge.attempts
    edge.end()


@pytest.mark.parametrize(
    ("kind", "field", "status"),
    [
        ("text/plain", "X: 1", 415),
        ("application/x-ndjson", "X: 1", 415),
        ("application/json", "Content-Encoding: gzip", 415),
        ("application/json", "Cache-Control: no-transform", 415),
        ("application/json; charset=utf-8", "X: 1", 0),
        ("application/vnd.api+json", "X: 1", 0),
    ],
)
def test_bodies_of_other_types_are_refused(kind: str, field: str, status: int) -> None:
    edge, _ = stage()
    client = edge.client(ask("POST /v1/shelves/1/books", {}, field, kind=kind))
    assert statuses(client.take()) == ([status] if status else [])
    assert bool(edge.attempts) == (not status)


def test_what_is_grpc_already_passes_as_it_is() -> None:
    edge, notes = stage()
    data = encoded("GetBookRequest", name="x")
    client = edge.client(ask("POST /library.v1.Library/GetBook", data, kind="application/grpc"))
    service = edge.connect()
    assert plain(service.take()) == data
    sent = answer(encoded("Book", name="n"))
    service.feed(sent)
    assert encoded("Book", name="n") in client.take()
    assert "grpc_json" not in (notes[0] or {})
    edge.end()


@pytest.mark.parametrize(
    ("field", "timeout", "expected"),
    [
        ("X: 1", 0, b""),
        ("grpc-timeout: 2S", 0, b"grpc-timeout: 2000000u\r\n"),
        ("grpc-timeout: x", 0, b""),
        ("X: 1", 5, b"grpc-timeout: 5000000u\r\n"),
        ("grpc-timeout: 1S", 5, b"grpc-timeout: 1000000u\r\n"),
        ("grpc-timeout: 9S", 5, b"grpc-timeout: 5000000u\r\n"),
    ],
)
def test_the_service_is_told_what_time_it_has(field: str, timeout: float, expected: bytes) -> None:
    def bound(exchange: Any) -> None:
        exchange.last = exchange.started + timeout if timeout else 0.0

    edge, _ = stage(Spy("bound", [], request=bound))
    edge.client(ask("GET /v1/books", None, field))
    head = head_of(edge.connect().take())
    assert (expected in head) if expected else (b"grpc-timeout" not in head)


def test_other_transformers_see_json() -> None:
    seen: list[Any] = []
    edge, _ = stage(Spy("spy", [], response=lambda exchange: seen.append(exchange.response.header(b"content-type"))))
    client = edge.client(ask("GET /v1/books"))
    edge.connect().feed(answer(encoded("ListBooksResponse")))
    assert body_of(client.take()) == b"[]"
    assert seen == [b"application/json"]
    edge.end()
