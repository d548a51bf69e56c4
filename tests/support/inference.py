"""Model servers of a test: what they answer, and whom they tell of how many tokens."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson

from fastgw.filters.log_file import FILES
from fastgw.filters.usage import Usage
from fastgw.testing.edge import Edge

CHAT = b"/v1/chat/completions"
PROMPT = b'{"model":"m","stream":true,"messages":[{"role":"user","content":"Hello there"}]}'
TOLD = {"model": "gpt-x", "usage": {"prompt_tokens": 19, "completion_tokens": 10, "total_tokens": 29}}
OPTIONS: dict[str, Any] = {
    "path": None,
    "rotate": None,
    "flush": 1.0,
    "include_usage": False,
    "models": (),
    "prices": (),
}


def asks(body: bytes = PROMPT, path: bytes = CHAT, *fields: bytes) -> bytes:
    """A request with ``body``."""
    lines = (
        b"POST %b HTTP/1.1" % path,
        b"Host: a.test",
        b"Content-Type: application/json",
        *fields,
        b"Content-Length: %d" % len(body),
    )
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def answer(said: Any, *fields: bytes, kind: bytes = b"application/json", status: bytes = b"200 OK") -> bytes:
    """An answer in one object of JSON, or of these bytes."""
    body = said if isinstance(said, bytes) else orjson.dumps(said)
    lines = (b"HTTP/1.1 " + status, b"Content-Type: " + kind, *fields, b"Content-Length: %d" % len(body))
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def stream_head(kind: bytes = b"text/event-stream") -> bytes:
    """The head of an answer in chunks."""
    return b"HTTP/1.1 200 OK\r\nContent-Type: " + kind + b"\r\nTransfer-Encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """One chunk of HTTP/1.1; of nothing the last."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(said: Any, kind: bytes = b"") -> bytes:
    """An event of a stream."""
    data = said if isinstance(said, bytes) else orjson.dumps(said)
    return (b"event: " + kind + b"\n" if kind else b"") + b"data: " + data + b"\n\n"


def delta(text: str, **more: Any) -> dict[str, Any]:
    """A chunk of a chat completion."""
    return {"id": "c", "model": "gpt-x", "choices": [{"index": 0, "delta": {"content": text}}], **more}


def usage_chunk(prompt: int, completion: int, **more: Any) -> dict[str, Any]:
    """The last chunk of a chat completion, which tells of tokens."""
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion, **more}
    return {"id": "c", "model": "gpt-x", "choices": [], "usage": usage}


class Metered:
    """An ``Edge`` with the filter, and the lines of its log."""

    def __init__(
        self,
        folder: Path,
        filters: Sequence[Any] = (),
        behind: Sequence[Any] = (),
        *,
        edge: dict[str, Any] | None = None,
        **options: Any,
    ):
        """``filters``: in front of it; ``behind``: closer to the service."""
        self.path = folder / "usage.jsonl"
        self.filter = Usage("usage", {**OPTIONS, "path": str(self.path), **options}, lambda: 1e9)
        self.edge = Edge(filters=[*filters, self.filter, *behind], **(edge or {}))
        self.filter.start(self.edge.loop)

    def lines(self) -> list[dict[str, Any]]:
        """All of them; nothing comes behind."""
        self.edge.run()
        self.edge.plane.close()
        self.filter.stop()
        self.edge.end()
        FILES.finish()
        return [json.loads(line) for line in self.path.read_text().splitlines()]

    def line(self) -> dict[str, Any]:
        """The only one."""
        [line] = self.lines()
        return line
