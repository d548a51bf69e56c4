"""Static files: what is served, what is not, and how."""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote_from_bytes

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fastgw.adapters import files as module
from fastgw.adapters.files import content_type, local_path, read_cached
from fastgw.core import counters
from fastgw.testing.edge import Edge, Spy, body_of, head_of, statuses
from fastgw.testing.service import request
from tests.support.examples import examples
from tests.unit.adapters.files_stage import BIG, files, finish
from tests.unit.adapters.stage import ask
from tests.unit.adapters.tree import SECRET, SERVED, plant


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = plant(tmp_path)
    (root / "big").write_bytes(BIG)
    return root


def reason(edge: Edge, seen: list[Any]) -> str:
    return str(seen[-1].reason)


@pytest.mark.parametrize(("name", "content"), SERVED.items())
def test_what_is_there_is_sent(root: Path, name: bytes, content: bytes) -> None:
    edge = files(root)
    data = ask(edge, f"/{name.decode()}")
    assert statuses(data) == [200] and body_of(data) == content
    assert f"content-length: {len(content)}\r\n".encode() in head_of(data)
    finish(edge)


ABSENT = [
    "missing", "sub/missing", ".hidden", ".git/config", "sub/.env", "link", "relative", "inside", "folder/secret", "folder/", "sub/loop",
    "proc/etc/passwd", "fifo", "sub%2Findex.html", "a.txt/", "sub//index.html", "//a.txt", "%2Ehidden", "%252e%252e/secret", "%0Aa.txt",
    "a.txt%7F", "..%2Fsecret", "..%5Csecret", "x" * 300, "sub/deep/", "sub/deep",
]  # fmt: skip


@pytest.mark.parametrize("name", ABSENT)
def test_what_is_not_served_is_not_there(root: Path, name: str) -> None:
    edge = files(root)
    data = ask(edge, f"/{name}")
    assert statuses(data) == [404] and b"no_file" in data and SECRET not in data
    finish(edge)


@pytest.mark.parametrize("name", ["../secret", "sub/../../secret", "%2e%2e/secret", "a%00.txt"])
def test_what_is_no_path_is_not_even_looked_for(root: Path, name: str) -> None:
    edge = files(root)
    assert statuses(ask(edge, f"/{name}")) == [400]
    finish(edge)


STEPS = st.sampled_from(
    [
        b"",
        b".",
        b"..",
        b".git",
        b"sub",
        b"deep",
        b"folder",
        b"link",
        b"inside",
        b"proc",
        b"secret",
        b"fifo",
        b"a.txt",
        b"index.html",
    ]
)
SEPARATORS = st.sampled_from([b"/", b"//", b"%2f", b"%2F", b"%5c", b"/./", b"/../", b"%00", b"%"])


@st.composite
def paths(draw: Callable[..., Any]) -> bytes:
    steps = draw(
        st.lists(STEPS | st.binary(max_size=6).map(lambda one: quote_from_bytes(one).encode()), min_size=1, max_size=6)
    )
    return b"".join(step + draw(SEPARATORS) for step in steps[:-1]) + bytes(steps[-1])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=examples(300), deadline=None)
@given(path=paths())
def test_no_path_is_answered_with_anything_but_a_file_of_the_root(root: Path, path: bytes) -> None:
    edge = files(root)
    client = edge.client(b"GET /" + path + b" HTTP/1.1\r\nHost: a.test\r\n\r\n")
    data = client.take()
    assert SECRET not in data
    if statuses(data) == [200]:
        assert body_of(data) in (*SERVED.values(), BIG)
    else:
        assert statuses(data)[0] in (301, 400, 404)
    edge.end()


@given(st.binary(max_size=40))
def test_names_are_decoded_once_and_strictly(rest: bytes) -> None:
    found = local_path(rest)
    if found is not None:
        names = found.split(b"/")
        assert b"\0" not in found and not any(name.startswith(b".") for name in names)
        assert all(names[:-1]) and len(names) == rest.count(b"/") + 1


@pytest.mark.parametrize(
    ("path", "asked"),
    [("/static/*", "/static/a.txt"), ("/a.txt", "/a.txt"), ("/{x}/*", "/whatever/a.txt")],
)
def test_what_the_star_takes_is_beneath_the_root(root: Path, path: str, asked: str) -> None:
    edge = files(root, path)
    assert body_of(ask(edge, asked)) == b"0123456789"
    finish(edge)


def test_a_directory_without_its_slash_is_sent_there(root: Path) -> None:
    edge = files(root, "/*")
    data = ask(edge, "/sub?q=1")
    assert statuses(data) == [301] and b"location: /sub/?q=1\r\n" in head_of(data)
    finish(edge)


def test_no_directory_leads_to_another_host(root: Path) -> None:
    edge = files(root)
    assert statuses(ask(edge, "//sub")) == [404]
    rewritten = Spy("spy", [], request=lambda exchange: exchange.request.rewrite(b"/sub"))
    other = files(root, filters=[rewritten])
    assert b"location: /evil.example/\r\n" in head_of(ask(other, "//evil.example"))
    finish(edge)
    finish(other)


