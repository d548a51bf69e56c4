"""RSGI, granian's own interface."""

from __future__ import annotations

from typing import Any

import orjson


async def app(_: Any, protocol: Any) -> None:
    """The greeting."""
    body = orjson.dumps({"message": "Hello, World!"})
    protocol.response_bytes(200, [("content-type", "application/json")], body)
