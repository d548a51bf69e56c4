"""Answers of gRPC become JSON: the status of HTTP waits for the first message or the end, and tells how the call went."""

from __future__ import annotations

import base64
from typing import Any

import orjson
import pytest
from google.protobuf import any_pb2
from google.rpc import status_pb2
from hypothesis import given
from hypothesis import strategies as st

from fastgw.testing.edge import Edge, MockTransport, body_of, head_of, statuses
from fastgw.wire.grpc import CODES, HTTP_STATUSES
from tests.support.bodies import Elsewhere, plain
from tests.support.transcoded import answer, ask, chunk, encoded, end, message, stage, start

WATCH = "GET /v1/books:watch"
ONE = encoded("Book", name="one")
TWO = encoded("Book", name="two")


def told(sent: bytes, line: str = "GET /v1/books/x", *fields: str, **options: Any) -> bytes:
    edge, client, service = pair(line, *fields, **options)
    service.feed(sent)
    out = client.take()
    edge.end()
    return out


def pair(line: str, *fields: str, **options: Any) -> tuple[Edge, MockTransport, MockTransport]:
    edge, _ = stage(**options)
    client = edge.client(ask(line, None, *fields))
    service = edge.connect()
    service.take()
    return edge, client, service


def problem_of(out: bytes, status: int) -> Any:
    assert statuses(out) == [status]
    assert b"content-type: application/problem+json\r\n" in head_of(out)
    return orjson.loads(body_of(out))


@pytest.mark.parametrize("code", range(1, 17))
def test_a_call_that_failed_has_a_status_that_says_so(code: int) -> None:
    found = problem_of(told(answer(status=code, trailers=b"grpc-message: a%20b\r\n")), HTTP_STATUSES[code])
    assert (found["detail"], found["code"], found["grpc_status"]) == ("a b", code, CODES[code])


def test_a_head_may_be_all_of_an_answer() -> None:
    sent = b"HTTP/1.1 200 OK\r\nContent-Type: application/grpc\r\ngrpc-status: 12\r\nContent-Length: 0\r\n\r\n"
    out = told(sent)
    assert problem_of(out, 501)["grpc_status"] == "UNIMPLEMENTED"
    assert b"grpc-status" not in head_of(out)


def test_details_of_known_types_are_json() -> None:
    status = status_pb2.Status(code=5)
    author = message("Author")(name="a")
    status.details.append(
        any_pb2.Any(type_url="type.googleapis.com/library.v1.Author", value=author.SerializeToString())
    )
    trailer = b"grpc-status-details-bin: %b\r\n" % base64.b64encode(status.SerializeToString()).rstrip(b"=")
    found = problem_of(told(answer(status=5, trailers=trailer)), 404)
    assert found["details"] == [{"@type": "type.googleapis.com/library.v1.Author", "name": "a"}]


def test_how_answers_are_written() -> None:
    book = encoded("Book", published_at={"seconds": 1}, color=1, in_print=True)
    options = {"defaults": "print", "enums": "numbers", "names": "proto"}
    found = orjson.loads(body_of(told(answer(book), **options)))
    assert (found["color"], found["in_print"], found["title"], found["ids"]) == (1, True, "", [])
    assert found["published_at"] == "1970-01-01T00:00:01Z"


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        (answer(), "it has 0 messages where one was expected"),
        (answer(ONE, TWO), "it has 2 messages where one was expected"),
        (answer(ONE[:-1]), "it has 0 messages"),
        (answer(b"\1" + ONE[1:]), "a message that is compressed"),
        (answer(b"\0\0\0\0\2\xff\xff"), "a message that is no library.v1.Book"),
        (start() + chunk(ONE) + b"0\r\n\r\n", "it ended without a grpc-status"),
        (answer(encoded("Book", blob={"type_url": "x/no.Such"})), "that JSON has nothing for"),
    ],
)
def test_answers_that_cannot_be_read(sent: bytes, detail: str) -> None:
    found = problem_of(told(sent), 502)
    assert found["type"] == "urn:fastgw:error:answer_unreadable"
    assert detail in found["detail"]


def test_answers_have_a_bound() -> None:
    found = problem_of(told(answer(encoded("Book", title="x" * 10_000))), 502)
    assert found["type"] == "urn:fastgw:error:answer_too_large"


@pytest.mark.parametrize(
    ("sent", "came"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", "status 200 and text/html"),
        (b"HTTP/1.1 503 No\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", "status 503 and text/html"),
        (b"HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n", "status 404 and no Content-Type"),
        (b"HTTP/1.1 204 No\r\n\r\n", "status 204 and no Content-Type"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nCache-Control: no-transform\r\nContent-Length: 2\r\n\r\n{}", "a/b"),
        (b"HTTP/1.1 500 No\r\nContent-Type: application/grpc\r\nContent-Length: 6\r\n\r\n<html>", "status 500"),
        (b"HTTP/1.1 206 Of\r\nContent-Type: text/html\r\nContent-Length: 6\r\n\r\n<html>", "status 206"),
    ],
)  # fmt: skip
def test_what_is_no_grpc_is_told(sent: bytes, came: str) -> None:
    found = problem_of(told(sent), 502)
    assert found["type"] == "urn:fastgw:error:not_grpc"
    assert came in found["detail"]


def test_an_endless_page_is_not_awaited() -> None:
    edge, client, service = pair("GET /v1/books/x")
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + b"<html>" * 100)
    assert problem_of(client.take(), 502)
    assert service.is_closing()
    edge.end()


def test_what_the_gateway_answers_itself_passes() -> None:
    edge, _ = stage()
    client = edge.client(ask("GET /v1/books/x"))
    edge.refuse()
    assert statuses(client.take()) == [502]
    edge.end()


