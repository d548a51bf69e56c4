"""``compress``: which answers are compressed, for whom, and what their heads say then."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest

from fastgw.core import counters
from fastgw.core.exchange.reply import Reply
from fastgw.filters.codings import DECODERS
from fastgw.filters.compress import Compress
from fastgw.testing.edge import GET, HEAD, Edge, Spy, body_of, head_of
from tests.support.bodies import plain
from tests.support.digests import in_chunks, with_field

OPTIONS = {
    "codings": ("zstd", "br", "gzip"),
    "levels": {"zstd": 3, "br": 3, "gzip": 1},
    "types": ("text/*", "application/json", "*+json"),
    "min_size": 1024,
    "streams": False,
}
TEXT = b"a text that repeats itself; " * 200
ASKS = with_field(GET, b"Accept-Encoding: gzip")


def edge_with(*more: Any, **options: Any) -> Edge:
    return Edge(filters=[Compress("small", {**OPTIONS, **options}), *more])


def answer(*fields: bytes, data: bytes = TEXT, line: bytes = b"HTTP/1.1 200 OK") -> bytes:
    return line + b"\r\n" + b"".join(one + b"\r\n" for one in fields) + b"Content-Length: %d\r\n\r\n" % len(data) + data


def exchanged(edge: Edge, request: bytes, *pieces: bytes, closes: bool = False) -> bytes:
    client, service = edge.pair(request)
    for piece in pieces:
        service.feed(piece)
    if closes:
        service.feed_eof()
    return client.take()


JSON = b"Content-Type: application/json"


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_an_answer_is_compressed_as_its_client_asks(coding: str) -> None:
    edge = edge_with()
    got = exchanged(edge, with_field(GET, b"Accept-Encoding: " + coding.encode()), answer(JSON, b'ETag: "a"'))
    head = head_of(got)
    assert b"content-encoding: " + coding.encode() + b"\r\n" in head and b"vary: accept-encoding\r\n" in head
    assert b"transfer-encoding: chunked" in head and b"content-length" not in head.lower()
    assert b'etag: w/"a"\r\n' in head
    assert DECODERS[coding]().feed(plain(got), len(TEXT)) == TEXT
    assert edge.of_route(counters.ROUTE_COMPRESSED_BYTES) == len(TEXT)
    assert edge.of_route(counters.ROUTE_COMPRESSED_BYTES + 1) == len(plain(got)) < len(TEXT)
    edge.end()


@pytest.mark.parametrize(
    ("fields", "data", "line"),
    [
        ((b"Content-Type: image/png",), TEXT, b"HTTP/1.1 200 OK"),
        ((), TEXT, b"HTTP/1.1 200 OK"),
        ((JSON,), TEXT[:1023], b"HTTP/1.1 200 OK"),
        ((JSON, b"Content-Encoding: br"), TEXT, b"HTTP/1.1 200 OK"),
        ((b"Content-Type: text/event-stream",), TEXT, b"HTTP/1.1 200 OK"),
        ((JSON, b"Content-Range: bytes 0-99/1000"), TEXT, b"HTTP/1.1 206 Partial Content"),
    ],
    ids=["type", "no type", "short", "coded", "events", "part"],
)
def test_what_is_not_worth_it_passes_as_it_is(fields: tuple[bytes, ...], data: bytes, line: bytes) -> None:
    edge = edge_with()
    got = exchanged(edge, ASKS, answer(*fields, data=data, line=line))
    assert body_of(got) == data and b"gzip" not in head_of(got) and b"vary" not in head_of(got).lower()
    edge.end()


@pytest.mark.parametrize("accept", [b"", b"Accept-Encoding: identity", b"Accept-Encoding: deflate, gzip;q=0"])
def test_others_get_it_as_it_is_and_caches_are_told(accept: bytes) -> None:
    edge = edge_with()
    got = exchanged(edge, with_field(GET, accept) if accept else GET, answer(JSON, b"Vary: Origin"))
    assert body_of(got) == TEXT
    assert b"vary: accept-encoding\r\n" in head_of(got) and b"content-encoding" not in head_of(got)
    edge.end()


def test_caches_are_told_of_what_head_asks_about_and_of_what_may_not_be_changed() -> None:
    for request, fields in (
        (with_field(HEAD, b"Accept-Encoding: gzip"), (JSON,)),
        (ASKS, (JSON, b"Cache-Control: no-transform")),
    ):
        edge = edge_with()
        is_head = request.startswith(b"HEAD")
        got = exchanged(
            edge, request, answer(*fields).partition(b"\r\n\r\n")[0] + b"\r\n\r\n" if is_head else answer(*fields)
        )
        assert b"vary: accept-encoding\r\n" in head_of(got) and b"content-encoding" not in head_of(got)
        assert body_of(got) == (b"" if is_head else TEXT)
        edge.end()


def test_each_piece_of_a_body_of_unknown_length_comes_at_once() -> None:
    edge = edge_with()
    client, service = edge.pair(ASKS)
    service.feed(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
    reader = zlib.decompressobj(31)
    got = client.take()
    for number in range(3):
        piece = b"token %d " % number
        service.feed(b"%x\r\n%b\r\n" % (len(piece), piece))
        data = client.take()
        size, _, rest = data.partition(b"\r\n")
        assert reader.decompress(rest[: int(size, 16)]) == piece
    service.feed(b"0\r\n\r\n")
    assert client.take().endswith(b"\r\n0\r\n\r\n")
    assert b"content-encoding: gzip" in head_of(got)
    edge.end()


def test_events_are_compressed_where_that_is_asked_for() -> None:
    edge = edge_with(streams=True)
    events = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    got = exchanged(edge, ASKS, events, in_chunks(b"data: 1\n\ndata: 2\n\n", 9))
    assert gzip.decompress(plain(got)) == b"data: 1\n\ndata: 2\n\n"
    edge.end()


def test_an_answer_until_the_end_of_the_connection() -> None:
    edge = edge_with()
    got = exchanged(edge, ASKS, b"HTTP/1.1 200 OK\r\nContent-Type: application/problem+json\r\n\r\n", TEXT, closes=True)
    assert gzip.decompress(plain(got)) == TEXT
    edge.end()


def test_an_answer_of_our_own_is_sent_as_it_is() -> None:
    edge = edge_with(Spy("own", [], request=lambda exchange: Reply(200, TEXT)))
    client = edge.client(ASKS)
    got = client.take()
    assert body_of(got) == TEXT and b"vary" not in head_of(got)
    edge.end()


def test_the_end_knows_what_became_of_it() -> None:
    notes: list[Any] = []
    spy = Spy("spy", [], done=lambda exchange: notes.append(exchange.notes))
    edge = edge_with(spy)
    got = exchanged(edge, ASKS, answer(JSON))
    assert notes == [{"compress": {"coding": "gzip", "before": len(TEXT), "after": len(plain(got))}}]
    edge.end()


def test_what_the_service_is_asked_for_does_not_matter() -> None:
    """A transformer reads the answer and asks for a plain one; the client gets it compressed all the same."""
    edge = edge_with(
        Spy("plain", [], request=lambda exchange: exchange.request.set_header(b"accept-encoding", b"identity"))
    )
    got = exchanged(edge, ASKS, answer(JSON))
    assert gzip.decompress(plain(got)) == TEXT
    edge.end()
