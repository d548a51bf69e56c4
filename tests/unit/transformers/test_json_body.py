"""JSON of either side: gathered, refused with the reason and the place, and never a word of it elsewhere."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest

from fastgw.testing.edge import GET, OK, Edge, body_of, head_of, new_loop, statuses
from fastgw.transformers.json_body import JsonTransformer, MissingError, TooLargeError
from tests.support.bodies import Elsewhere, plain

SECRET = "s3cret"


class Wrapped(JsonTransformer):
    def make(self, document: Any) -> Any:
        if document == "missing":
            raise MissingError("has nothing at '/a'")
        if document == "large":
            raise TooLargeError("it would be too large")
        return {"it": document}


OPTIONS = {"max_bytes": 1000, "inline_bytes": 1000, "queue": 0}


def edge_of(side: str) -> Edge:
    return Edge(filters=[Wrapped("t", {**OPTIONS, "side": side})])


def post(data: bytes, kind: str = "application/json", *fields: str) -> bytes:
    lines = [
        "POST / HTTP/1.1",
        "Host: a.test",
        f"Content-Type: {kind}",
        f"Content-Length: {len(data)}",
        *fields,
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + data


def answer(data: bytes, kind: str = "application/json", status: int = 200, *fields: str) -> bytes:
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {kind}", f"Content-Length: {len(data)}", *fields, "", ""]
    return "\r\n".join(lines).encode() + data


@pytest.mark.parametrize(
    "kind", ["application/json", "Application/JSON; charset=utf-8", "application/vnd.api+json", "text/json"]
)
def test_a_request_is_made_another_document(kind: str) -> None:
    edge = edge_of("input")
    client = edge.client()
    data = post(b'{"a": [1, 2.5, "\xc3\xa4"]}', kind)
    client.feed(data[:-3])
    assert not edge.attempts
    client.feed(data[-3:])
    service = edge.connect()
    got = service.take()
    assert json.loads(plain(got)) == {"it": {"a": [1, 2.5, "ä"]}}
    assert b"content-type: application/json\r\n" in head_of(got) and b"content-length: " in head_of(got)
    service.feed(answer(b'{"b": 1}'))
    assert body_of(client.take()) == b'{"b": 1}'  # the other side is not its business
    edge.end()


def test_an_answer_is_made_another_document() -> None:
    edge = edge_of("output")
    client, service = edge.pair(post(b"x", "text/plain", "Accept-Encoding: gzip"))
    got = service.take()
    assert plain(got) == b"x" and b"accept-encoding: identity" in head_of(got)
    service.feed(answer(b'{"b": 1}', "application/vnd.x+json"))
    got = client.take()
    assert json.loads(body_of(got)) == {"it": {"b": 1}} and b"content-type: application/json\r\n" in head_of(got)
    edge.end()


@pytest.mark.parametrize(
    ("data", "status", "code", "said"),
    [
        (f'{{"a": "{SECRET}", }}'.encode(), 400, "json_malformed", "at character 15"),
        (b"", 400, "json_malformed", "the body is no JSON"),
        (b'{"a": "\xff"}', 400, "json_malformed", "the body is no JSON"),
        (b'{"a": NaN}', 400, "json_malformed", "at character 7"),
        (b"[" * 300 + b"]" * 300, 400, "json_malformed", "too many objects and lists inside each other"),
        (b"[" * 900, 400, "json_malformed", "the body is no JSON"),
        (b'"missing"', 422, "field_missing", "the body has nothing at '/a'"),
        (b'"large"', 413, "json_too_large", "it would be too large"),
        (b'"%s"' % (b"x" * 1000), 413, "json_too_large", "more than the 1000 bytes"),
    ],
)
def test_a_body_that_is_none_is_refused(data: bytes, status: int, code: str, said: str) -> None:
    edge = edge_of("input")
    request = (
        post(data)
        if data
        else post(b" ").replace(b"Content-Length: 1", b"Transfer-Encoding: chunked")[:-1] + b"1\r\n \r\n0\r\n\r\n"
    )
    client = edge.client(request)
    got = client.take()
    assert statuses(got) == [status] and code.encode() in got and said in json.loads(body_of(got))["detail"]
    assert SECRET.encode() not in got and not edge.log and not edge.attempts
    edge.end()


@pytest.mark.parametrize(
    ("kind", "field"),
    [
        ("text/plain", "X: y"),
        ("application/json", "Content-Encoding: gzip"),
        ("application/json", "Content-Range: bytes 0-1/2"),
        ("application/json", "Cache-Control: no-transform"),
    ],
)
def test_what_cannot_be_read_or_must_not_be_changed_is_refused(kind: str, field: str) -> None:
    edge = edge_of("input")
    got = edge.client(post(b"{}", kind, field)).take()
    assert statuses(got) == [415] and b"body_type_refused" in got
    edge.end()


def test_a_request_without_a_body_passes() -> None:
    edge = edge_of("input")
    client, service = edge.pair(GET)
    service.feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (f'{{"a": "{SECRET}", }}'.encode(), "it is no JSON: "),
        (b'"missing"', "it has nothing at '/a'"),
        (b'"large"', "it would be too large"),
        (b'"%s"' % (b"x" * 1000), "more than the 1000 bytes"),
        (b"", "it is no JSON"),
    ],
)
def test_an_answer_that_is_none_is_the_fault_of_its_service(data: bytes, said: str) -> None:
    edge = edge_of("output")
    client, service = edge.pair()
    service.feed(
        answer(data)
        if data
        else b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    )
    got = client.take()
    assert statuses(got) == [502] and b"answer_unreadable" in got and SECRET.encode() not in got
    edge.end()


def test_a_coded_answer_cannot_be_read() -> None:
    edge = edge_of("output")
    client, service = edge.pair()
    service.feed(answer(b"{}", "application/json", 200, "Content-Encoding: gzip"))
    assert statuses(client.take()) == [502]
    edge.end()


@pytest.mark.parametrize(("status", "kind"), [(404, "application/json"), (200, "text/plain")])
def test_other_answers_pass(status: int, kind: str) -> None:
    edge = edge_of("output")
    client, service = edge.pair()
    service.feed(answer(b"{ }", kind, status))
    got = client.take()
    assert statuses(got) == [status] and body_of(got) == b"{ }"
    edge.end()


def test_the_maker_is_that_of_a_subclass() -> None:
    with pytest.raises(NotImplementedError):
        JsonTransformer("t", {**OPTIONS, "side": "input"}).make(orjson.loads(b"1"))


@pytest.mark.parametrize("side", ["input", "output"])
@pytest.mark.parametrize(("data", "is_good"), [(b'{"b":      1}', True), (b'"missing"     ', False)])
def test_what_is_large_is_made_elsewhere(side: str, data: bytes, is_good: bool) -> None:
    loop, elsewhere = new_loop(), Elsewhere()
    made = Wrapped("t", {**OPTIONS, "side": side, "inline_bytes": 10}, elsewhere)
    made.start(loop)
    edge = Edge(filters=[made], loop=loop)
    client = edge.client(post(data))
    service = edge.connect() if side == "output" else None
    if service is not None:
        service.feed(answer(data))
    edge.run()
    assert len(elsewhere.jobs) == 1 and edge.plane.body_bytes == len(data)
    other = edge.client(post(data))  # the queue is full
    if service is not None:
        service.feed(answer(data))
    edge.run()
    assert statuses(other.take()) == [503]
    elsewhere.do()
    edge.run()
    if side == "input" and is_good:
        assert json.loads(plain(edge.connect().take())) == {"it": {"b": 1}}
    elif is_good:
        assert json.loads(body_of(client.take())) == {"it": {"b": 1}}
    else:
        assert statuses(client.take()) == [422 if side == "input" else 502]
    made.stop()
    edge.end()
