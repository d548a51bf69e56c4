"""Answers to requests for models that are none."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.answer_counters import ANSWERS_MISFIT
from fastgw.core.exchange.answer_types import CONTENT_TYPE, TRUNCATED, WHOLE_MAX
from fastgw.core.exchange.streams import StreamFilter
from fastgw.testing.edge import body_of, statuses
from tests.support.models import ModelEdge, post

PAGE = b"<html>Please sign in</html>"
JSON = b'{"choices": []}'
CHAT = "/v1/chat/completions"


def answer(kind: str, body: bytes = PAGE, status: int = 200, length: bool = True) -> bytes:
    said = f"Content-Type: {kind}\r\n" if kind else ""
    framing = f"Content-Length: {len(body)}\r\n" if length else ""
    return f"HTTP/1.1 {status} X\r\n{said}{framing}\r\n".encode() + body


def asked(said: bytes, path: str = CHAT, kind: str = "application/json", **options: Any) -> tuple[ModelEdge, bytes]:
    """What the client gets for it."""
    edge = ModelEdge(filters=[StreamFilter()], **options)
    client = edge.client(post(b'{"model": "small"}', path, kind))
    edge.connect(port=9001).feed(said)
    edge.run()
    return edge, client.take()


@pytest.mark.parametrize(
    ("path", "place"), [(CHAT, "code"), ("/v1/messages", "type"), ("/api/chat", ""), ("/v1/embeddings", "code")]
)
def test_a_page_is_502_in_the_shape_that_was_asked_for(path: str, place: str) -> None:
    edge, data = asked(answer("Text/HTML; charset=utf-8"), path)
    assert statuses(data) == [502] and b"sign in" not in data
    error = json.loads(body_of(data))["error"]
    found = {"code": "bad_answer", "type": "api_error", "": "the service answered with text/html"}[place]
    assert (error[place] if place else error).startswith(found)
    assert edge.of_service(ANSWERS_MISFIT + CONTENT_TYPE) == 1
    edge.end()


def test_the_try_has_failed_and_its_connection_is_closed() -> None:
    edge = ModelEdge()
    client = edge.client(post(b'{"model": "small"}'))
    service = edge.connect(port=9001)
    service.feed(answer("text/html"))
    assert statuses(client.take()) == [502] and service.is_closing() and not client.is_closing()
    assert edge.of_endpoint(counters.ENDPOINT_FAILURES, 1) == 1 and sum(edge.answers()) == 0
    assert edge.of_service(counters.SERVICE_UNANSWERED) == 1
    edge.end()


def test_another_model_answers_where_there_is_a_fallback() -> None:
    edge = ModelEdge({"gpt-oss": "a", "small": "b"}, fallback={"gpt-oss": ["small"]})
    client = edge.client(post(b'{"model": "gpt-oss"}'))
    edge.connect(port=9000).feed(answer("text/html"))
    edge.connect(port=9001).feed(answer("application/json", JSON))
    data = client.take()
    assert statuses(data) == [200] and body_of(data) == JSON
    edge.end()


@pytest.mark.parametrize(
    ("path", "kind", "passes"),
    [
        (CHAT, "", True),
        (CHAT, "application/json", True),
        (CHAT, "application/json; charset=utf-8", True),
        (CHAT, "application/vnd.x+json", True),
        (CHAT, "text/event-stream", True),
        ("/api/chat", "application/x-ndjson", True),
        (CHAT, "text/plain", False),
        (CHAT, "audio/mpeg", False),
        ("/v1/messages/count_tokens", "text/plain", False),
        ("/v1/responses", "application/octet-stream", False),
        ("/v1/embeddings", "application/octet-stream", True),
        ("/v1/audio/speech", "audio/mpeg", True),
        ("/v1/audio/speech", "text/html", False),
        ("/v1/audio/transcriptions", "text/plain", True),
        ("/v1/audio/transcriptions", "application/x-subrip", True),
        ("/v1/images/generations", "image/png", True),
        ("/v1/images/generations", "application/xhtml+xml", False),
    ],
)
def test_which_paths_may_answer_what(path: str, kind: str, passes: bool) -> None:
    edge, data = asked(answer(kind, JSON), path)
    assert statuses(data) == [200 if passes else 502]
    edge.end()


@pytest.mark.parametrize("status", [302, 404, 429, 500])
def test_errors_pass_as_they_came(status: int) -> None:
    edge, data = asked(answer("text/html", status=status))
    assert (statuses(data), body_of(data)) == ([status], PAGE)
    edge.end()


def test_what_asks_for_no_model_may_be_answered_with_a_page() -> None:
    edge = ModelEdge({"small": "b"}, has_rest=True)
    client = edge.client(b"GET /docs HTTP/1.1\r\nHost: a\r\n\r\n")
    edge.connect(port=9002).feed(answer("text/html"))
    assert body_of(client.take()) == PAGE
    edge.end()


def test_an_answer_without_a_body_is_no_page() -> None:
    edge, data = asked(b"HTTP/1.1 204 X\r\nContent-Type: text/html\r\n\r\n")
    assert statuses(data) == [204]
    edge.end()


# --- JSON that ends with its connection


def ended(parts: list[bytes], kind: str = "application/json", **options: Any) -> tuple[ModelEdge, bytes]:
    edge = ModelEdge(**options)
    client = edge.client(post(b'{"model": "small"}'))
    service = edge.connect(port=9001)
    service.feed(answer(kind, b"", length=False))
    for part in parts:
        service.feed(part)
    assert not client.take() or sum(map(len, parts)) > WHOLE_MAX
    service.feed_eof()
    edge.run()
    return edge, client.take()


@pytest.mark.parametrize("cut", range(len(JSON)))
def test_it_is_whole_or_an_error(cut: int) -> None:
    edge, data = ended([JSON[:cut]] if cut else [])
    assert statuses(data) == [502] and b"choices" not in data
    assert edge.of_service(ANSWERS_MISFIT + TRUNCATED) == 1 and edge.of_endpoint(counters.ENDPOINT_FAILURES, 1) == 1
    edge.end()
    edge, data = ended([JSON[:cut], JSON[cut:]] if cut else [JSON])
    assert statuses(data) == [200] and data.endswith(JSON) and edge.answers()[1] == 1
    edge.end()


def test_one_that_is_compressed_cannot_be_looked_at() -> None:
    edge = ModelEdge()
    client = edge.client(post(b'{"model": "small"}'))
    service = edge.connect(port=9001)
    service.feed(answer("application/json\r\nContent-Encoding: gzip", b"\x1f\x8b", length=False))
    assert statuses(client.take()) == [200]
    service.feed_eof()
    edge.end()


def test_a_large_one_passes_as_it_comes() -> None:
    edge = ModelEdge()
    client = edge.client(post(b'{"model": "small"}'))
    service = edge.connect(port=9001)
    service.feed(answer("application/json", b'"' + b"x" * WHOLE_MAX, length=False))
    assert statuses(client.take()[:200]) == [200]
    service.feed(b"y")
    assert b"y" in client.take()
    service.feed_eof()
    edge.end()


def test_where_it_breaks_off_another_model_answers() -> None:
    edge = ModelEdge({"gpt-oss": "a", "small": "b"}, fallback={"gpt-oss": ["small"]})
    client = edge.client(post(b'{"model": "gpt-oss"}'))
    service = edge.connect(port=9000)
    service.feed(answer("application/json", JSON[:4], length=False))
    service.feed_eof()
    edge.connect(port=9001).feed(answer("application/json", JSON))
    assert body_of(client.take()) == JSON
    edge.end()


def test_over_http2_the_end_is_said_so_nothing_is_held() -> None:
    """Its pools pass on no chunks of HTTP/1."""
    edge = ModelEdge()
    edge.endpoints[1].pool.takes_chunks = False
    client = edge.client(post(b'{"model": "small"}'))
    service = edge.connect(port=9001)
    service.feed(answer("application/json", JSON[:4], length=False))
    assert JSON[:4] in client.take()
    service.feed_eof()
    edge.end()
