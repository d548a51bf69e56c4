"""``decompress``: what clients and services have compressed is read within bounds, or refused."""

from __future__ import annotations

import gzip
from typing import Any

import pytest

from fastgw.filters.decompress import Decompress
from fastgw.testing.edge import GET, Edge, body_of, head_of, statuses
from tests.support.bodies import plain
from tests.support.digests import in_chunks
from tests.unit.filters.test_codings import encoded

OPTIONS = {
    "requests": True,
    "responses": True,
    "codings": ("gzip", "br", "zstd"),
    "unknown": "refuse",
    "max_size": 1 << 20,
    "max_ratio": 100,
}
TEXT = b"".join(b"%d, " % (number * 7919) for number in range(3000))


def edge_with(**options: Any) -> Edge:
    return Edge(filters=[Decompress("plain", {**OPTIONS, **options})])


def post(data: bytes, *fields: bytes, chunked: bool = False) -> bytes:
    lines = b"".join(one + b"\r\n" for one in fields)
    if chunked:
        return (
            b"POST / HTTP/1.1\r\nHost: a.test\r\n"
            + lines
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + in_chunks(data, 999)
        )
    return b"POST / HTTP/1.1\r\nHost: a.test\r\n" + lines + b"Content-Length: %d\r\n\r\n" % len(data) + data


@pytest.mark.parametrize("chunked", [False, True], ids=["length", "chunked"])
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd", "X-GZip"])
def test_a_service_gets_what_was_compressed(coding: str, chunked: bool) -> None:
    edge = edge_with()
    data = encoded("gzip" if "GZip" in coding else coding, TEXT)
    _, service = edge.pair(post(data, b"Content-Encoding: " + coding.encode(), chunked=chunked))
    got = service.take()
    assert plain(got) == TEXT and b"content-encoding" not in head_of(got).lower()
    edge.end()


@pytest.mark.parametrize("fields", [(), (b"Content-Encoding: identity",), (b"Content-Encoding:",)])
def test_what_is_not_coded_passes(fields: tuple[bytes, ...]) -> None:
    edge = edge_with()
    _, service = edge.pair(post(b"plain", *fields))
    assert body_of(service.take()) == b"plain"
    edge.end()


@pytest.mark.parametrize("value", [b"deflate", b"gzip, br", b"gzip, gzip", b"aes128gcm"])
def test_what_nobody_can_read_is_refused_or_let_through(value: bytes) -> None:
    edge = edge_with()
    got = edge.client(post(b"data", b"Content-Encoding: " + value)).take()
    assert statuses(got) == [415] and b"accept-encoding: gzip, br, zstd\r\n" in head_of(got)
    edge.end()
    edge = edge_with(unknown="pass")
    _, service = edge.pair(post(b"data", b"Content-Encoding: " + value))
    assert body_of(service.take()) == b"data"
    edge.end()


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_bomb_is_refused(coding: str) -> None:
    bomb = encoded(coding, bytes(30_000_000))
    edge = edge_with()
    got = edge.client(post(bomb, b"Content-Encoding: " + coding.encode())).take()
    assert statuses(got) == [413] and b"decompressed_too_large" in got and not edge.attempts
    edge.end()


def test_a_bomb_behind_a_beginning_is_cut() -> None:
    """What has passed by then is bounded, and no service takes it for complete."""
    bomb = gzip.compress(bytes(30_000_000))
    edge = edge_with(max_ratio=10_000)
    client, service = edge.pair(post(bomb, b"Content-Encoding: gzip")[: 500 - len(bomb)])
    assert 1000 < len(service.take()) < 1 << 20
    client.feed(bomb[500:])
    assert statuses(client.take()) == [413] and service.is_closing()
    edge.end()


@pytest.mark.parametrize(
    ("size", "options", "status"),
    [
        (65536, {"max_ratio": 1}, 200),
        (65537, {"max_ratio": 1}, 413),
        (65537, {"max_size": 65536}, 413),
        (65536, {"max_size": 65536}, 200),
        (200_000, {"max_ratio": 5000}, 200),
    ],
)
def test_the_bounds_are_exact(size: int, options: dict[str, int], status: int) -> None:
    edge = edge_with(**options)
    client = edge.client(post(gzip.compress(bytes(size)), b"Content-Encoding: gzip"))
    if status == 200:
        service = edge.connect()
        assert len(plain(service.take())) == size
        service.feed(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    assert statuses(client.take()) == [status]
    edge.end()


@pytest.mark.parametrize("data", [b"no gzip at all", gzip.compress(TEXT)[:-9], gzip.compress(TEXT) + b"more"])
def test_what_is_broken_never_looks_complete_to_the_service(data: bytes) -> None:
    edge = edge_with()
    got = edge.client(post(data, b"Content-Encoding: gzip")).take()
    assert statuses(got) == [400] and b"coding_broken" in got and not edge.attempts
    edge.end()
    edge = edge_with()
    client, service = edge.pair(post(gzip.compress(TEXT) + data, b"Content-Encoding: gzip")[: -len(data)])
    client.feed(data)
    assert statuses(client.take()) == [400]
    assert service.is_closing() and not service.take().endswith(b"0\r\n\r\n")
    edge.end()


def test_where_bodies_wait_already_none_is_made_larger() -> None:
    """60 KiB of each of 400 clients became 1 GiB."""
    edge = edge_with()
    edge.plane.body_bytes = edge.listener.body_memory
    got = edge.client(post(gzip.compress(TEXT), b"Content-Encoding: gzip")).take()
    assert statuses(got) == [503] and b"no_resources" in got and not edge.attempts
    edge.plane.body_bytes = 0
    _, service = edge.pair(post(gzip.compress(TEXT), b"Content-Encoding: gzip"))
    assert plain(service.take()) == TEXT
    edge.end()


def answer(data: bytes, *fields: bytes) -> bytes:
    lines = b"".join(one + b"\r\n" for one in fields)
    return b"HTTP/1.1 200 OK\r\n" + lines + b"Content-Length: %d\r\n\r\n" % len(data) + data


def test_an_answer_is_read_and_no_length_and_no_digest_is_told_of_it() -> None:
    edge = edge_with()
    client, service = edge.pair(GET)
    service.feed(answer(gzip.compress(TEXT), b"Content-Encoding: gzip", b"Content-MD5: a", b'ETag: "a"'))
    got = client.take()
    head = head_of(got).lower()
    assert plain(got) == TEXT and b"content-encoding" not in head and b"content-md5" not in head
    assert b'etag: w/"a"' in head
    edge.end()


def test_an_answer_that_cannot_be_read_passes_and_a_broken_one_is_cut() -> None:
    edge = edge_with()
    client, service = edge.pair(GET)
    service.feed(answer(b"abc", b"Content-Encoding: deflate"))
    assert body_of(client.take()) == b"abc"
    edge.end()
    edge = edge_with()
    client, service = edge.pair(GET)
    service.feed(answer(gzip.compress(TEXT)[:-9], b"Content-Encoding: gzip"))
    assert client.is_closing() and not client.take().endswith(b"0\r\n\r\n")
    edge.end()


def test_what_is_not_to_be_done_has_no_hook() -> None:
    made = Decompress("plain", {**OPTIONS, "requests": False, "responses": False})
    assert made.transform_request is None and made.transform_response is None
