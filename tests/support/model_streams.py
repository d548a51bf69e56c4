"""Streams of model servers, in bytes."""

from __future__ import annotations

import re

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
LINES = HEAD.replace(b"text/event-stream", b"application/x-ndjson")
LAST = b"0\r\n\r\n"
ROLE = b'data: {"choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n'
HI = b'data: {"choices":[{"index":0,"delta":{"content":"hi"},"finish_reason":null}]}\n\n'
STOP = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
DONE = b"data: [DONE]\n\n"
BUSY = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
START = b'event: message_start\ndata: {"type":"message_start","message":{"id":"m","content":[]}}\n\n'
PING = b'event: ping\ndata: {"type": "ping"}\n\n'
BLOCK = b'event: content_block_start\ndata: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}\n\n'
TEXT = b'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}\n\n'
_CHUNK = re.compile(rb"([0-9a-f]+)\r\n")


def chunk(data: bytes) -> bytes:
    """``data`` as one chunk."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def body_of_chunks(data: bytes) -> tuple[bytes, bool]:
    """The body of an answer in chunks, without its head, and whether its end has come."""
    body = data.partition(b"\r\n\r\n")[2]
    found = b""
    while body:
        size = _CHUNK.match(body)
        assert size is not None, body
        length = int(size[1], 16)
        if not length:
            assert body == LAST
            return found, True
        found += body[size.end() : size.end() + length]
        body = body[size.end() + length + 2 :]
    return found, False
