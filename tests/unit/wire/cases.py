"""Raw inputs that matter, each with the status its sender gets: 200 means it was passed on to a service that answers 200.

``HEADS`` are decided by the head alone and are complete messages; ``BODIES`` have a good head and break (or not) behind it; ``ANSWERS``
are what a service says to ``GET /``, with 502 where nothing of it may be passed on.  The reasons are RFC sections.
"""

from __future__ import annotations

from typing import NamedTuple


class Case(NamedTuple):
    """One input."""

    name: str
    raw: bytes
    status: int


def _get(line: bytes, *fields: bytes) -> bytes:
    return b"\r\n".join([line, *fields, b"", b""])


def _host(*fields: bytes, line: bytes = b"GET / HTTP/1.1") -> bytes:
    return _get(line, b"Host: a.test", *fields)


def _post(*fields: bytes, body: bytes = b"", version: bytes = b"1.1") -> bytes:
    return _host(*fields, line=b"POST / HTTP/" + version) + body


def _chunked(body: bytes) -> bytes:
    return _post(b"Transfer-Encoding: chunked", body=body)


HEADS = [
    # request line: RFC 9112 section 3
    Case("plain", _host(), 200),
    Case("http-1.0", _get(b"GET / HTTP/1.0"), 200),
    Case("http-1.0-host", _host(line=b"GET / HTTP/1.0"), 200),
    Case("query-method", _host(line=b"QUERY / HTTP/1.1"), 200),
    Case("http-0.9", _get(b"GET /"), 400),
    Case("http-0.9-named", _host(line=b"GET / HTTP/0.9"), 505),
    Case("http-1.2", _host(line=b"GET / HTTP/1.2"), 200),
    Case("http-1.9", _host(line=b"POST / HTTP/1.9"), 200),
    Case("http-9.9", _host(line=b"GET / HTTP/9.9"), 505),
    Case("http-1.10", _host(line=b"GET / HTTP/1.10"), 400),
    Case("http-2", _host(line=b"GET / HTTP/2.0"), 505),
    Case("preface-of-http-2", b"PRI * HTTP/2.0\r\n\r\n", 505),
    Case("other-protocol", _host(line=b"GET / ICY/1.1"), 400),
    Case("rtsp", _host(line=b"GET / RTSP/1.0"), 400),
    Case("lower-case-version", _host(line=b"GET / http/1.1"), 400),
    Case("two-spaces", _host(line=b"GET  / HTTP/1.1"), 400),
    Case("space-behind", _host(line=b"GET / HTTP/1.1 "), 400),
    Case("tab-between", _host(line=b"GET\t/ HTTP/1.1"), 400),
    Case("tab-behind-target", _host(line=b"GET /\tHTTP/1.1"), 400),
    Case("space-in-target", _host(line=b"GET /a b HTTP/1.1"), 400),
    Case("unknown-method", _host(line=b"BREW / HTTP/1.1"), 501),
    Case("lower-case-method", _host(line=b"get / HTTP/1.1"), 501),
    Case("trace", _host(line=b"TRACE / HTTP/1.1"), 501),
    Case("connect", _get(b"CONNECT a.test:443 HTTP/1.1", b"Host: a.test:443"), 501),
    # target: sections 3.2.1 to 3.2.4
    Case("asterisk", _host(line=b"OPTIONS * HTTP/1.1"), 200),
    Case("asterisk-get", _host(line=b"GET * HTTP/1.1"), 400),
    Case("absolute", _host(line=b"GET http://a.test/x HTTP/1.1"), 200),
    Case("absolute-other-host", _host(line=b"GET http://b.test/x HTTP/1.1"), 400),
    Case("absolute-no-host", _get(b"GET http://a.test/x HTTP/1.0"), 200),
    Case("absolute-ftp", _host(line=b"GET ftp://a.test/x HTTP/1.1"), 400),
    Case("absolute-userinfo", _host(line=b"GET http://u@a.test/x HTTP/1.1"), 400),
    Case("absolute-empty-authority", _host(line=b"GET http:///x HTTP/1.1"), 400),
    Case("authority-form", _host(line=b"GET a.test:80 HTTP/1.1"), 400),
    Case("fragment", _host(line=b"GET /a#b HTTP/1.1"), 400),
    Case("escaped-nul", _host(line=b"GET /%00 HTTP/1.1"), 400),
    Case("broken-escape", _host(line=b"GET /%zz HTTP/1.1"), 400),
    Case("above-the-root", _host(line=b"GET /../etc HTTP/1.1"), 400),
    Case("above-the-root-escaped", _host(line=b"GET /%2e%2E/etc HTTP/1.1"), 400),
    Case("backslash", _host(line=b"GET /a\\b HTTP/1.1"), 400),
    Case("byte-80", _host(line=b"GET /\x80 HTTP/1.1"), 400),
    # Host: section 3.2
    Case("host-missing", _get(b"GET / HTTP/1.1"), 400),
    Case("host-missing-beside-others", _get(b"GET / HTTP/1.1", b"X: y"), 400),
    Case("host-twice", _host(b"Host: a.test"), 400),
    Case("host-empty", _get(b"GET / HTTP/1.1", b"Host:"), 400),
    Case("host-list", _get(b"GET / HTTP/1.1", b"Host: a.test, b.test"), 400),
    Case("host-userinfo", _get(b"GET / HTTP/1.1", b"Host: u@a.test"), 400),
    Case("host-port", _get(b"GET / HTTP/1.1", b"Host: a.test:8080"), 200),
    Case("host-port-too-large", _get(b"GET / HTTP/1.1", b"Host: a.test:65536"), 400),
    Case("host-port-word", _get(b"GET / HTTP/1.1", b"Host: a.test:http"), 400),
    Case("host-ipv6", _get(b"GET / HTTP/1.1", b"Host: [::1]:80"), 200),
    Case("host-ipv6-broken", _get(b"GET / HTTP/1.1", b"Host: [::1"), 400),
    # fields: section 5
    Case("space-before-colon", _host(b"X : a"), 400),
    Case("space-before-name", _host(b" X: a"), 400),
    Case("folded", _host(b"X: a", b" b"), 400),
    Case("no-colon", _host(b"X"), 400),
    Case("empty-name", _host(b": a"), 400),
    Case("name-with-slash", _host(b"X/Y: a"), 400),
    Case("nul-in-value", _host(b"X: a\0b"), 400),
    Case("cr-in-value", _host(b"X: a\rb"), 400),
    Case("del-in-value", _host(b"X: a\x7fb"), 400),
    Case("obs-text-in-value", _host(b"X: \xe9"), 200),
    Case("lf-line-ends", b"GET / HTTP/1.1\nHost: a.test\n\n", 400),
    Case("lf-in-value", _host(b"X: a\nY: b"), 400),
    # framing: section 6
    Case("length-zero", _post(b"Content-Length: 0"), 200),
    Case("length", _post(b"Content-Length: 5", body=b"hello"), 200),
    Case("length-with-spaces", _post(b"Content-Length: \t 5 ", body=b"hello"), 200),
    Case("length-twice", _post(b"Content-Length: 5", b"Content-Length: 5", body=b"hello"), 400),
    Case("length-list", _post(b"Content-Length: 5, 5", body=b"hello"), 400),
    Case("length-signed", _post(b"Content-Length: +5", body=b"hello"), 400),
    Case("length-negative", _post(b"Content-Length: -5", body=b"hello"), 400),
    Case("length-hex", _post(b"Content-Length: 0x5", body=b"hello"), 400),
    Case("length-empty", _post(b"Content-Length:", body=b"hello"), 400),
    Case("length-underscore-alias", _post(b"Content-Length: 5", b"Content_Length: 6", body=b"hello"), 200),
    Case("chunked", _chunked(b"5\r\nhello\r\n0\r\n\r\n"), 200),
    Case("chunked-upper", _post(b"Transfer-Encoding: CHUNKED", body=b"0\r\n\r\n"), 200),
    Case("chunked-and-length", _post(b"Content-Length: 5", b"Transfer-Encoding: chunked", body=b"0\r\n\r\n"), 400),
    Case("chunked-in-http-1.0", _post(b"Transfer-Encoding: chunked", body=b"0\r\n\r\n", version=b"1.0"), 400),
    Case("chunked-not-last", _post(b"Transfer-Encoding: chunked, gzip"), 400),
    Case("empty-coding", _post(b"Transfer-Encoding:"), 400),
    # Expect, Upgrade, TE: RFC 9110 sections 10.1.1, 7.8 and 10.1.4
    Case("expect-continue", _post(b"Expect: 100-Continue", b"Content-Length: 2", body=b"hi"), 200),
    Case("expect-other", _post(b"Expect: 200-ok", b"Content-Length: 2", body=b"hi"), 417),
    Case("upgrade-h2c", _host(b"Connection: Upgrade, HTTP2-Settings", b"Upgrade: h2c", b"HTTP2-Settings: x"), 200),
    Case("websocket-half", _host(b"Connection: Upgrade", b"Upgrade: websocket"), 400),
    Case("websocket-8", _host(b"Connection: Upgrade", b"Upgrade: websocket", b"Sec-WebSocket-Version: 8"), 426),
]

