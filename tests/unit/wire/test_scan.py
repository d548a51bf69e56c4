"""Taking heads and chunk lines apart: every implementation, by the same table and against each other."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from fastgw.wire import scan as chooser
from fastgw.wire.errors import WireError
from fastgw.wire.fields import REQUEST_FIELDS, RESPONSE_FIELDS, TRUSTED_REQUEST_FIELDS, FieldTable
from fastgw.wire.messages import Request, Response
from fastgw.wire.target import split_target
from tests.unit.wire.heads import head_of, implementations

IMPLEMENTATIONS = implementations()
GET = b"GET /a?b HTTP/1.1"
OK = b"HTTP/1.1 200 OK"


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda module: module.__name__.rpartition(".")[2])
def scan(request: pytest.FixtureRequest) -> ModuleType:
    module: ModuleType = request.param
    return module


def scanned(scan: ModuleType, *fields: bytes, first: bytes = GET, trusted: bool = False, count: int = 100) -> Request:
    made = Request()
    table = FieldTable(TRUSTED_REQUEST_FIELDS if trusted else REQUEST_FIELDS)
    scan.scan_request(head_of(first, list(fields)), made, table, count)
    return made


def answered(scan: ModuleType, *fields: bytes, first: bytes = OK, count: int = 100) -> Response:
    made = Response()
    scan.scan_response(head_of(first, list(fields)), made, FieldTable(RESPONSE_FIELDS), count)
    return made


def status_of(call: Any, *args: Any, **options: Any) -> int:
    with pytest.raises(WireError) as caught:
        call(*args, **options)
    return caught.value.status


def test_chooser_has_one_of_them() -> None:
    assert chooser.scan_request in [module.scan_request for module in IMPLEMENTATIONS]
    assert chooser.scan_response in [module.scan_response for module in IMPLEMENTATIONS]
    assert chooser.scan_chunk_line in [module.scan_chunk_line for module in IMPLEMENTATIONS]
    assert chooser.scan_target in [module.scan_target for module in IMPLEMENTATIONS]
    assert chooser.find_head_end in [module.find_head_end for module in IMPLEMENTATIONS]
    assert chooser.cut in [module.cut for module in IMPLEMENTATIONS]
    assert chooser.join in [module.join for module in IMPLEMENTATIONS]


# --- requests


def test_request_line(scan: ModuleType) -> None:
    request = scanned(scan, b"Host: a")
    assert (request.method, request.target, request.minor) == (b"GET", b"/a?b", 1)
    assert scanned(scan, b"Host: a", first=b"GET / HTTP/1.0").minor == 0
    assert scanned(scan, b"Host: a", first=b"GET / HTTP/1.2").minor == 1


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (b"GET /", 400),
        (b"GET  / HTTP/1.1", 400),
        (b"GET / a HTTP/1.1", 400),
        (b"GET / HTTP/1.1 ", 400),
        (b"GET / HTTX/1.1", 400),
        (b"GET", 400),
        (b"GET / HTTP/2.0", 505),
        (b"GET / HTTP/9.9", 505),
        (b"GET / HTTP/1.10", 400),
        (b"GET / HTTP/", 400),
    ],
)
@pytest.mark.parametrize("fields", [(), (b"Host: a",)])
def test_request_line_that_is_none(scan: ModuleType, line: bytes, status: int, fields: tuple[bytes, ...]) -> None:
    assert status_of(scanned, scan, *fields, first=line) == status


def test_request_without_fields(scan: ModuleType) -> None:
    request = scanned(scan, first=b"GET / HTTP/1.0")
    assert (request.fields, request.host_count) == (b"", 0)


def test_lines_of_a_request_pass_as_they_came(scan: ModuleType) -> None:
    request = scanned(scan, b"ACCEPT:*/*", b"Host: \t A.test:80 ", b"x-a:  b\t", b"x-A:", b"Cookie: \xe9")
    assert request.fields == b"ACCEPT:*/*\r\nx-a:  b\t\r\nx-A:\r\nCookie: \xe9\r\n"
    assert (request.authority, request.host_count, request.rare) == (b"A.test:80", 1, False)


def test_large_request_head(scan: ModuleType) -> None:
    kept = [b"x-%d: " % number + b"v" * 300 for number in range(60)]
    assert scanned(scan, b"Host: a", *kept).fields == b"\r\n".join([*kept, b""])


def test_fields_of_a_request_are_counted(scan: ModuleType) -> None:
    assert scanned(scan, b"Host: a", b"A: b", count=2).fields == b"A: b\r\n"
    assert status_of(scanned, scan, b"Host: a", b"A: b", b"C: d", count=2) == 431


def test_name_that_is_no_token_in_a_request(scan: ModuleType) -> None:
    assert status_of(scanned, scan, b": a") == 400


def test_special_fields_of_a_request(scan: ModuleType) -> None:
    request = scanned(
        scan,
        b"Host: a",
        b"Content-Length: 12",
        b"Connection: X-Hop, TE",
        b"connection: close",
        b"X-Hop: 1",
        b"Expect: 100-Continue",
        b"Upgrade: WebSocket",
        b"Upgrade: Other",
        b"TE: gzip , Trailers",
        b"X-Request-Id: abc.1",
        b"Via: 1.0 one",
        b"Via: 1.1 two",
        b"X-Forwarded-For: 6.6.6.6",
        b"Keep-Alive: 5",
    )
    assert request.fields == b"Content-Length: 12\r\n"
    assert (request.content_length, request.length_count) == (12, 1)
    assert (request.connection, request.closes) == (b"X-Hop, TE", True)
    assert request.expect
    assert request.upgrade == b"websocket,other"
    assert request.te_trailers
    assert request.request_id == b"abc.1"
    assert request.via == b"1.0 one, 1.1 two"
    assert request.forwarded_for == b""
    assert request.rare


def test_forwarded_fields_of_a_trusted_peer(scan: ModuleType) -> None:
    request = scanned(
        scan,
        b"X-Forwarded-For: 1.1.1.1",
        b"X-Forwarded-For: 2.2.2.2",
        b"X-Forwarded-Proto: https",
        b"X-Forwarded-Host: a.test",
        b"Forwarded: for=1.1.1.1",
        b"Connection: forwarded, x-forwarded-port",
        b"X-Forwarded-Port: 443",
        trusted=True,
    )
    assert request.forwarded_for == b"1.1.1.1, 2.2.2.2"
    assert (request.forwarded_proto, request.forwarded_host) == (b"https", b"a.test")
    assert request.fields == b"Forwarded: for=1.1.1.1\r\nX-Forwarded-Port: 443\r\n"


@pytest.mark.parametrize(
    ("line", "coding"),
    [
        ((b"Transfer-Encoding: chunked",), b"chunked"),
        ((b"Transfer-Encoding:",), b","),
        ((b"Transfer-Encoding: chunked",) * 2, b","),
        ((b"Transfer-Encoding: a", b"Transfer-Encoding:"), b","),
    ],
)
def test_transfer_encoding(scan: ModuleType, line: tuple[bytes, ...], coding: bytes) -> None:
    assert scanned(scan, *line).transfer_encoding == coding
    assert answered(scan, *line).transfer_encoding == coding


@pytest.mark.parametrize("value", [b"", b"+5", b"-5", b"5, 5", b"0x5", b"5 5", b"\xb2", b"5.", b"\x0b5"])
def test_length_that_is_none(scan: ModuleType, value: bytes) -> None:
    assert status_of(scanned, scan, b"Content-Length: " + value) == 400
    assert status_of(answered, scan, b"Content-Length: " + value) == 400


def test_length_out_of_range(scan: ModuleType) -> None:
    for value in (b"1" * 21, b"9223372036854775808", b"9" * 20):
        assert status_of(scanned, scan, b"Content-Length: " + value) == 413
    assert scanned(scan, b"Content-Length: 9223372036854775807").content_length == 2**63 - 1
    assert scanned(scan, b"Content-Length: " + b"0" * 15 + b"42").content_length == 42
    assert answered(scan, b"Content-Length: 007").content_length == 7


@pytest.mark.parametrize("value", [b"", b"r 1", b'r"1', b"r" * 129, b"\xe9"])
def test_request_id_that_is_not_valid(scan: ModuleType, value: bytes) -> None:
    request = scanned(scan, b"X-Request-Id: " + value)
    assert (request.request_id, request.fields) == (b"", b"")


def test_te_without_trailers(scan: ModuleType) -> None:
    assert not scanned(scan, b"TE: gzip").te_trailers


@pytest.mark.parametrize("value", [b"100", b"100-continue, x", b""])
def test_other_expectations(scan: ModuleType, value: bytes) -> None:
    assert status_of(scanned, scan, b"Expect: " + value) == 417


def test_connection_may_not_take_away_what_must_stay(scan: ModuleType) -> None:
    kept = (b"Content-Type: a", b"Cookie: b", b"Authorization: c", b"Content-Length: 1")
    named = b"Connection: content-type, cookie, authorization, content-length, host, x-a"
    request = scanned(scan, *kept, named, b"X-A: gone", b"x-b: stays")
    assert request.fields == b"\r\n".join([*kept, b"x-b: stays", b""])


def test_line_without_a_colon_is_no_field(scan: ModuleType) -> None:
    """Neither one that is new, nor one whose name is known."""
    for line in (b"Accept", b"Host", b"Keep-Alive", b"a b"):
        assert status_of(scanned, scan, b"Accept: a", line) == 400
        assert status_of(answered, scan, b"Accept: a", line) == 400


# --- answers


def test_answer(scan: ModuleType) -> None:
    response = answered(scan, b"Server: x", b"X-Request-Id: 7", b"Content-Length: 5", b"A:\t b ", b"Connection: A, x")
    assert (response.status, response.reason, response.minor) == (200, b"OK", 1)
    assert response.fields == b"Server: x\r\nContent-Length: 5\r\n"
    assert (response.content_length, response.length_count, response.request_id) == (5, 1, b"7")
    assert response.connection == b"A, x"


def test_usual_answer_has_nothing_rare(scan: ModuleType) -> None:
    response = answered(scan, b"Server: x", b"Date: y", b"Keep-Alive: 5")
    assert response.fields == b"Server: x\r\nDate: y\r\n"
    assert not response.rare


def test_a_word_of_connection_elsewhere_is_none(scan: ModuleType) -> None:
    """Every field has its own rule: a coding by that name is one that nobody knows."""
    assert answered(scan, b"Transfer-Encoding: keep-alive").transfer_encoding == b"keep-alive"
    request = scanned(scan, b"Transfer-Encoding: close")
    assert (request.transfer_encoding, request.closes) == (b"close", False)


@pytest.mark.parametrize("value", [b"close", b" close", b" CLOSE\t", b"\tClose"])
def test_the_usual_connection_is_nothing_rare(scan: ModuleType, value: bytes) -> None:
    request = scanned(scan, b"Connection:" + value, b"X: y")
    assert (request.closes, request.rare, request.fields) == (True, False, b"X: y\r\n")
    request = scanned(scan, b"Connection:" + value.lower().replace(b"close", b"Keep-Alive"), b"X: y")
    assert (request.closes, request.rare, request.fields) == (False, False, b"X: y\r\n")


def test_large_answer_head(scan: ModuleType) -> None:
    kept = [b"x-%d: " % number + b"v" * 300 for number in range(60)]
    assert answered(scan, *kept).fields == b"\r\n".join([*kept, b""])


def test_answer_that_upgrades(scan: ModuleType) -> None:
    response = answered(scan, b"Connection: Upgrade", b"Upgrade: WebSocket", first=b"HTTP/1.1 101 Switching Protocols")
    assert (response.upgrade, response.connection, response.fields) == (b"websocket", b"Upgrade", b"")


@pytest.mark.parametrize(
    ("line", "minor", "status", "reason"),
    [
        (b"HTTP/1.0 200 OK", 0, 200, b"OK"),
        (b"HTTP/1.1 404 ", 1, 404, b""),
        (b"HTTP/1.1 404", 1, 404, b""),
        (b"HTTP/1.1 999 a\tb \xe9", 1, 999, b"a\tb \xe9"),
    ],
)
@pytest.mark.parametrize("fields", [(), (b"A: b",)])
def test_status_line(
    scan: ModuleType, line: bytes, minor: int, status: int, reason: bytes, fields: tuple[bytes, ...]
) -> None:
    response = answered(scan, *fields, first=line)
    assert (response.minor, response.status, response.reason) == (minor, status, reason)


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"HTTP/1.1 200OK",
        b"HTTP/1.1  200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 2000 OK",
        b"HTTP/1.1 099 OK",
        b"HTTP/1.2 200 OK",
        b"HTTP/2 200 OK",
        b"http/1.1 200 OK",
        b"HTTP/1.1 200 O\x00K",
        b"HTTP/1.1 200 O\rK",
        b"HTTP/1.1 200 O\nK",
        b"HTTP/1.1 2\xb20 OK",
    ],
)
def test_status_line_that_is_none(scan: ModuleType, line: bytes) -> None:
    assert status_of(answered, scan, b"A: b", first=line) == 400


@pytest.mark.parametrize(
    "field", [b"A", b"A : b", b" A: b", b": b", b"A: b\rc", b"A: b\nc", b"A: \x00", b"A: \x7f", b"A\x80: b", b""]
)
@pytest.mark.parametrize("before", [(), (b"Content-Length: 5", b"Connection: close")])
def test_line_that_is_no_field(scan: ModuleType, field: bytes, before: tuple[bytes, ...]) -> None:
    assert status_of(answered, scan, *before, field, b"C: d") == 400


def test_fields_of_an_answer_are_counted(scan: ModuleType) -> None:
    assert answered(scan, b"A: b", b"C: d", count=2).status == 200
    assert status_of(answered, scan, b"A: b", b"C: d", b"E: f", count=2) == 400


# --- chunk lines


@pytest.mark.parametrize(
    ("data", "size", "length"),
    [
        (b"5\r\nhello", 5, 3),
        (b"0\r\n", 0, 3),
        (b"aB\r\n", 0xAB, 4),
        (b"0000000000000f\r\n", 15, 16),
        (b"ffffffffffffff\r\n", 16**14 - 1, 16),
    ],
)
def test_plain_chunk_line(scan: ModuleType, data: bytes, size: int, length: int) -> None:
    assert scan.scan_chunk_line(data, 0) == size * 32 + length
    assert scan.scan_chunk_line(b"xy" + data, 2) == size * 32 + length


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"5",
        b"5\r",
        b"\r\n",
        b"5\n",
        b"5;a\r\n",
        b"+5\r\n",
        b"5 \r\n",
        b"0x5\r\n",
        b"5_0\r\n",
        b"g\r\n",
        b"0" * 15 + b"\r\n",
    ],
)
def test_chunk_line_for_the_careful_way(scan: ModuleType, data: bytes) -> None:
    assert scan.scan_chunk_line(data, 0) == -1


# --- ends of heads, plain targets


@pytest.mark.parametrize(
    ("data", "start", "end"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 0, 14),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\nGET", 0, 23),
        (b"a\r\n\r\nb\r\n\r\n", 2, 6),
        (b"a\r\n\r\n", 1, 1),
        (b"a\r\n\r\n", 2, -1),
        (b"a\r\n\r", 0, -1),
        (b"a\n\n", 0, -1),
        (b"a\r\n\n\r\n\r\n", 0, 4),
        (b"a\r\r\n\r\n", 0, 2),
        (b"", 0, -1),
        (b"\r\n\r\n", 9, -1),
    ],
)
def test_end_of_a_head(scan: ModuleType, data: bytes, start: int, end: int) -> None:
    assert scan.find_head_end(data, start) == end


@pytest.mark.parametrize(
    ("target", "mark"),
    [
        (b"/", 1),
        (b"/a/b;c=d", 8),
        (b"/a?", 2),
        (b"/a?b=c", 2),
        (b"/a?b?c", 2),
        (b"/a.b/c..", 8),
        (b"*", 1),
        (b"/a/.", -1),
        (b"/../a", -1),
        (b"/a?b=/.", -1),
        (b"/%41", -1),
        (b"/a?%41", -1),
        (b"/a?b=[]", -1),
        (b"/a#b", -1),
        (b"/a\\b", -1),
        (b"/a b", -1),
        (b"/\x80", -1),
        (b"/\x7f", -1),
        (b"/\0", -1),
    ],
)
def test_plain_target(scan: ModuleType, target: bytes, mark: int) -> None:
    request = Request()
    request.target = request.path = b"as before"
    assert scan.scan_target(target, request) == (mark >= 0)
    if mark >= 0:
        assert (request.target, request.path, request.query) == (target, target[:mark], target[mark:])
    else:
        assert (request.target, request.path) == (b"as before", b"as before")


@pytest.mark.parametrize("byte", range(256))
def test_plain_target_is_one_in_normal_form(scan: ModuleType, byte: int) -> None:
    target = b"/a" + bytes([byte]) + b"b"
    request = Request()
    if scan.scan_target(target, request):
        assert split_target(target) == (request.path, request.query)


# --- pieces


@pytest.mark.parametrize(("start", "stop"), [(0, 0), (0, 5), (2, 3), (5, 5)])
def test_cut_is_a_slice(scan: ModuleType, start: int, stop: int) -> None:
    assert scan.cut(b"abcde", start, stop) == b"abcde"[start:stop]


@pytest.mark.parametrize(("start", "stop"), [(0, 6), (-1, 2), (3, 2), (6, 6)])
def test_compiled_cut_reads_nothing_outside(start: int, stop: int) -> None:
    for module in IMPLEMENTATIONS[1:]:
        with pytest.raises(IndexError):
            module.cut(b"abcde", start, stop)


@pytest.mark.parametrize("pieces", [(), (b"",), (b"a",), (b"a", b"", b"bc"), (b"x" * 70_000, b"y")])
def test_join_is_that_of_bytes(scan: ModuleType, pieces: tuple[bytes, ...]) -> None:
    assert scan.join(pieces) == b"".join(pieces)


@pytest.mark.parametrize("pieces", [(b"", b""), (b"a", b""), (b"", b"b"), (b"ab", b"c" * 70_000)])
def test_a_pair_is_their_sum(scan: ModuleType, pieces: tuple[bytes, bytes]) -> None:
    assert scan.pair(*pieces) == pieces[0] + pieces[1]


@pytest.mark.parametrize("size", [1, 9, 10, 15, 16, 255, 256, 4095, 4096, 70_000])
def test_a_chunk_says_how_long_it_is(scan: ModuleType, size: int) -> None:
    assert scan.framed(b"x" * size) == f"{size:x}\r\n{'x' * size}\r\n".encode()


@pytest.mark.parametrize("wrong", [None, "a", 1])
def test_join_takes_bytes_only(scan: ModuleType, wrong: object) -> None:
    with pytest.raises(TypeError):
        scan.join((b"a", wrong))
    with pytest.raises(TypeError):
        scan.pair(b"a", wrong)
