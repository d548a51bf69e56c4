"""What can never become a request head."""

from __future__ import annotations

import pytest

from fastgw.core.http1.beginnings import BLANK_LINES_MAX, HTTP2_BEGINS, check_beginning
from fastgw.testing import usual
from fastgw.wire.errors import WireError

LIMITS = usual.limits(head_size=400, head_count=3, uri_length=100)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"G",
        b"GET / HTTP/1.1\r",
        b"GET / HTTP/1.1\r\nhost: a",
        b"GET / HTTP/1.1\r\na: b\r\na: b\r\na: b\r\n",
        b"GET /" + b"x" * 99 + b" HTTP/1.1",
        b"\r",
    ],
)
def test_may_become_one(data: bytes) -> None:
    check_beginning(data, -1, 0, 0, LIMITS)


@pytest.mark.parametrize(
    ("data", "end", "blank", "status"),
    [
        (b"GET /" + b"x" * 200, -1, 0, 414),
        (b"GET / HTTP/1.1\r\na: " + b"b" * 400, -1, 0, 431),
        (b"GET / HTTP/1.1\r\na: " + b"b" * 100 + b"\r\n\r\n", 121, 0, 431),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 4, -1, 0, 431),
        (b"GET / HTTP/1.1\na: b", -1, 0, 400),
        (b"GET / HTTP/1.1\r\na: \0", -1, 0, 400),
        (b"\r", -1, BLANK_LINES_MAX, 400),
        (b"no request line\r\n", -1, 0, 400),
    ],
)
def test_never_will(data: bytes, end: int, blank: int, status: int) -> None:
    with pytest.raises(WireError) as caught:
        check_beginning(data, end, 0, blank, LIMITS)
    assert caught.value.status == status


def test_what_was_checked_before_is_not_checked_again() -> None:
    data = b"no request line\r\nb: c"
    check_beginning(data, -1, len(data) - 3, 0, LIMITS)


def test_the_beginning_of_http2_waits_for_its_end_wherever_it_is_cut() -> None:
    for size in range(1, len(HTTP2_BEGINS)):
        check_beginning(HTTP2_BEGINS[:size], -1, 0, 0, LIMITS)
    with pytest.raises(WireError):
        check_beginning(b"PRI / HTTP/2.0\r\n", -1, 0, 0, LIMITS)
