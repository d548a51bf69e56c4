"""``record``: what is written of requests, and what never is."""

from __future__ import annotations

import base64
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fastgw.core.snapshot.chain import Chain
from fastgw.filters.log_file import FILES
from fastgw.filters.record import HASHED, record
from fastgw.filters.rewrite import Rewrite
from fastgw.rehearsal.captures import read_line
from fastgw.testing.edge import Edge, Spy

OPTIONS: dict[str, Any] = {
    "rotate": (("size", 1 << 20), ("keep", 1)),
    "sample": 1.0,
    "fields": ("content-type",),
    "query": ("page",),
    "body": "none",
    "max_body": 64,
    "secret": "",
    "max_open": 3,
}
SECRETS = (b"Bearer tok-hunter2", b"sid=hunter3", b"hunter4", b"hunter5", b"hunter6")
REQUEST = (
    b"POST /a/b?page=2&key=hunter4&hunter5 HTTP/1.1\r\nHost: a.test:80\r\nAuthorization: Bearer tok-hunter2\r\n"
    b"Cookie: sid=hunter3\r\nContent-Type: text/plain\r\nContent-Length: 7\r\n\r\nhunter6"
)
ANSWER = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"


class Story:
    """An edge with the filter, and the lines that it wrote."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def edge(self, *more: Any, **options: Any) -> Edge:
        self._filter = record("capture", {**OPTIONS, "path": str(self.path), **options})
        edge = Edge(filters=[self._filter, *more])
        self._filter.start(edge.loop)
        return edge

    def lines(self, edge: Edge) -> list[dict[str, Any]]:
        self._filter.stop()
        edge.end()
        FILES.finish()
        found = self.path.read_bytes().splitlines(keepends=True)
        for line in found:
            read_line(line)  # what is written can be read
        return [json.loads(line) for line in found]


@pytest.fixture
def story(tmp_path: Path) -> Iterator[Story]:
    yield Story(tmp_path / "capture.log")
    FILES.finish()


def exchanged(edge: Edge, request: bytes = REQUEST) -> None:
    client, service = edge.pair(request)
    service.take()
    service.feed(ANSWER)
    assert client.take().endswith(b"ok")


def test_a_request_is_written_with_what_became_of_it(story: Story) -> None:
    edge = story.edge()
    exchanged(edge)
    [line] = story.lines(edge)
    assert line | {"id": "", "ms": 0, "at": ""} == {
        "v": 1, "at": "", "id": "", "listener": line["listener"], "scheme": "http", "method": "POST",
        "target": line["target"], "host": "a.test:80", "fields": line["fields"], "body": {"size": 7},
        "route": line["route"], "service": line["service"], "status": 200, "ms": 0, "sent": line["sent"],
    }  # fmt: skip
    assert line["target"].startswith(f"/a/b?page=2&key={HASHED}") and line["route"] and line["service"]
    assert dict(line["fields"])["content-type"] == "text/plain"


@pytest.mark.parametrize("before", [0, 1])
def test_the_path_is_that_of_the_client_for_whoever_asks_it_again(story: Story, before: int) -> None:
    kept = record("capture", {**OPTIONS, "path": str(story.path)})
    story._filter = kept
    edge = Edge(filters=[Rewrite("moved", {"add_prefix": "/v2"}), kept], before=before)
    kept.start(edge.loop)
    exchanged(edge)
    [line] = story.lines(edge)
    assert line["target"].startswith("/a/b?")


@pytest.mark.parametrize("body", ["none", "hash"])
def test_no_secret_is_written(story: Story, body: str) -> None:
    edge = story.edge(body=body)
    exchanged(edge)
    story.lines(edge)
    for secret in SECRETS:
        assert secret not in story.path.read_bytes()
    assert os.stat(story.path).st_mode & 0o777 == 0o600


def test_equal_values_have_equal_hashes_of_a_key_that_nobody_knows(tmp_path: Path) -> None:
    found = []
    for number, secret in enumerate(("", "", "s", "s")):
        story = Story(tmp_path / f"{number}.log")
        edge = story.edge(secret=secret, body="hash")
        exchanged(edge)
        exchanged(edge)
        one, other = story.lines(edge)
        assert (one["fields"], one["target"], one["body"]) == (other["fields"], other["target"], other["body"])
        found.append(dict(one["fields"])["authorization"])
    assert len(set(found)) == 3 and found[2] == found[3]


def test_bodies_are_hashed_or_kept_up_to_a_bound(story: Story) -> None:
    edge = story.edge(body="whole")
    exchanged(edge)
    exchanged(edge, REQUEST.replace(b"Length: 7", b"Length: 100").replace(b"hunter6", b"x" * 100))
    short, long = story.lines(edge)
    assert base64.b64decode(short["body"]["data"]) == b"hunter6"
    assert long["body"]["size"] == 100 and long["body"]["hash"].startswith(HASHED)


def test_where_nothing_is_recorded_there_is_no_hook() -> None:
    chain = Chain([record("capture", {**OPTIONS, "path": "/nowhere/x", "sample": 0.0, "body": "whole"})])
    assert not chain.request and not chain.request_body and not any(chain.done)


def test_one_that_is_not_taken_leaves_nothing(story: Story) -> None:
    edge = story.edge(sample=1e-9, body="whole")
    exchanged(edge)
    assert story.lines(edge) == []


def test_a_bound_of_open_ones_is_kept(story: Story) -> None:
    edge = story.edge(max_open=1)
    pairs = [edge.pair(REQUEST) for _ in range(2)]
    for _, service in pairs:
        service.feed(ANSWER)
    assert len(story.lines(edge)) == 1


def test_what_a_filter_behind_changes_is_written_as_it_came(story: Story) -> None:
    edge = story.edge(Spy("spy", [], request=lambda exchange: exchange.request.set_header(b"content-type", b"a/b")))
    exchanged(edge)
    [line] = story.lines(edge)
    assert dict(line["fields"])["content-type"] == "text/plain"