def test_without_an_index_a_directory_is_nothing(root: Path) -> None:
    edge = files(root, index="")
    assert [statuses(ask(edge, path)) for path in ("/", "/sub/", "/sub")] == [[404], [404], [404]]
    finish(edge)


def test_head_and_fields(root: Path) -> None:
    edge = files(root, cache="max-age=60")
    os.utime(root / "a.txt", (784111777, 784111777))
    data = ask(edge, "/a.txt", "HEAD")
    head = head_of(data)
    assert statuses(data) == [200] and body_of(data) == b""
    for line in (
        b"content-type: text/plain; charset=utf-8",
        b"content-length: 10",
        b"last-modified: sun, 06 nov 1994 08:49:37 gmt",
        b"accept-ranges: bytes",
        b"cache-control: max-age=60",
        b"x-content-type-options: nosniff",
    ):
        assert line + b"\r\n" in head
    finish(edge)


@pytest.mark.parametrize("seconds", [-5.0, 1e12])
def test_a_time_that_no_date_can_say(root: Path, monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    about = os.stat(root / "a.txt")
    parts = list(about)
    parts[8] = int(seconds)
    assert 0 <= module.changed_at(os.stat_result(parts)) <= 253402300799


def tag_of(data: bytes) -> str:
    return re.findall(rb'etag: ("[^"]+")\r\n', head_of(data))[0].decode()


def test_whoever_has_it_gets_304_until_it_changes(root: Path) -> None:
    edge = files(root)
    first = ask(edge, "/a.txt")
    data = ask(edge, "/a.txt", "GET", f"If-None-Match: {tag_of(first)}")
    assert statuses(data) == [304] and body_of(data) == b"" and tag_of(data) == tag_of(first)
    assert b"last-modified" in head_of(data) and b"content-length" not in head_of(data)
    changed = re.findall(rb"last-modified: ([^\r]+)\r\n", head_of(first))[0].decode()
    assert statuses(ask(edge, "/a.txt", "GET", f"If-Modified-Since: {changed}")) == [304]
    (root / "a.txt").write_bytes(b"other")
    os.utime(root / "a.txt", (0, 0))
    assert body_of(ask(edge, "/a.txt", "GET", f"If-None-Match: {tag_of(first)}")) == b"other"
    assert statuses(ask(edge, "/a.txt", "GET", f"If-Match: {tag_of(first)}")) == [412]
    finish(edge)


@pytest.mark.parametrize(
    ("value", "status", "body", "line"),
    [
        ("bytes=2-4", 206, b"234", b"content-range: bytes 2-4/10"),
        ("bytes=7-", 206, b"789", b"content-range: bytes 7-9/10"),
        ("bytes=-2", 206, b"89", b"content-range: bytes 8-9/10"),
        ("bytes=0-1,3-4", 200, b"0123456789", b"content-length: 10"),
        ("lines=0-1", 200, b"0123456789", b"content-length: 10"),
    ],
)
def test_one_range(root: Path, value: str, status: int, body: bytes, line: bytes) -> None:
    edge = files(root)
    data = ask(edge, "/a.txt", "GET", f"Range: {value}")
    assert statuses(data) == [status] and body_of(data) == body and line + b"\r\n" in head_of(data)
    finish(edge)


def test_a_range_that_is_not_there(root: Path) -> None:
    edge = files(root)
    for name, size in (("a.txt", 10), ("empty", 0)):
        data = ask(edge, f"/{name}", "GET", "Range: bytes=10-")
        assert statuses(data) == [416] and f"content-range: bytes */{size}\r\n".encode() in head_of(data)
    finish(edge)


def test_only_the_rest_of_the_same_file(root: Path) -> None:
    edge = files(root)
    tag = tag_of(ask(edge, "/a.txt"))
    assert statuses(ask(edge, "/a.txt", "GET", "Range: bytes=5-", f"If-Range: {tag}")) == [206]
    assert statuses(ask(edge, "/a.txt", "GET", "Range: bytes=5-", 'If-Range: "old"')) == [200]
    finish(edge)


@pytest.mark.parametrize("method", ["POST", "PUT", "OPTIONS"])
def test_other_methods_are_refused(root: Path, method: str) -> None:
    edge = files(root)
    client = edge.client(request("/a.txt", method, "Content-Length: 99999"))
    data = client.take()  # without having waited for the body
    assert statuses(data) == [405] and b"allow: GET, HEAD\r\n" in data
    client.feed(b"x" * 99999)
    edge.run()
    assert client.take() == b""
    finish(edge)


def test_a_get_with_a_body_is_answered(root: Path) -> None:
    edge = files(root)
    client = edge.client()
    data = ask(edge, "/a.txt", client=client, body=b"12345")
    assert statuses(data) == [200] and not client.is_closing()
    finish(edge)


def test_what_is_too_large_is_refused(root: Path) -> None:
    seen: list[Any] = []
    edge = files(root, max_size=9, filters=[Spy("spy", [], done=lambda exchange: seen.append(exchange.error))])
    data = ask(edge, "/a.txt")
    assert statuses(data) == [403] and b"file_too_large" in data and b"0123" not in data
    assert "'a.txt' has 10 bytes" in reason(edge, seen)
    finish(edge)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("link", "'link': Too many levels of symbolic links"),
        ("missing", "'missing': No such file or directory"),
        ("fifo", "not a regular file"),
        (".hidden", "the name is not one that is served"),
    ],
)
def test_the_operator_learns_why(root: Path, name: str, words: str) -> None:
    seen: list[Any] = []
    edge = files(root, filters=[Spy("spy", [], done=lambda exchange: seen.append(exchange.error))])
    assert statuses(ask(edge, f"/{name}")) == [404]
    assert words in reason(edge, seen)
    finish(edge)


