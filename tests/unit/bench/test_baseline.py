"""What the Python gateways of the benchmark share, and the stream baseline's parts."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from bench.baseline.streams import Head, read_head, relay_body, render
from bench.baseline.table import load_config, new_request_id, request_headers, response_headers

CONFIG = {
    "port": 1,
    "endpoints": ["127.0.0.1:9000", "127.0.0.2:9000"],
    "routes": [{"path": "/a/b", "exact": True}, {"path": "/p/", "exact": False}],
    "cert": "",
    "key": "",
}


@pytest.mark.parametrize(
    ("path", "expected"),
    [("/a/b", True), ("/a/b/c", False), ("/p/", True), ("/p/q/r", True), ("/p", False), ("/", False), ("", False)],
)
def test_routes(path: str, expected: bool, tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(CONFIG))
    config = load_config(str(tmp_path / "c.json"))
    assert config.has_route(path) is expected
    assert config.scheme == "http" and config.tls() is None
    turns = config.turns()
    assert [next(turns) for _ in range(3)] == [("127.0.0.1", 9000), ("127.0.0.2", 9000), ("127.0.0.1", 9000)]


def test_headers_towards_the_service() -> None:
    sent = [("Host", "h"), ("Connection", "close"), ("x-forwarded-for", "1.2.3.4"), ("Via", "1.0 x"), ("Cookie", "a=b")]
    out = request_headers(sent, client="127.0.0.1", scheme="http", request_id="id")
    assert out == [
        ("Host", "h"),
        ("Cookie", "a=b"),
        ("X-Forwarded-For", "1.2.3.4, 127.0.0.1"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "h"),
        ("Via", "1.1 python"),
        ("X-Request-Id", "id"),
    ]


def test_headers_towards_the_client() -> None:
    out = response_headers([("Server", "s"), ("Transfer-Encoding", "chunked"), ("X-Request-Id", "other")], "id")
    assert out == [("Server", "s"), ("X-Request-Id", "id")]


def test_request_ids_differ() -> None:
    assert new_request_id() != new_request_id() and len(new_request_id()) == 32


class Sink:
    """Takes what a StreamWriter would send."""

    def __init__(self) -> None:
        self.data = b""

    def write(self, data: bytes) -> None:
        self.data += data

    async def drain(self) -> None:
        """There is room."""


def relayed(data: bytes) -> tuple[Head, bytes]:
    async def relay() -> tuple[Head, bytes]:
        reader = asyncio.StreamReader()
        reader.feed_data(data)
        reader.feed_eof()
        head, sink = await read_head(reader), Sink()
        await relay_body(head, reader, sink)  # type: ignore[arg-type]
        return head, sink.data

    return asyncio.run(relay())


def test_streams_relay_a_sized_body() -> None:
    head, body = relayed(b"POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET")
    assert (head.first, body) == (["POST", "/x", "HTTP/1.1"], b"hello")
    assert render(head.first, head.headers) == b"POST /x HTTP/1.1\r\nContent-Length: 5\r\n\r\n"


def test_streams_relay_chunks_as_chunks() -> None:
    chunks = b"5\r\nhello\r\n0\r\n\r\n"
    head, body = relayed(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
    assert head.chunked and body == chunks


def test_streams_notice_a_body_that_ends_early() -> None:
    with pytest.raises(asyncio.IncompleteReadError):
        relayed(b"POST /x HTTP/1.1\r\nContent-Length: 50\r\n\r\nhello")
