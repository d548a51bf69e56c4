"""Which WebSocket handshakes may open a tunnel."""

from __future__ import annotations

import pytest

from fastgw.wire.errors import WireError
from fastgw.wire.messages import Request
from fastgw.wire.websocket import check_handshake

VERSION = b"Sec-WebSocket-Version: 13"
KEY = b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="


def request(*lines: bytes) -> Request:
    made = Request()
    made.head = b"\r\n".join([b"GET / HTTP/1.1", *lines, b"", b""])
    return made


def test_complete_handshake_passes() -> None:
    check_handshake(request(VERSION, KEY))


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        ((KEY,), 400),
        ((b"Sec-WebSocket-Version: 8", KEY), 426),
        ((VERSION, VERSION, KEY), 426),
        ((VERSION,), 400),
        ((VERSION, b"Sec-WebSocket-Key: c2hvcnQ="), 400),
        ((VERSION, b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ"), 400),
        ((VERSION, b"Sec-WebSocket-Key: dGhl IHNhbXBsZSBub25jZQ=="), 400),
        ((VERSION, KEY, KEY), 400),
    ],
)
def test_incomplete_handshake_is_refused(lines: tuple[bytes, ...], status: int) -> None:
    with pytest.raises(WireError) as caught:
        check_handshake(request(*lines))
    assert caught.value.status == status


def test_another_version_is_told_which_is_spoken() -> None:
    """RFC 9110 section 15.5.22 and RFC 6455 section 4.4."""
    with pytest.raises(WireError) as caught:
        check_handshake(request(b"Sec-WebSocket-Version: 8", KEY))
    assert ("upgrade", "websocket") in caught.value.headers
    assert ("connection", "upgrade") in caught.value.headers
    assert ("sec-websocket-version", "13") in caught.value.headers


def test_handshake_with_a_body_is_refused() -> None:
    with_length = request(VERSION, KEY)
    with_length.content_length = 5
    with_coding = request(VERSION, KEY)
    with_coding.transfer_encoding = b"chunked"
    for made in (with_length, with_coding):
        with pytest.raises(WireError):
            check_handshake(made)
