"""Which requests stay together when a route is split: those with an equal key."""

from __future__ import annotations

from collections.abc import Callable


def sticky_key(header: Callable[[bytes], bytes | None], sticky: str) -> bytes:
    """The value of ``sticky``, "header:<name>" or "cookie:<name>", in a request; empty when it has none.

    ``header``: reads a field of the request by its lower-case name, repeated fields joined by ", ".
    """
    kind, _, name = sticky.partition(":")
    value = header(name.encode() if kind == "header" else b"cookie") or b""
    if kind == "header":
        return value
    for part in value.split(b";"):
        key, _, content = part.strip().partition(b"=")
        if key == name.encode():
            return content
    return b""