#: What the grammar parser, or the rule behind it, may call by another 4xx or 501: both refuse (RFC 9112 section 6.1).
REFUSED_EITHER_WAY = [
    Case("chunked-twice", _post(b"Transfer-Encoding: chunked, chunked"), 501),
    Case("chunked-two-lines", _post(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"), 501),
    Case("coding-gzip", _post(b"Transfer-Encoding: gzip, chunked"), 501),
    Case("coding-identity", _post(b"Transfer-Encoding: identity"), 501),
    Case("coding-vt", _post(b"Transfer-Encoding: \x0bchunked"), 400),
    Case("length-of-20-digits", _post(b"Content-Length: 10000000000000000000"), 413),
    Case("length-of-30-digits", _post(b"Content-Length: " + b"9" * 30), 413),
]

BODIES = [
    Case("size-upper-hex", _chunked(b"A\r\n0123456789\r\n0\r\n\r\n"), 200),
    Case("size-with-zeros", _chunked(b"0005\r\nhello\r\n000\r\n\r\n"), 200),
    Case("extension", _chunked(b'5;a="b c" ; d=e;f\r\nhello\r\n0;x\r\n\r\n'), 200),
    Case("trailer", _chunked(b"0\r\nX-Sum: 1\r\n\r\n"), 200),
    Case("trailer-forbidden", _chunked(b"0\r\nContent-Length: 9\r\nAuthorization: x\r\n\r\n"), 200),
    Case("size-not-hex", _chunked(b"z\r\nhello\r\n0\r\n\r\n"), 400),
    Case("size-empty", _chunked(b"\r\nhello\r\n0\r\n\r\n"), 400),
    Case("size-signed", _chunked(b"+5\r\nhello\r\n0\r\n\r\n"), 400),
    Case("size-prefixed", _chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), 400),
    Case("size-space", _chunked(b"5 \r\nhello\r\n0\r\n\r\n"), 400),
    Case("size-overflow", _chunked(b"FFFFFFFFFFFFFFFF\r\nhello"), 413),
    Case("size-17-digits", _chunked(b"00000000000000005\r\nhello\r\n0\r\n\r\n"), 400),
    Case("size-lf", _chunked(b"5\nhello\r\n0\r\n\r\n"), 400),
    Case("size-cr", _chunked(b"5\rX\r\nhello\r\n0\r\n\r\n"), 400),
    Case("extension-bare-cr", _chunked(b"5;a\rb\r\nhello\r\n0\r\n\r\n"), 400),
    Case("extension-endless", _chunked(b"5;" + b"a" * 300), 400),
    Case("data-too-long", _chunked(b"5\r\nhello!\r\n0\r\n\r\n"), 400),
    Case("data-lf", _chunked(b"5\r\nhello\n0\r\n\r\n"), 400),
    Case("trailer-no-colon", _chunked(b"0\r\nX\r\n\r\n"), 400),
    Case("trailer-folded", _chunked(b"0\r\nX: a\r\n b\r\n\r\n"), 400),
    Case("trailer-nul", _chunked(b"0\r\nX: \0\r\n\r\n"), 400),
    Case("trailer-lf", _chunked(b"0\r\nX: a\n\r\n"), 400),
    Case("trailers-101", _chunked(b"0\r\n" + b"X: a\r\n" * 101 + b"\r\n"), 431),
    Case("trailers-large", _chunked(b"0\r\nX: " + b"a" * 40_000), 431),
]

_OK = b"HTTP/1.1 200 OK\r\n"
_HELLO = b"Content-Length: 5\r\n\r\nhello"

ANSWERS = [
    Case("length", _OK + _HELLO, 200),
    Case("http-1.0", b"HTTP/1.0 200 OK\r\n" + _HELLO, 200),
    Case("no-reason", b"HTTP/1.1 200 \r\n" + _HELLO, 200),
    Case("no-reason-no-space", b"HTTP/1.1 200\r\n" + _HELLO, 200),
    Case("chunked", _OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200),
    Case("interim", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" + _OK + _HELLO, 200),
    Case("leftover", _OK + _HELLO + b"EXTRA", 200),
    Case("length-twice", _OK + b"Content-Length: 5\r\n" + _HELLO, 502),
    Case("length-word", _OK + b"Content-Length: abc\r\n\r\nhello", 502),
    Case("length-list", _OK + b"Content-Length: 5, 5\r\n\r\nhello", 502),
    Case("length-huge", _OK + b"Content-Length: 9223372036854775808\r\n\r\n", 502),
    Case("length-of-30-digits", _OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n", 502),
    Case("chunked-and-length", _OK + b"Transfer-Encoding: chunked\r\n" + _HELLO, 502),
    Case("chunked-twice", _OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 502),
    Case("chunked-gzip", _OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 502),
    Case("chunked-in-http-1.0", b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 502),
    Case("lf-line-ends", b"HTTP/1.1 200 OK\nContent-Length: 5\n\nhello", 502),
    Case("cr-in-value", _OK + b"X: a\rSet-Cookie: b\r\n" + _HELLO, 502),
    Case("nul-in-value", _OK + b"X: a\0b\r\n" + _HELLO, 502),
    Case("space-before-colon", _OK + b"X : a\r\n" + _HELLO, 502),
    Case("folded", _OK + b"X: a\r\n b\r\n" + _HELLO, 502),
    Case("no-colon", _OK + b"Junk\r\n" + _HELLO, 502),
    Case("status-1000", b"HTTP/1.1 1000 X\r\n" + _HELLO, 502),
    Case("status-099", b"HTTP/1.1 099 X\r\n" + _HELLO, 502),
    Case("status-letters", b"HTTP/1.1 2OO OK\r\n" + _HELLO, 502),
    Case("http-2", b"HTTP/2.0 200 OK\r\n" + _HELLO, 502),
    Case("icy", b"ICY 200 OK\r\n" + _HELLO, 502),
    Case("blank-line-first", b"\r\n" + _OK + _HELLO, 502),
    Case("fields-101", _OK + b"X: a\r\n" * 100 + _HELLO, 502),
    Case("head-1-mib", _OK + b"X: " + b"a" * 1_048_576, 502),
    Case("interim-flood", b"HTTP/1.1 100 Continue\r\n\r\n" * 17 + _OK + _HELLO, 502),
    Case("unasked-101", b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", 502),
]