def test_a_root_that_is_gone_is_our_fault(root: Path) -> None:
    seen: list[Any] = []
    edge = files(root.parent / "gone", filters=[Spy("spy", [], done=lambda exchange: seen.append(exchange.error))])
    data = ask(edge, "/a.txt")
    assert statuses(data) == [500] and b"files_failed" in data and b"gone" not in body_of(data)
    assert "gone" in reason(edge, seen)
    finish(edge)


def test_a_root_that_is_replaced_is_followed(root: Path, tmp_path: Path) -> None:
    current = tmp_path / "current"
    current.symlink_to(root)
    edge = files(current)
    assert body_of(ask(edge, "/a.txt")) == b"0123456789"
    (tmp_path / "next").mkdir()
    (tmp_path / "next" / "a.txt").write_bytes(b"next")
    (tmp_path / "link").symlink_to(tmp_path / "next")
    (tmp_path / "link").rename(current)
    assert body_of(ask(edge, "/a.txt")) == b"next"
    finish(edge)


# --- what is not in the page cache


class Reader:
    """In the place of the loop's threads: reads when the test says so."""

    def __init__(self, edge: Edge, monkeypatch: pytest.MonkeyPatch) -> None:
        self.edge = edge
        self.waiting: list[tuple[asyncio.Future[bytes], Callable[[], bytes]]] = []
        monkeypatch.setattr(module, "read_cached", lambda fd, size, at: None)
        monkeypatch.setattr(edge.loop, "run_in_executor", self.begin, raising=False)

    def begin(self, pool: Any, read: Callable[..., bytes], *what: int) -> asyncio.Future[bytes]:
        future: asyncio.Future[bytes] = self.edge.loop.create_future()
        self.waiting.append((future, lambda: read(*what)))
        return future

    def read(self) -> None:
        future, act = self.waiting.pop()
        future.set_result(act())
        self.edge.run()


def test_what_is_not_in_memory_is_read_by_a_thread(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edge = files(root)
    reader = Reader(edge, monkeypatch)
    client = edge.client(request("/big"))
    for _ in range(6):
        assert len(reader.waiting) == 1  # never two at once
        reader.read()
    assert body_of(client.take()) == BIG and not reader.waiting
    finish(edge)


def test_the_file_stays_open_until_the_thread_has_read(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edge = files(root)
    reader = Reader(edge, monkeypatch)
    client = edge.client(request("/big"))
    client.lose()
    edge.run()
    reader.read()  # no error: the descriptor is still that file's
    finish(edge)


def test_a_thread_that_fails_is_an_error_of_the_answer(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edge = files(root)
    reader = Reader(edge, monkeypatch)
    client = edge.client(request("/big"))
    future, _ = reader.waiting.pop()
    future.set_exception(OSError(5, "Input/output error"))
    edge.run()
    assert client.is_closing() and edge.of_route(counters.ROUTE_FAULT_INTERNAL) == 1
    finish(edge)


def test_a_thread_that_is_given_up_says_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edge = files(root)
    reader = Reader(edge, monkeypatch)
    edge.client(request("/big"))
    reader.waiting.pop()[0].cancel()
    edge.run()
    finish(edge)


@pytest.mark.parametrize(("code", "is_told"), [(11, False), (95, False), (5, True)])
def test_who_says_that_it_may_take_long(monkeypatch: pytest.MonkeyPatch, code: int, is_told: bool) -> None:
    def refuse(*what: Any) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "preadv", refuse)
    if is_told:
        with pytest.raises(OSError):
            read_cached(0, 10, 0)
    else:
        assert read_cached(0, 10, 0) is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"a.html", "text/html; charset=utf-8"),
        (b"a.js", "text/javascript; charset=utf-8"),
        (b"a.json", "application/json"),
        (b"a.svg", "image/svg+xml"),
        (b"a.webp", "image/webp"),
        (b"a.woff2", "font/woff2"),
        (b"a.wasm", "application/wasm"),
        (b"a.tar.gz", "application/gzip"),
        (b"a.css.br", "application/octet-stream"),
        (b"LICENSE", "application/octet-stream"),
        (b"a.\xff", "application/octet-stream"),
        (b"data:text/html,x", "application/octet-stream"),
        (b"http://x.css", "text/css; charset=utf-8"),
    ],
)
def test_types_go_by_the_extension(name: bytes, kind: str) -> None:
    assert content_type(name) == kind
