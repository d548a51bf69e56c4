"""Writes the committed corpora of HTTP/2 anew: `python -m tests.fuzz.make_http2_corpus`.  Made by h2 and hpack, and damaged by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import h2.config
import h2.connection
import hpack

from fastgw.wire.http2 import frames
from fastgw.wire.http2.frame_kinds import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PADDED,
    PING,
    PRIORITIZED,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
)  # fmt: skip
from fastgw.wire.http2.frames import frame
from tests.fuzz.http2_differential import BEGINNING

HERE = Path(__file__).parent / "corpus"
HEAD = [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", "/x?y=1")]
POST = [(":method", "POST"), *HEAD[1:]]


def block(fields: list[tuple[str, str]]) -> bytes:
    """By another implementation's encoder, whose table is empty."""
    return hpack.Encoder().encode(fields)


def get(stream: int = 1, fields: list[tuple[str, str]] = HEAD) -> bytes:
    """A request without a body."""
    return frame(HEADERS, END_STREAM | END_HEADERS, stream, block(fields))


def post(*more: tuple[str, str]) -> bytes:
    """The head of one with a body."""
    return frame(HEADERS, END_HEADERS, 1, block([*POST, *more]))


def story() -> bytes:
    """What h2's client sends for three requests, one of them with a body and trailers."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    client.send_headers(1, [*HEAD, ("accept", "*/*"), ("cookie", "a=b"), ("cookie", "c=d")], end_stream=True)
    client.send_headers(3, [*POST, ("x-long", "v" * 200)])
    client.send_data(3, b"hello")
    client.send_headers(5, HEAD, end_stream=True)
    client.send_headers(3, [("x-sum", "5")], end_stream=True)
    return client.data_to_send()


def connections() -> Iterator[tuple[str, bytes]]:
    """What clients send behind the preface, some of which breaks a rule."""
    whole = block([*HEAD, ("x-a", "b" * 40)])
    trailers = frame(HEADERS, END_STREAM | END_HEADERS, 1, block([("x-sum", "5")]))
    yield "get", get()
    yield "three", get(1) + get(3) + get(7)
    yield "post", post(("content-length", "5")) + frame(DATA, END_STREAM, 1, b"hello")
    yield "post-short", post(("content-length", "5")) + frame(DATA, END_STREAM, 1, b"hell")
    yield "post-trailers", post() + frame(DATA, 0, 1, b"hello") + trailers
    yield (
        "padded",
        frame(HEADERS, END_HEADERS | PADDED, 1, b"\3" + block(POST) + bytes(3))
        + frame(DATA, PADDED | END_STREAM, 1, b"\2hi\0\0"),
    )
    yield "padded-too-much", post() + frame(DATA, PADDED | END_STREAM, 1, b"\7hi")
    yield "prioritized", frame(HEADERS, END_STREAM | END_HEADERS | PRIORITIZED, 1, b"\0\0\0\0\x10" + block(HEAD))
    yield "depends-on-itself", frame(HEADERS, END_STREAM | END_HEADERS | PRIORITIZED, 1, b"\0\0\0\1\x10" + block(HEAD))
    yield (
        "continued",
        frame(HEADERS, END_STREAM, 1, whole[:9])
        + frame(CONTINUATION, 0, 1, whole[9:20])
        + frame(CONTINUATION, END_HEADERS, 1, whole[20:]),
    )
    yield "interrupted", frame(HEADERS, END_STREAM, 1, whole[:9]) + frame(PING, 0, 0, bytes(8))
    yield "reset", get(1) + frames.reset(1, 8) + get(3)
    yield "window-of-nothing", get(1) + frames.window_update(1, 0) + get(3)
    yield "window-too-large", get(1) + frames.window_update(0, 2**31 - 1)
    yield "settings", frame(SETTINGS, 0, 0, b"\0\4\0\0\0\1\0\1\0\0\0\0") + get() + frames.window_update(1, 1000)
    yield "settings-wrong", frame(SETTINGS, 0, 0, b"\0\4\xff\xff\xff\xff")
    yield "ping", frames.ping(b"12345678", False) + get()
    yield "priority", frame(PRIORITY, 0, 3, b"\0\0\0\0\x10") + get(5)
    yield "push", frame(PUSH_PROMISE, END_HEADERS, 1, b"\0\0\0\2" + block(HEAD))
    yield "goaway", get(1) + frame(GOAWAY, 0, 0, bytes(8)) + get(3)
    yield "unknown-kind", frame(0x20, 0xFF, 1, b"abc") + get()
    yield "even", get(2)
    yield "backwards", get(5) + get(3)
    yield "behind-the-end", get(1) + frame(DATA, 0, 1, b"x") + get(3)
    yield "idle-reset", frame(RST_STREAM, 0, 9, bytes(4))
    yield "idle-window", frame(WINDOW_UPDATE, 0, 9, b"\0\0\0\1")
    yield "capitals", frame(HEADERS, END_STREAM | END_HEADERS, 1, block(HEAD)[:4] + b"\0\1X\1y") + get(3)
    for name, fields in {
        "connection": [*HEAD, ("connection", "close")],
        "te": [*HEAD, ("te", "gzip")],
        "te-trailers": [*HEAD, ("te", "trailers")],
        "host-differs": [*HEAD, ("host", "b.test")],
        "host-alone": [HEAD[0], HEAD[1], HEAD[3], ("host", "a.test")],
        "pseudo-behind": [*HEAD[:3], ("x", "y"), HEAD[3]],
        "pseudo-twice": [*HEAD, HEAD[3]],
        "no-path": HEAD[:3],
        "connect": [(":method", "CONNECT"), (":authority", "a.test:443")],
        "websocket": [(":method", "CONNECT"), (":protocol", "websocket"), *HEAD[1:], ("sec-websocket-version", "13")],
        "asterisk": [(":method", "OPTIONS"), *HEAD[1:3], (":path", "*")],
    }.items():
        yield f"fields-{name}", get(1, fields) + get(3)


def blocks() -> Iterator[tuple[str, bytes]]:
    """Header blocks, each behind two bytes that tell its length."""
    encoder = hpack.Encoder()
    some = [encoder.encode([*HEAD, ("x-a", "b"), ("user-agent", "me")]) for _ in range(3)]
    yield "three", b"".join(len(one).to_bytes(2, "big") + one for one in some)
    for name, one in {
        "never": b"\x10\1a\1b",
        "passing": b"\0\1a\1b",
        "sizes": b"\x20\x3f\xe1\x1f\x40\1a\1b\xbe",
        "sizes-three": b"\x20\x20\x20\x82",
        "sizes-behind": b"\x82\x20",
        "sizes-too-large": b"\x3f\xe2\x1f",
        "index-0": b"\x80",
        "index-beyond": b"\xbe",
        "number-long": b"\xff\x80\x80\x80\x80\x80\x01",
        "number-cut": b"\xff\x80",
        "huffman": b"\x40\x81\x1f\x81\x1f",
        "huffman-padding": b"\x40\x82\x1f\xff\x81\x1f",
        "huffman-end": b"\x40\x84\xff\xff\xff\xff\x81\x1f",
        "string-cut": b"\x40\x05ab",
    }.items():
        yield name, len(one).to_bytes(2, "big") + one


def main() -> None:
    """Write them."""
    made = {
        "http2": {"story": story(), **{name: BEGINNING + data for name, data in connections()}},
        "hpack": dict(blocks()),
    }
    for kind, some in made.items():
        (HERE / kind).mkdir(exist_ok=True)
        for name, data in some.items():
            (HERE / kind / f"{name}.bin").write_bytes(data)


if __name__ == "__main__":
    main()
