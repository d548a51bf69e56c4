"""Implementations of the scan, and random heads for them."""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from hypothesis import strategies as st

from fastgw.wire.messages import Request, Response

REQUEST_SLOTS = tuple(name for name in dir(Request) if not callable(getattr(Request, name)) and name[0] != "_")
RESPONSE_SLOTS = tuple(name for name in dir(Response) if not callable(getattr(Response, name)) and name[0] != "_")

_NAMES = [
    b"Accept",
    b"X-A",
    b"x-request-id",
    b"Host",
    b"Connection",
    b"Keep-Alive",
    b"Content-Length",
    b"Content_Length",
    b"Transfer-Encoding",
    b"Upgrade",
    b"Expect",
    b"TE",
    b"Via",
    b"X-Forwarded-For",
    b"X-Forwarded-Proto",
    b"X-Forwarded-Host",
    b"X-Forwarded-Port",
    b"Forwarded",
    b"Trailer",
    b"X-" + b"n" * 70,
    b"bad name",
    b"",
]
_VALUES = [
    b"",
    b" ",
    b" a",
    b"a\t ",
    b" 5",
    b" 12",
    b" 5x",
    b" " + b"9" * 21,
    b" chunked",
    b" close",
    b" keep-alive",
    b" close, X-A",
    b" Close ",
    b"\tclose",
    b" keep-alive",
    b"Keep-Alive",
    b" x-a, te",
    b" 100-Continue",
    b" 100",
    b" trailers",
    b" gzip, Trailers",
    b" websocket",
    b" 1.2.3.4",
    b" r-1",
    b" r 1",
    b" \xe9",
]
lines = st.lists(
    st.builds(lambda name, value: name + b":" + value, st.sampled_from(_NAMES), st.sampled_from(_VALUES)), max_size=8
)


def implementations() -> list[ModuleType]:
    """The plain twin, and the compiled module where it can be imported."""
    found = [importlib.import_module("fastgw.wire._scan_py")]
    try:
        found.append(importlib.import_module("fastgw.wire._scan"))
    except ImportError:
        pass
    return found


def head_of(first: bytes, fields: list[bytes]) -> bytes:
    """A head of these lines."""
    return b"\r\n".join([first, *fields, b"", b""])


def attributes(message: Request | Response) -> dict[str, Any]:
    """What a scan has written."""
    return {
        name: getattr(message, name) for name in (REQUEST_SLOTS if isinstance(message, Request) else RESPONSE_SLOTS)
    }
