"""What the rules say of one field (RFC 9113 section 8.2)."""

from __future__ import annotations

import pytest

from fastgw.wire.http2 import field_kinds as kinds
from fastgw.wire.http2.field import Http2Field
from fastgw.wire.http2.field_kinds import MALFORMED, PLAIN


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b":method", kinds.METHOD),
        (b":scheme", kinds.SCHEME),
        (b":authority", kinds.AUTHORITY),
        (b":path", kinds.PATH),
        (b":protocol", kinds.PROTOCOL),
        (b":status", kinds.STATUS),
        (b"cookie", kinds.COOKIE),
        (b"host", kinds.HOST),
        (b"accept", PLAIN),
        (b"x" * 200, PLAIN),
    ],
)
def test_a_name_says_what_it_is(name: bytes, kind: int) -> None:
    one = Http2Field(name, b"value")
    assert one.kind == kind
    assert one.size == len(name) + 5 + 32
    assert one.line == (b"" if name[:1] == b":" else name + b": value\r\n")


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        (b"Accept", b"x", "lower case"),
        (b"", b"x", "lower case"),
        (b"a b", b"x", "lower case"),
        (b"a\x00", b"x", "lower case"),
        (b"caf\xe9", b"x", "lower case"),
        (b":authorit", b"x", "unknown pseudo-field"),
        (b"a:", b"x", "lower case"),
        (b"connection", b"close", "HTTP/1.1"),
        (b"transfer-encoding", b"chunked", "HTTP/1.1"),
        (b"upgrade", b"h2c", "HTTP/1.1"),
        (b"keep-alive", b"5", "HTTP/1.1"),
        (b"proxy-connection", b"close", "HTTP/1.1"),
        (b"te", b"gzip", "trailers"),
        (b"te", b"a\x00", "control character"),
        (b"a", b" x", "space"),
        (b"a", b"x\t", "space"),
        (b"a", b"x\ry", "control"),
        (b"a", b"x\ny", "control"),
        (b"a", b"x\x00y", "control"),
        (b":path", b"/\r\n", "control"),
    ],
)
def test_what_no_message_may_have_is_malformed(name: bytes, value: bytes, told: str) -> None:
    one = Http2Field(name, value)
    assert one.kind == MALFORMED
    assert one.line == b""
    assert told in one.problem()


def test_te_may_ask_for_trailers() -> None:
    assert Http2Field(b"te", b"trailers").kind == PLAIN


def test_a_value_may_be_empty() -> None:
    assert Http2Field(b"a", b"").line == b"a: \r\n"
    assert "a" in repr(Http2Field(b"a", b""))
