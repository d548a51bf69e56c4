"""Status lines and heads of answers made by the gateway."""

from __future__ import annotations

import pytest

from fastgw.wire.serialize import STATUS_LINES, reply_fields, reply_head, status_line


def test_usual_status_line_is_the_prepared_one() -> None:
    assert status_line(200) is STATUS_LINES[200]
    assert status_line(404) == b"HTTP/1.1 404 Not Found\r\n"


def test_status_without_a_name_has_no_reason() -> None:
    assert status_line(599) == b"HTTP/1.1 599 \r\n"


def test_reply_head_with_a_body() -> None:
    fields = reply_fields(404, "application/json", 7, (("allow", "GET"),))
    assert reply_head(404, fields, 7, b"close") == (
        b"HTTP/1.1 404 Not Found\r\ncontent-type: application/json\r\nallow: GET\r\ncontent-length: 7\r\n"
        b"connection: close\r\n"
    )


def test_reply_head_without_a_body_has_no_type() -> None:
    assert reply_fields(200, "text/plain", 0, ()) == b""
    assert reply_head(200, b"", 0) == b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n"


@pytest.mark.parametrize("status", [101, 204, 304])
def test_reply_head_that_cannot_have_a_body_has_no_length(status: int) -> None:
    assert b"content-" not in reply_head(status, reply_fields(status, "text/plain", 4, ()), 4)


def test_reply_head_for_a_connection_of_http_1_0_that_goes_on() -> None:
    assert b"\r\nconnection: keep-alive\r\n" in reply_head(200, b"", 0, b"keep-alive")


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        (413, b"Content Too Large"),
        (414, b"URI Too Long"),
        (416, b"Range Not Satisfiable"),
        (422, b"Unprocessable Content"),
    ],
)
def test_reasons_are_those_of_rfc_9110(status: int, reason: bytes) -> None:
    assert status_line(status) == b"HTTP/1.1 %d %b\r\n" % (status, reason)


def test_reply_head_of_a_status_without_a_name() -> None:
    assert reply_head(599, b"", 0).startswith(b"HTTP/1.1 599 \r\n")
