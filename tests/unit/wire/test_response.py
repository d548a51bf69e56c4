"""Response heads: framing, the connection's future, what is passed on."""

from __future__ import annotations

import pytest

from fastgw.wire.errors import WireError
from fastgw.wire.fields import RESPONSE_FIELDS, FieldTable
from fastgw.wire.messages import BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE, Response
from fastgw.wire.response import read_response
from tests.unit.wire.cases import ANSWERS, Case

TABLE = FieldTable(RESPONSE_FIELDS)
HEAD_ONLY = [case for case in ANSWERS if case.name not in ("head-1-mib", "interim-flood", "unasked-101", "leftover")]


def read(raw: bytes, *, to_head: bool = False, response: Response | None = None) -> Response:
    made = Response() if response is None else response
    read_response(raw, made, TABLE, 100, to_head=to_head)
    return made


def head(*lines: bytes, status: bytes = b"200 OK", version: bytes = b"1.1") -> bytes:
    return b"\r\n".join([b"HTTP/" + version + b" " + status, *lines, b"", b""])


@pytest.mark.parametrize("case", HEAD_ONLY, ids=lambda case: case.name)
def test_important_answers(case: Case) -> None:
    end = case.raw.find(b"\r\n\r\n")
    raw = case.raw[: end + 4] if end >= 0 else case.raw.replace(b"\n", b"\r\n\r\n", 1)
    if case.status == 200:
        read(raw)
    else:
        with pytest.raises(WireError):
            read(raw)


@pytest.mark.parametrize(
    ("raw", "body", "length", "keep_alive"),
    [
        (head(b"Content-Length: 5"), BODY_LENGTH, 5, True),
        (head(b"Content-Length: 0"), BODY_NONE, 0, True),
        (head(b"Transfer-Encoding: Chunked"), BODY_CHUNKED, -1, True),
        (head(), BODY_UNTIL_CLOSE, -1, False),
        (head(b"Connection: keep-alive"), BODY_UNTIL_CLOSE, -1, False),
        (head(b"Content-Length: 5", b"Connection: x, Close"), BODY_LENGTH, 5, False),
        (head(b"Content-Length: 5", version=b"1.0"), BODY_LENGTH, 5, False),
        (head(b"Content-Length: 5", b"Connection: Keep-Alive", version=b"1.0"), BODY_LENGTH, 5, True),
        (head(b"Connection: keep-alive, close", b"Content-Length: 5", version=b"1.0"), BODY_LENGTH, 5, False),
        (head(b"Content-Length: 5", status=b"204 No Content"), BODY_NONE, 5, True),
        (head(status=b"204 No Content"), BODY_NONE, -1, True),
        (head(b"Content-Length: 5", status=b"304 Not Modified"), BODY_NONE, 5, True),
        (head(status=b"100 Continue"), BODY_NONE, -1, True),
    ],
)
def test_framing(raw: bytes, body: int, length: int, keep_alive: bool) -> None:
    response = read(raw)
    assert (response.body, response.content_length, response.keep_alive) == (body, length, keep_alive)


@pytest.mark.parametrize("line", [b"Content-Length: 5", b"Transfer-Encoding: chunked", b"X: y"])
def test_answer_to_head_has_no_body(line: bytes) -> None:
    response = read(head(line), to_head=True)
    assert response.body == BODY_NONE
    assert response.keep_alive


def test_fields_pass_without_those_of_the_hop() -> None:
    response = read(
        head(
            b"Server: x",
            b"Connection: X-Hop, Content-Type",
            b"X-Hop: 1",
            b"Keep-Alive: timeout=5",
            b"Content-Type: a/b",
            b"Proxy-Authenticate: Basic",
            b"Upgrade: H2C",
            b"X-Request-Id: 7",
            b"content-length: 1",
        )
    )
    assert response.fields == b"Server: x\r\nContent-Type: a/b\r\ncontent-length: 1\r\n"
    assert response.request_id == b"7"
    assert response.upgrade == b"h2c"


def test_connection_that_names_nothing_takes_nothing_away() -> None:
    response = read(head(b"A: b", b"Connection: close, , keep-alive"))
    assert response.fields == b"A: b\r\n"


def test_repeated_fields_of_the_hop_count_together() -> None:
    response = read(head(b"Connection: x", b"Connection: close", b"Upgrade: a", b"Upgrade: B", b"Content-Length: 1"))
    assert response.connection == b"x,close"
    assert response.upgrade == b"a,b"
    assert not response.keep_alive


def test_status_line() -> None:
    response = read(head(b"Content-Length: 0", status=b"299 Odd \xe9"))
    assert (response.status, response.reason, response.minor) == (299, b"Odd \xe9", 1)


def test_nothing_of_one_answer_is_left_in_the_next() -> None:
    response = read(head(b"Connection: close", b"Transfer-Encoding: chunked", b"X-Request-Id: 7", b"Upgrade: a"))
    response.add_header(b"x-by", b"hook")
    assert response.extra == b"x-by: hook\r\n"
    read(head(b"A: b", status=b"204 No Content"), response=response)
    assert (response.transfer_encoding, response.connection, response.upgrade) == (b"", b"", b"")
    assert (response.request_id, response.extra, response.keep_alive) == (b"", b"", True)
    assert response.fields == b"A: b\r\n"
