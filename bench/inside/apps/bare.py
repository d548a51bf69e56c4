"""ASGI without a framework."""

from __future__ import annotations

from typing import Any

import orjson


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    """The greeting."""
    if scope["type"] != "http":
        raise RuntimeError("HTTP is all there is")
    body = orjson.dumps({"message": "Hello, World!"})
    headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})
