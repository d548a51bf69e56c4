"""Sticky keys out of headers and cookies."""

from __future__ import annotations

import pytest

from fastgw.routing.sticky import sticky_key
from fastgw.wire.messages import Request


@pytest.mark.parametrize(
    ("sticky", "field", "key"),
    [
        ("header:x-user", b"X-User: me", b"me"),
        ("header:x-user", b"X-Users: me", b""),
        ("cookie:sid", b"Cookie: sid=7", b"7"),
        ("cookie:sid", b"Cookie: a=b; sid=7=8; c", b"7=8"),
        ("cookie:sid", b"Cookie: a=b;sid=7", b"7"),
        ("cookie:sid", b"Cookie: xsid=7; sidx=8", b""),
        ("cookie:sid", b"Cookie: sid", b""),
        ("cookie:sid", b"X: sid=7", b""),
    ],
)
def test_key(sticky: str, field: bytes, key: bytes) -> None:
    request = Request()
    request.head = b"GET / HTTP/1.1\r\n" + field + b"\r\n\r\n"
    assert sticky_key(request.header, sticky) == key
