"""Errors of services with credentials: what clients are told of them."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

import pytest

from fastgw.core.answer_counters import ERRORS_REDACTED
from fastgw.core.credential_settings import CredentialSettings
from fastgw.core.exchange.fallback import SERVICE, StandIn, mark
from fastgw.core.exchange.redacting import ERROR_MAX
from fastgw.core.exchange.streams import StreamFilter
from fastgw.core.settings import StreamSettings
from fastgw.policy.fallback import CAUSES
from fastgw.testing import usual
from fastgw.testing.edge import GET, OK, Edge, body_of, head_of, statuses
from fastgw.wire.http2 import frames
from fastgw.wire.http2.encoder import FieldEncoder
from fastgw.wire.http2.frame_kinds import DATA, END_STREAM
from tests.support.http2_service import Behind, RawServer
from tests.support.model_streams import HEAD, chunk

SECRET = "sk-proj-0123456789abcdefWXYZ"
KEY = CredentialSettings("authorization", f"Bearer {SECRET}", redact=True)
TOLD = {"error": {"message": f"no: {SECRET} of org-a1b2c3d4e5", "type": "server_error", "param": None, "code": "x"}}
CLEAN = {"error": {"message": "try again later", "type": "server_error", "param": None, "code": "x"}}


def answer(status: int, body: bytes, *fields: str, kind: str = "application/json", chunked: bool = False) -> bytes:
    lines = "".join(f"{one}\r\n" for one in (f"Content-Type: {kind}", *fields))
    if chunked:
        return (
            f"HTTP/1.1 {status} X\r\n{lines}Transfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n".encode()
            + body
            + b"\r\n0\r\n\r\n"
        )
    return f"HTTP/1.1 {status} X\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def edge_of(**options: Any) -> Edge:
    service = {"credentials": KEY, "attempts": 1, **options.pop("service", {})}
    return Edge(service=service, route={"errors": "openai", **options.pop("route", {})}, **options)


def told(said: bytes, **options: Any) -> tuple[Edge, bytes]:
    edge = edge_of(**options)
    client, service = edge.pair(GET)
    service.feed(said)
    edge.run()
    data = client.take()
    assert SECRET.encode() not in data and b"a1b2c3" not in data
    return edge, data


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("status", [400, 403, 404, 429, 500, 503])
def test_the_message_is_told_without_what_is_not_for_clients(status: int, chunked: bool) -> None:
    body = json.dumps(TOLD).encode()
    edge, data = told(answer(status, body, "X-Request-Id-Of: 1", "Retry-After: 3", chunked=chunked))
    assert statuses(data) == [status] and b"retry-after: 3\r\n" in head_of(data)
    error = json.loads(body_of(data))["error"]
    assert error == {**TOLD["error"], "message": "no: [redacted] of [redacted]"}
    assert edge.of_service(ERRORS_REDACTED) == 1 and edge.answers()[status // 100 - 1] == 1
    edge.end()


def test_what_has_nothing_of_that_passes_as_it_came() -> None:
    body = json.dumps(CLEAN, indent=3).encode()
    edge, data = told(answer(429, body, "ETag: 1"))
    assert body_of(data) == body and b"etag" in head_of(data) and edge.of_service(ERRORS_REDACTED) == 0
    edge.end()


@pytest.mark.parametrize("coding", ["gzip", "deflate", "identity"])
def test_a_coding_is_taken_off(coding: str) -> None:
    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "identity": bytes}[coding]
    edge, data = told(answer(400, packed(json.dumps(TOLD).encode()), f"Content-Encoding: {coding}"))
    assert json.loads(body_of(data))["error"]["code"] == "x" and b"content-encoding" not in head_of(data)
    edge.end()
    body = packed(json.dumps(CLEAN).encode())
    edge, data = told(answer(400, body, f"Content-Encoding: {coding}"))
    assert body_of(data) == body and b"content-encoding" in head_of(data)
    edge.end()


@pytest.mark.parametrize(
    ("body", "fields", "kind"),
    [
        (b"\x00\x01", ("Content-Encoding: br",), "application/json"),
        (b"no gzip", ("Content-Encoding: gzip",), "application/json"),
        (gzip.compress(b" " * (ERROR_MAX + 1)), ("Content-Encoding: gzip",), "text/plain"),
        (b"{" + SECRET.encode(), (), "application/json"),
        (b"[" * 100 + b"]" * 100, (), "application/json"),
        (b"\xff\xfe" + SECRET.encode(), (), "application/octet-stream"),
        (b"<html>" + SECRET.encode(), (), "text/html"),
    ],
    ids=["unknown coding", "broken", "bomb", "no JSON", "deep", "no text", "page"],
)
def test_what_cannot_be_read_is_told_by_its_status(body: bytes, fields: tuple[str, ...], kind: str) -> None:
    edge, data = told(answer(503, body, *fields, kind=kind))
    assert statuses(data) == [503]
    error = json.loads(body_of(data))["error"]
    assert error["code"] == "service_error" and error["message"] == "the service answered with status 503"
    assert edge.of_service(ERRORS_REDACTED) == 1 and b"content-encoding" not in head_of(data)
    edge.end()


def test_one_that_is_too_large_is_told_by_its_status_before_its_end() -> None:
    edge = edge_of()
    client, service = edge.pair(GET)
    said = answer(503, (SECRET.encode() + b" ") * 5000, kind="text/plain")
    service.feed(said[: ERROR_MAX // 2])
    assert client.take() == b""
    service.feed(said[ERROR_MAX // 2 : ERROR_MAX + 1000])
    data = client.take()
    assert statuses(data) == [503] and b"service_error" in data and SECRET.encode() not in data
    assert service.is_closing() and not client.is_closing() and edge.plane.body_bytes == 0
    edge.end()


def test_text_is_told_as_text() -> None:
    edge, data = told(answer(500, f"cannot reach http://vllm-0:8000, {SECRET}".encode(), kind="text/plain"))
    assert body_of(data) == b"cannot reach [redacted], [redacted]"
    edge.end()


def test_whose_account_it_is_no_answer_says() -> None:
    edge, data = told(answer(200, b"{}", "OpenAI-Organization: org-a1b2c3d4e5", "OpenAI-Version: 1"))
    assert b"openai-organization" not in head_of(data) and b"openai-version: 1" in head_of(data)
    assert body_of(data) == b"{}"
    edge.end()


def test_what_answers_instead_is_asked_first() -> None:
    edge = edge_of()
    edge.endpoints.append(edge.endpoint(9001, 1))
    other = usual.service("other", (edge.endpoints[-1],), edge.service.balancer, attempts=1)
    edge.service.fall_back(StandIn(SERVICE, other.standing_in(mark, None), CAUSES, (503,)))
    client, service = edge.pair(GET)
    service.feed(answer(503, json.dumps(TOLD).encode()))
    edge.connect(port=9001).feed(OK)
    assert statuses(client.take()) == [200]
    edge.end()


def test_it_is_asked_again_before_anything_is_told() -> None:
    again = {"on": ("503",), "attempts": 2, "budget": None}
    edge = edge_of(endpoints=2, service=again)
    client, service = edge.pair(GET)
    service.feed(answer(503, json.dumps(TOLD).encode()))
    edge.connect().feed(answer(503, json.dumps(TOLD).encode()))
    data = client.take()
    assert statuses(data) == [503] and SECRET.encode() not in data and b"redacted" in data
    edge.end()


def test_an_error_in_the_first_event_of_a_stream_is_told_in_the_same_way() -> None:
    streams = StreamSettings(first_token_timeout=5.0, event_timeout=0.0, keep_alive=0.0, error_event=True)
    edge = edge_of(service={"streams": streams}, filters=[StreamFilter()])
    client, service = edge.pair(GET)
    service.feed(
        HEAD
        + chunk(b'event: error\ndata: {"error": {"type": "server_error", "message": "no %b"}}\n\n' % SECRET.encode())
    )
    edge.run()
    data = client.take()
    assert statuses(data) == [500] and b"no [redacted]" in data and SECRET.encode() not in data
    edge.end()


def test_it_can_be_switched_off() -> None:
    edge = edge_of(service={"credentials": KEY._replace(redact=False)})
    client, service = edge.pair(GET)
    body = json.dumps(TOLD).encode()
    service.feed(answer(400, body))
    assert body_of(client.take()) == body
    edge.end()


@pytest.mark.parametrize("is_large", [False, True])
def test_over_http2_too(is_large: bool) -> None:
    edge = Behind(service={"credentials": KEY, "attempts": 1}, route={"errors": "openai"})
    client = edge.client(GET)
    server = RawServer(edge)
    body = json.dumps(TOLD).encode()
    server.send(frames.headers(1, FieldEncoder().response(429, b"content-type: application/json\r\n"), False))
    for at in range(0, len(body), 40):
        server.send(frames.frame(DATA, 0, 1, body[at : at + 40]))
    assert client.take() == b""
    if is_large:
        for _ in range(5):
            server.send(frames.frame(DATA, 0, 1, b" " * 16_000))
    else:
        server.send(frames.frame(DATA, END_STREAM, 1, b""))
    data = client.take()
    assert statuses(data) == [429] and SECRET.encode() not in data
    assert (b"service_error" in data) == is_large and (b"[redacted]" in data) != is_large
    edge.end()
