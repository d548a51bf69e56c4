"""Which requests stay together when a route is split: those with an equal key."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastgw.wire.messages import Request


def sticky_key(request: Request, sticky: str) -> bytes:
    """The request's value of ``sticky``, "header:<name>" or "cookie:<name>"; empty when it has none."""
    kind, _, name = sticky.partition(":")
    value = request.header(name.encode() if kind == "header" else b"cookie") or b""
    if kind == "header":
        return value
    for part in value.split(b";"):
        key, _, content = part.strip().partition(b"=")
        if key == name.encode():
            return content
    return b""
