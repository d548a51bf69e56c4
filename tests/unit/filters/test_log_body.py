"""``log_body``: which bodies are written, and what is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.core.exchange.reply import Reply
from fastgw.filters.log_body import REDACTED, LogBody, redacted
from fastgw.filters.log_file import FILES
from fastgw.testing.edge import Edge, Spy

OPTIONS: dict[str, Any] = {
    "sample": 1.0,
    "only": "all",
    "bodies": "both",
    "max_size": 100,
    "max_open": 2,
    "redact": ("password", "API_key"),
}


class Story:
    """An edge with the filter, and the lines that it wrote."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def edge(self, *more: Any, **options: Any) -> Edge:
        log = LogBody("bodies", {**OPTIONS, "path": str(self._path), **options}, wall=lambda: 1234.5)
        edge = Edge(filters=[log, *more])
        log.start(edge.loop)
        self._log = log
        return edge

    def lines(self, edge: Edge) -> list[dict[str, Any]]:
        self._log.stop()
        edge.end()
        FILES.finish()
        return [json.loads(line) for line in self._path.read_text().splitlines()]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    yield Story(tmp_path / "bodies.log")
    FILES.finish()


def post(data: bytes, kind: bytes = b"application/json", *fields: bytes) -> bytes:
    lines = b"".join(one + b"\r\n" for one in (b"Content-Type: " + kind, *fields))
    return b"POST /a?q=1 HTTP/1.1\r\nHost: a.test\r\n" + lines + b"Content-Length: %d\r\n\r\n" % len(data) + data


def answer(data: bytes, kind: bytes = b"application/json", line: bytes = b"200 OK") -> bytes:
    return b"HTTP/1.1 " + line + b"\r\nContent-Type: " + kind + b"\r\nContent-Length: %d\r\n\r\n" % len(data) + data


def exchanged(edge: Edge, request: bytes, response: bytes) -> None:
    client, service = edge.pair(request)
    assert service.take().endswith(request.partition(b"\r\n\r\n")[2])
    service.feed(response)
    assert client.take().endswith(response.partition(b"\r\n\r\n")[2])


def test_both_bodies_without_their_secrets(story: Story) -> None:
    edge = story.edge()
    exchanged(edge, post(b'{"Password": "x", "list": [{"api_key": {"a": 1}}], "n": 1}'), answer(b'{"ok": true}'))
    (line,) = story.lines(edge)
    assert line == {
        "time": "1970-01-01T00:20:34.500Z",
        "id": "",
        "client": line["client"],
        "method": "POST",
        "path": "/a",
        "status": 200,
        "route": edge.route.name,
        "request": {
            "type": "application/json",
            "size": 58,
            "body": {"Password": REDACTED, "list": [{"api_key": REDACTED}], "n": 1},
        },
        "response": {"type": "application/json", "size": 12, "body": {"ok": True}},
    }


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (post(b"password=x", b"application/x-www-form-urlencoded"), {"omitted": "type"}),
        (post(b"abc", b"application/json", b"Content-Encoding: gzip"), {"omitted": "coded"}),
        (post(b'{"a": "' + b"x" * 100 + b'"}'), {"size": 109, "omitted": "too_large"}),
        (post(b'{"password": "x"'), {"size": 16, "omitted": "no_json"}),
        (post(b"[" * 45 + b"]" * 45), None),
        (post(b"{}", b"application/problem+JSON; charset=utf-8"), {"size": 2, "body": {}}),
    ],
)
def test_what_cannot_be_read_is_not_written(story: Story, request_: bytes, expected: dict[str, Any] | None) -> None:
    edge = story.edge(bodies="requests")
    exchanged(edge, request_, answer(b"{}"))
    (line,) = story.lines(edge)
    told = line["request"]
    told.pop("type")
    assert "response" not in line
    assert told == expected if expected is not None else "body" in told


def test_what_is_too_deep_is_not_written(story: Story) -> None:
    edge = story.edge(max_size=1000)
    exchanged(edge, post(b"[" * 70 + b"]" * 70), answer(b'{"a": ' * 300 + b"1" + b"}" * 300))
    (line,) = story.lines(edge)
    assert line["request"]["omitted"] == "no_json" and line["response"]["omitted"] == "too_large"


def test_events_of_a_stream(story: Story) -> None:
    edge = story.edge()
    stream = b'data: {"delta": "a", "password": "x"}\n\n: still there\n\ndata: [DONE]\n\ndata: no json\n\n'
    exchanged(edge, post(b"{}"), answer(stream, b"text/event-stream"))
    (line,) = story.lines(edge)
    assert line["response"]["events"] == [{"delta": "a", "password": REDACTED}, "[DONE]", {"omitted": "no_json"}]


def test_the_first_events_of_a_long_stream(story: Story) -> None:
    edge = story.edge()
    exchanged(edge, post(b"{}"), answer(b'data: {"n": 1}\r\n\r\n' * 100, b"text/event-stream"))
    (line,) = story.lines(edge)
    assert line["response"] == {
        "type": "text/event-stream",
        "size": 1800,
        "events": [{"n": 1}] * 5,
        "omitted": "too_large",
    }


def test_an_answer_of_our_own(story: Story) -> None:
    edge = story.edge(Spy("own", [], request=lambda exchange: Reply(418, b'{"password": 1}')))
    edge.client(post(b"{}"))
    (line,) = story.lines(edge)
    assert line["status"] == 418
    assert line["response"] == {"type": "application/json", "size": 15, "body": {"password": REDACTED}}


def test_only_what_went_wrong(story: Story) -> None:
    edge = story.edge(only="errors", bodies="responses")
    client, service = edge.pair(post(b"{}"))
    service.feed(answer(b"{}"))
    client.feed(post(b"{}"))
    service.feed(answer(b'{"why": 1}', line=b"500 Oh"))
    (line,) = story.lines(edge)
    assert line["status"] == 500 and "request" not in line and line["response"]["body"] == {"why": 1}


def test_a_body_that_never_was_complete(story: Story) -> None:
    edge = story.edge()
    client, _ = edge.pair(post(b'{"a": 1}')[:-3])
    client.lose()
    (line,) = story.lines(edge)
    assert line["status"] == 499 and line["request"]["cut"] is True and line["request"]["omitted"] == "no_json"


def test_no_more_are_watched_at_one_time_than_allowed(story: Story) -> None:
    edge = story.edge()
    pairs = [edge.pair(post(b'{"n": %d}' % number)) for number in range(3)]
    for _, service in pairs:
        service.feed(answer(b"{}"))
    pairs[0][0].feed(post(b'{"n": 9}'))
    pairs[2][1].feed(answer(b"{}"))
    assert [line["request"]["body"]["n"] for line in story.lines(edge)] == [0, 1, 9]


def test_chance_decides(story: Story) -> None:
    edge = story.edge(sample=0.0)
    exchanged(edge, post(b"{}"), answer(b"{}"))
    assert story.lines(edge) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["a", "b", "Key", "KEY"]), inner, max_size=4)
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_secret_is_left_at_any_depth(value: Any) -> None:
    def values(one: Any) -> Iterator[Any]:
        for key, inner in one.items() if isinstance(one, dict) else enumerate(one) if isinstance(one, list) else ():
            if str(key).lower() == "key" and isinstance(one, dict):
                yield inner
            yield from values(inner)

    assert all(one == REDACTED for one in values(redacted(value, frozenset({"key"}))))
