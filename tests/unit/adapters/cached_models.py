"""An Edge whose route leads to models and has a cache, and what its clients ask and its services say."""

from __future__ import annotations

import json
from typing import Any

from fastgw.adapters.cache import Memory
from fastgw.adapters.model_cache import ModelCache
from fastgw.core import counters
from fastgw.core.cache_settings import CacheSettings
from fastgw.core.labels import CACHE_OUTCOMES
from fastgw.testing import usual
from tests.support.models import ModelEdge, post

_USUAL = CacheSettings(
    methods=("POST",),
    ttl=60.0,
    shared=False,
    vary=(),
    max_bytes=64 << 10,
    max_entries=10,
    max_entry=2000,
    max_variants=2,
    max_body=500,
    wait=60.0,
    max_waiting=3,
    epoch=0,
    temperature="zero",
)
EMBED, CHAT = "/v1/embeddings", "/v1/chat/completions"
SAID = b'{"data":[{"embedding":[0.5]}],"usage":{"prompt_tokens":3,"total_tokens":3}}'
TEXT = b'{"choices":[{"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":2,"total_tokens":5}}'
STREAM = (
    b'data: {"choices":[{"delta":{"content":"hi"}}]}\n\n'
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
    b'data: {"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":2}}\n\ndata: [DONE]\n\n'
)


def embed(text: str = "a", *fields: str, model: str = "embed-x") -> bytes:
    return post(json.dumps({"model": model, "input": text}).encode(), EMBED, "application/json", *fields)


def chat(*fields: str, model: str = "small", **more: Any) -> bytes:
    body = {"model": model, "messages": [], "temperature": 0, **more}
    return post(
        json.dumps({key: value for key, value in body.items() if value is not None}).encode(),
        CHAT,
        "application/json",
        *fields,
    )


def says(body: bytes, *fields: str, kind: str = "application/json", status: str = "200 OK") -> bytes:
    lines = "".join(f"{one}\r\n" for one in fields)
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\n{lines}Content-Length: {len(body)}\r\n\r\n".encode() + body


def streams(body: bytes = STREAM, *fields: str) -> bytes:
    lines = "".join(f"{one}\r\n" for one in fields)
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n{lines}Transfer-Encoding: chunked\r\n\r\n".encode()
    return head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


class CachedModels(ModelEdge):
    """Models behind a cache."""

    def __init__(self, models: Any = None, *, cache: dict[str, Any] | None = None, **options: Any) -> None:
        settings = _USUAL._replace(**(cache or {}))
        self.cache = ModelCache("all", 1, usual.route("all", 1).settings, settings, Memory(settings))
        super().__init__(models, route={"cache": self.cache, **options.pop("route", {})}, **options)

    def ask(self, request: bytes, said: bytes = b"", port: int = 9001) -> bytes:
        """What a client gets; the service is asked only if it has ``said`` something."""
        client = self.client(request)
        if said:
            service = self.connect(port=port)
            self.sent = service.take()
            service.feed(said)
            service.lose()
            self.run()
        else:
            assert not self.attempts
        got: bytes = client.take()
        client.lose()
        self.run()
        return got

    def end(self) -> None:
        assert self.cache.held.size == 0 and not self.cache.fills
        for gauge in (counters.ROUTE_CACHE_BYTES, counters.ROUTE_CACHE_ENTRIES):
            self.values[counters.ROUTE.base(1) + gauge] = 0
        super().end()

    @property
    def outcomes(self) -> dict[str, int]:
        found = {one: self.of_route(counters.ROUTE_CACHE_REQUESTS + at) for at, one in enumerate(CACHE_OUTCOMES)}
        return {outcome: count for outcome, count in found.items() if count}
