"""Realistic HTTP/1.1 messages and damage done to them, from a given source of randomness.

Shared by the mutated-traffic scenario and by the differential tests, so that what is fuzzed in process is also what is
sent over real sockets.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random


def message(*lines: bytes, body: bytes = b"") -> bytes:
    """Return a message of the given start line, fields and body."""
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


HOST = b"Host: a.test"
CHUNKED = b"Transfer-Encoding: chunked"
CHUNKS = b"5\r\nhello\r\n6;x=y\r\n world\r\n0\r\n"
WEBSOCKET = (b"Connection: Upgrade", b"Upgrade: websocket")

REQUESTS: tuple[bytes, ...] = (
    message(b"GET /v1/models HTTP/1.1", HOST, b"Accept: */*", b"User-Agent: curl/8.5.0"),
    message(b"GET /a/b?x=1&y=%20z HTTP/1.1", b"Host: a.test:8080", b"Accept-Encoding: gzip, br", b"Cookie: sid=1; u=2"),
    message(b"HEAD / HTTP/1.1", HOST),
    message(b"OPTIONS * HTTP/1.1", HOST),
    message(b"POST /v1/chat/completions HTTP/1.1", HOST, b"Content-Length: 13", body=b'{"model":"m"}'),
    message(b"POST /up HTTP/1.1", HOST, CHUNKED, body=CHUNKS + b"\r\n"),
    message(b"POST /up HTTP/1.1", HOST, CHUNKED, b"Trailer: X-Sum", body=CHUNKS + b"X-Sum: 1\r\n\r\n"),
    message(b"PUT /x HTTP/1.1", HOST, b"Content-Length: 0", b"Connection: close"),
    message(b"POST /x HTTP/1.1", HOST, b"Expect: 100-continue", b"Content-Length: 5", body=b"hello"),
    message(b"GET http://a.test/abs?q HTTP/1.1", HOST, b"Connection: keep-alive, x-hop", b"X-Hop: 1", b"TE: trailers"),
    message(b"GET /old HTTP/1.0", HOST, b"Connection: keep-alive"),
    message(
        b"GET /ws HTTP/1.1",
        HOST,
        *WEBSOCKET,
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ),
    message(b"DELETE /a//b/../c/%2e%2e/d;p=1 HTTP/1.1", b"Host: [::1]:80", b"X-Forwarded-For: 1.2.3.4"),
)
"""Requests a strict reader accepts, one of each shape that changes how the rest of the bytes is read."""

OK = b"HTTP/1.1 200 OK"
ANSWERS: tuple[bytes, ...] = (
    message(OK, b"Content-Length: 5", b"Content-Type: text/plain", body=b"hello"),
    message(OK, CHUNKED, body=CHUNKS + b"X-Sum: 1\r\n\r\n"),
    message(b"HTTP/1.1 204 No Content", b"Date: Mon, 01 Jan 2024 00:00:00 GMT"),
    message(b"HTTP/1.1 304 Not Modified", b'ETag: "1"', b"Content-Length: 10"),
    message(b"HTTP/1.1 100 Continue") + message(OK, b"Content-Length: 2", body=b"ok"),
    message(b"HTTP/1.1 103 Early Hints", b"Link: </s.css>") + message(OK, b"Content-Length: 2", body=b"ok"),
    message(OK, b"Content-Type: text/event-stream", b"Connection: close", body=b"data: 1\n\ndata: 2\n\n"),
    message(b"HTTP/1.0 200 OK", b"Content-Length: 2", b"Connection: keep-alive", body=b"ok"),
    message(b"HTTP/1.1 503 Service Unavailable", b"Content-Length: 0", b"Connection: close, x-hop", b"X-Hop: 1"),
    message(
        b"HTTP/1.1 101 Switching Protocols", *WEBSOCKET, b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=",
        body=b"\x81\x02hi",
    ),
)  # fmt: skip
"""Answers of services, one of each framing."""

TOKENS: tuple[bytes, ...] = (
    b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b";", b",", b"\x0b", b"\x7f", b"\x80", b"\xff",
    b"%00", b"%2f", b"%2e%2e", b"..", b"//", b"\\", b"#", b"?", b"@", b"0\r\n\r\n", b"ffffffffffffffff", b"-1", b"+5",
    b"0x5", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Connection: close\r\n",
    b"Transfer-Encoding : chunked\r\n", b"Content-Length: 5\r\n", b"Content-Length: 5, 5\r\n", b"Upgrade: h2c\r\n",
    b"Content-Length: 99999999999999999999\r\n", b"Host: b.test\r\n", b"Connection: content-length\r\n", b"HTTP/2.0",
    b"Expect: 100-continue\r\n", b" folded\r\n", b"HTTP/1.1", b"HTTP/1.0", b"CONNECT ", b"X: " + b"a" * 300 + b"\r\n",
    message(b"GET / HTTP/1.1", HOST),
)  # fmt: skip
"""Pieces whose presence or absence changes the reading of a message."""


def _flip(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + bytes((rng.randrange(256),)) + data[at + 1 :]


def _delete(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at + rng.choice((1, 1, 2, 4, 16)) :]


def _insert(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data) + 1)
    return data[:at] + rng.choice(TOKENS) + data[at:]


def _insert_line(data: bytes, rng: Random) -> bytes:
    ends = [at + 2 for at in range(len(data) - 1) if data[at : at + 2] == b"\r\n"] or [0]
    at = rng.choice(ends)
    return data[:at] + rng.choice(TOKENS) + data[at:]


def _repeat(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data))
    piece = data[at : at + rng.randrange(1, 40)]
    return data[:at] + piece * rng.choice((2, 2, 3, 50)) + data[at:]


def _truncate(data: bytes, rng: Random) -> bytes:
    return data[: rng.randrange(1, len(data) + 1)]


def _swap_case(data: bytes, rng: Random) -> bytes:
    at = rng.randrange(len(data))
    return data[:at] + data[at : at + 12].swapcase() + data[at + 12 :]


def _splice(data: bytes, rng: Random) -> bytes:
    other = rng.choice(REQUESTS)
    return data[: rng.randrange(1, len(data) + 1)] + other[rng.randrange(len(other)) :]


MUTATIONS: tuple[Callable[[bytes, Random], bytes], ...] = (
    _flip, _delete, _insert, _insert_line, _insert_line, _repeat, _truncate, _swap_case, _splice,
)  # fmt: skip


def mutate(data: bytes, rng: Random, times: int) -> bytes:
    """Apply `times` random mutations to `data`; the result is never empty."""
    for _ in range(times):
        data = rng.choice(MUTATIONS)(data, rng) or b"\r\n"
    return data


def mutated_request(rng: Random) -> bytes:
    """Return one to three pipelined requests, most of them damaged once or more."""
    whole = b"".join(rng.choice(REQUESTS) for _ in range(rng.choice((1, 1, 1, 2, 3))))
    return mutate(whole, rng, rng.choice((0, 1, 1, 1, 2, 4)))


def mutated_answer(rng: Random) -> bytes:
    """Return the bytes of one answer, most of the time damaged."""
    return mutate(rng.choice(ANSWERS), rng, rng.choice((0, 1, 1, 1, 2, 4)))
