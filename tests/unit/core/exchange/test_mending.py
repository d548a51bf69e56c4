"""What else changes with a body: its length, its validators, its digests."""

from __future__ import annotations

import pytest

from fastgw.testing.edge import GET, POST, Edge, body_of, head_of
from tests.support.bodies import Taped, Watching, doubled

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n%b\r\nok"


def answered(fields: bytes, ask: bytes = GET, status: bytes = b"200 OK", vary: tuple[bytes, ...] = ()) -> bytes:
    """What the client gets of an answer with ``fields`` that a filter doubles, if it may."""
    edge = Edge(filters=[Watching("a", ["transform_response"], lambda exchange: Taped(doubled, vary=vary))])
    client, service = edge.pair(ask)
    service.feed(ANSWER.replace(b"200 OK", status) % fields)
    got = client.take()
    edge.end()
    return got


@pytest.mark.parametrize(
    ("fields", "expected", "gone"),
    [
        (b'ETag: "a"\r\n', b'etag: w/"a"\r\n', b'etag: "a"'),
        (b'ETag: W/"a"\r\n', b'etag: w/"a"\r\n', b"w/w/"),
        (b"Content-Digest: sha-256=:AAAA:\r\nX-A: b\r\n", b"x-a: b\r\n", b"digest"),
        (b"Repr-Digest: sha-256=:AAAA:\r\nDigest: x\r\nContent-MD5: x\r\n", b"200 ok", b"d5"),
        (b"Accept-Ranges: bytes\r\n", b"200 ok", b"accept-ranges"),
        (b"Content-Type: text/plain\r\n", b"content-type: text/plain\r\n", b"content-length"),
        (b"Cache-Control: max-age=1, no-transformed\r\n", b"max-age=1", b"content-length"),
    ],
)
def test_an_answer_says_only_what_holds_of_another_body(fields: bytes, expected: bytes, gone: bytes) -> None:
    got = answered(fields)
    assert expected in head_of(got) and gone not in head_of(got)
    assert body_of(got) == b"4\r\nokok\r\n1\r\n!\r\n0\r\n\r\n" or body_of(got) == b"5\r\nokok!\r\n0\r\n\r\n"


@pytest.mark.parametrize(
    ("fields", "vary", "expected"),
    [
        (b"", (b"accept",), [b"accept"]),
        (b"Vary: Origin\r\n", (b"accept", b"te"), [b"origin", b"accept, te"]),
        (b"Vary: Origin, ACCEPT\r\n", (b"accept",), [b"origin, accept"]),
        (b"Vary: *\r\n", (b"accept",), [b"*"]),
        (b"Vary: Origin\r\n", (), [b"origin"]),
    ],
)
def test_vary_names_what_the_bytes_depend_on(fields: bytes, vary: tuple[bytes, ...], expected: list[bytes]) -> None:
    lines = head_of(answered(fields, vary=vary)).split(b"\r\n")
    assert [line[6:] for line in lines if line.startswith(b"vary: ")] == expected


@pytest.mark.parametrize(
    ("fields", "ask", "status"),
    [
        (b"Content-Range: bytes 0-1/9\r\n", GET, b"206 Partial Content"),
        (b"Cache-Control: public, No-Transform\r\n", GET, b"200 OK"),
        (b"", GET[:-2] + b"Cache-Control: no-transform\r\n\r\n", b"200 OK"),
    ],
)
def test_what_may_not_be_changed_is_left_alone(fields: bytes, ask: bytes, status: bytes) -> None:
    fields += b'ETag: "a"\r\nAccept-Ranges: bytes\r\nContent-Digest: sha-256=:AAAA:\r\n'
    got = answered(fields, ask, status)
    assert body_of(got) == b"ok" and b"content-length: 2\r\n" in head_of(got)
    assert fields.lower() in head_of(got)


@pytest.mark.parametrize("field", [b"Content-Range: bytes 0-4/9", b"Cache-Control: no-transform"])
def test_requests_that_may_not_be_changed_are_left_alone(field: bytes) -> None:
    edge = Edge(filters=[Watching("a", ["transform_request"], lambda exchange: Taped(doubled))])
    edge.client(POST[:-2] + field + b"\r\nContent-Digest: sha-256=:AAAA:\r\n\r\nhello")
    got = edge.connect().take()
    assert body_of(got) == b"hello" and b"content-digest" in head_of(got)
    edge.end()


def test_what_only_reads_sees_them_all_the_same() -> None:
    watching = Watching("a", ["read_request", "read_response"], lambda exchange: Taped())
    edge = Edge(filters=[watching])
    client, service = edge.pair(POST[:-2] + b"Cache-Control: no-transform\r\n\r\nhello")
    service.feed(ANSWER.replace(b"200 OK", b"206 Partial Content") % b"Content-Range: bytes 0-1/9\r\n")
    assert body_of(client.take()) == b"ok"
    assert [one.data for one in watching.seen] == [b"hello", b"ok"]
    edge.end()