def test_bytes_are_what_they_are() -> None:
    line = "POST /library.v1.Library/PutCover"
    body = encoded("Book")  # an empty HttpBody is as an empty message
    out = told(answer(body), line)
    assert b"content-type: application/octet-stream\r\n" in head_of(out) and body_of(out) == b""
    jpeg = b"\n\nimage/jpeg\x12\2\xff\xd8"
    out = told(answer(b"\0\0\0\0" + bytes([len(jpeg)]) + jpeg), line)
    assert b"content-type: image/jpeg\r\n" in head_of(out) and body_of(out) == b"\xff\xd8"
    out = told(answer(*[b"\0\0\0\0" + bytes([len(jpeg)]) + jpeg] * 2), "GET /v1/text/x")
    assert b"content-type: image/jpeg\r\n" in head_of(out) and body_of(out) == b"\xff\xd8\xff\xd8"
    assert b"content-type: application/octet-stream\r\n" in head_of(told(answer(), "GET /v1/text/x"))


# --- streams


@pytest.mark.parametrize(
    ("accept", "kind", "first", "second", "last"),
    [
        ("text/event-stream", "text/event-stream", b'data: {"name":"one"}\n\n', b'data: {"name":"two"}\n\n', b""),
        ("application/x-ndjson", "application/x-ndjson", b'{"name":"one"}\n', b'{"name":"two"}\n', b""),
        ("application/json", "application/json", b'[{"name":"one"}', b',{"name":"two"}', b"]"),
        ("*/*", "application/x-ndjson", b'{"name":"one"}\n', b'{"name":"two"}\n', b""),
    ],
)
def test_each_message_is_written_when_it_comes(
    accept: str, kind: str, first: bytes, second: bytes, last: bytes
) -> None:
    edge, client, service = pair(WATCH, f"Accept: {accept}")
    service.feed(start())
    assert client.take() == b""
    service.feed(chunk(ONE[:7]))
    assert client.take() == b""
    service.feed(chunk(ONE[7:]))
    out = client.take()
    assert statuses(out) == [200] and f"content-type: {kind}\r\n".encode() in head_of(out)
    assert body_of(out) == chunk(first)
    service.feed(chunk(TWO))
    assert client.take() == chunk(second)
    service.feed(end())
    assert client.take() == (chunk(last) if last else b"") + b"0\r\n\r\n"
    edge.end()


@pytest.mark.parametrize("accept", ["text/event-stream", "application/x-ndjson", "application/json"])
def test_a_stream_that_fails_at_once_has_a_status_that_says_so(accept: str) -> None:
    edge, client, service = pair(WATCH, f"Accept: {accept}")
    service.feed(start())
    service.feed(end(5))
    assert problem_of(client.take(), 404)["grpc_status"] == "NOT_FOUND"
    edge.end()


@pytest.mark.parametrize(
    ("accept", "expected"), [("text/event-stream", b""), ("application/x-ndjson", b""), ("application/json", b"[]")]
)
def test_a_stream_without_messages(accept: str, expected: bytes) -> None:
    out = told(answer(), WATCH, f"Accept: {accept}")
    assert statuses(out) == [200] and body_of(out) == expected
    assert f"content-type: {accept}\r\n".encode() in head_of(out)


@pytest.mark.parametrize(
    ("accept", "before", "behind"),
    [("text/event-stream", b"event: error\ndata: ", b"\n\n"), ("application/x-ndjson", b'{"error":', b"}\n")],
)
def test_a_stream_that_fails_later_says_so_in_it(accept: str, before: bytes, behind: bytes) -> None:
    edge, client, service = pair(WATCH, f"Accept: {accept}")
    service.feed(start() + chunk(ONE))
    client.take()
    service.feed(end(13, b"grpc-message: late\r\n"))
    out = plain(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n" + client.take())
    found = orjson.loads(out.removeprefix(before).removesuffix(behind))
    assert (found["code"], found["detail"]) == (13, "late")
    edge.end()


@pytest.mark.parametrize("last", [end(13), b"0\r\n\r\n", chunk(b"\0\0\0\0\2\xff\xff"), chunk(b"\0\0\0") + end()])
def test_a_list_that_is_not_whole_is_broken_off(last: bytes) -> None:
    edge, client, service = pair(WATCH, "Accept: application/json")
    service.feed(start() + chunk(ONE))
    client.take()
    service.feed(last)
    assert b"0\r\n\r\n" not in client.take()
    assert client.is_closing()
    edge.end()


def test_what_is_large_is_read_elsewhere() -> None:
    elsewhere = Elsewhere()
    edge, client, service = pair("GET /v1/books/x", submit=elsewhere, inline_bytes=5)
    service.feed(answer(ONE))
    assert client.take() == b""
    edge.run()
    elsewhere.do()
    edge.run()
    assert body_of(client.take()) == b'{"name":"one"}'
    edge.end()


@given(
    st.lists(
        st.sampled_from([ONE, TWO, ONE[:6], b"\0", b"\0\0\0\0\2\xff\xff", b"\1\0\0\0\0", b"\xff" * 9]), max_size=4
    ),
    st.booleans(),
)
def test_whatever_a_service_says_nothing_breaks(pieces: list[bytes], is_stream: bool) -> None:
    edge, client, service = pair(WATCH if is_stream else "GET /v1/books/x")
    service.feed(start())
    for piece in pieces:
        if not service.is_closing():
            service.feed(chunk(piece))
    if not service.is_closing():
        service.feed(end())
    assert statuses(client.take())[0] in (200, 500, 502)
    assert not edge.events("a filter failed")
    edge.end()
