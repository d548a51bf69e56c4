"""Requests that were recorded, tried by the code that serves: what a service is asked for, and what a client gets."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given as given_by
from hypothesis import strategies as st

from fastgw.rehearsal.captures import RecordedRequest, read_line
from fastgw.rehearsal.stage import FILLER_MAX, Stage, in_bytes
from tests.unit.config.files import read

TEXT = """
listeners: [{name: edge, address: "127.0.0.1:18080"}]
chain: [cors]
filters:
  cors: {type: cors, origins: ["https://a.test"], refuse_others: true}
  team: {type: headers, request: {set: {x-team: blue}}, response: {set: {x-out: "1"}}}
  guard: {type: guardrails, max_tokens: 10}
routes:
  - {name: a, path: /a/*, service: one, filters: [team], methods: [GET, POST], max_body: 1KiB}
  - {name: chat, path: /v1/*, service: one, filters: [guard]}
  - {name: big, path: /big, service: one, max_body: 1GiB}
  - name: select
    path: /s
    service: one
    transformers: {input: [{name: json/select, pick: /a}]}
services: {one: {endpoints: ["a.test:80"]}}
"""

JSON = [["content-type", "application/json"]]


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    made = Stage(read(tmp_path, TEXT))
    yield made
    made.close()


def request(**changed: Any) -> RecordedRequest:
    given = {"v": 1, "target": "/a/x?k=#12", "host": "a.test", "status": 200, "fields": [["accept", "*/*"]]}
    return read_line(json.dumps(given | changed).encode() + b"\n")


def whole(data: bytes) -> dict[str, Any]:
    return {"size": len(data), "data": base64.b64encode(data).decode()}


def test_what_filters_make_of_both_sides(stage: Stage) -> None:
    found = stage.tried(request(status=201), "edge", "a")
    assert found is not None and (found.status, found.code, found.path) == (201, "", b"/a/x")
    assert found.asked == {"accept": b"*/*", "x-team": b"blue"} and found.answered["x-out"] == b"1"


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"target": "/none"}, 404, "no_route"),
        ({"method": "DELETE"}, 405, "method_not_allowed"),
        ({"method": "POST", "body": {"size": 2000}}, 413, "content_too_large"),
        ({"method": "POST", "body": whole(b"x" * 2000)}, 413, "content_too_large"),
        ({"method": "POST", "body": {"size": 1 << 40}}, 413, "content_too_large"),
        ({"fields": [["origin", "https://b.test"]]}, 403, "origin_denied"),
        ({"target": "/" + "x" * 16_000}, 414, ""),  # before any filter
        ({"target": "/s", "method": "POST", "body": whole(b"{"), "fields": JSON}, 400, None),
    ],
)
def test_what_is_refused(stage: Stage, changed: dict[str, Any], status: int, code: str | None) -> None:
    found = stage.tried(request(**changed), "edge", "select" if changed.get("target") == "/s" else "a")
    assert found is not None and found.is_refusal, found
    assert found.status // 100 == 4 if code is None else (found.status, found.code) == (status, code)
    assert stage.tried(request(), "edge", "a") is not None  # and the next one is none the worse


def test_what_a_service_is_sent_is_told_apart(stage: Stage) -> None:
    asked = {"target": "/v1/chat/completions", "method": "POST", "fields": JSON}
    few, many = (
        stage.tried(
            request(**asked, body=whole(b'{"model":"m","max_tokens":%d,"messages":[]}' % number)), "edge", "chat"
        )
        for number in (10, 99)
    )
    assert few is not None and many is not None and few.body == many.body
    other = stage.tried(request(**asked, body=whole(b'{"model":"m","messages":[1]}')), "edge", "chat")
    assert other is not None and other.body != few.body


@pytest.mark.parametrize("size", [1, 200_000, FILLER_MAX, FILLER_MAX + 1, 900_000_000])
def test_a_body_that_nobody_knows_is_as_long_as_it_was(stage: Stage, size: int) -> None:
    found = stage.tried(request(target="/big", method="POST", body={"size": size}), "edge", "big")
    assert found is not None and (found.status, found.path) == (200, b"/big")
    assert found.asked["content-length"] == b"%d" % size


def test_what_answers_become_of_is_not_told_where_it_needs_their_bodies(stage: Stage) -> None:
    found = stage.tried(
        request(target="/s", method="POST", body=whole(b'{"a":{"b":1}}'), fields=JSON), "edge", "select"
    )
    assert found is not None and (found.status, found.path) == (0, b"/s")


@pytest.mark.parametrize(
    "changed", [{"method": "G T"}, {"target": "/\x1b[2J"}, {"host": "a\r\nx: y"}, {"host": ""}, {"target": "/ä"}]
)
def test_what_is_no_request_is_not_tried(stage: Stage, changed: dict[str, Any]) -> None:
    assert stage.tried(request(**changed), "edge", "a") is None


def test_a_failure_of_the_service_before_is_none_now(stage: Stage) -> None:
    for status, code in ((503, ""), (0, ""), (101, ""), (404, "no_route")):
        found = stage.tried(request(status=status, code=code), "edge", "a")
        assert found is not None and found.status == 200
    found = stage.tried(request(status=404), "edge", "a")
    assert found is not None and found.status == 404 and not found.is_refusal


_TEXT = st.text(max_size=20)


@given_by(_TEXT, _TEXT, _TEXT, st.lists(st.tuples(_TEXT, _TEXT), max_size=4), st.integers() | _TEXT)
def test_a_head_is_one_head_whatever_is_recorded(
    method: str, target: str, host: str, fields: list[tuple[str, str]], size: Any
) -> None:
    made = request(
        method=method, target="/" + target, host=host, fields=[list(one) for one in fields], body={"size": size}
    )
    head, _, _ = in_bytes(made)
    if head:
        lines = head.split(b"\r\n")
        assert head.count(b"\r\n\r\n") == 1 and head.endswith(b"\r\n\r\n") and head.count(b"\n") == len(lines) - 1
        assert head.count(b"\0") == 0 and len(lines[0].split(b" ")) == 3
