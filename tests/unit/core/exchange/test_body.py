"""Request bodies: framing, and what waits for a connection."""

from __future__ import annotations

import pytest

from fastgw.core.exchange.body import NEVER, PIECES_MAX, RequestBody
from fastgw.core.settings import Limits
from fastgw.wire.errors import WireError
from fastgw.wire.messages import Request
from tests.support import usual


def body(*, length: int = -1, chunked: bool = False, limits: Limits | None = None) -> RequestBody:
    request = Request()
    request.content_length = length
    request.chunked = chunked
    made = RequestBody()
    made.begin(request, limits or usual.limits())
    return made


def test_new_body_is_none() -> None:
    made = RequestBody()
    assert made.is_done
    assert not made.pending


def test_body_with_a_length() -> None:
    made = body(length=5)
    assert made.feed(b"he") == b"he"
    assert (made.is_done, made.received, made.left, made.end) == (False, 2, 3, 2)
    assert made.feed(b"lloGET") == b"llo"
    assert (made.is_done, made.received, made.left, made.end) == (True, 5, 0, 3)


def test_body_that_is_just_complete_is_the_same_object() -> None:
    data = b"hello"
    made = body(length=5)
    assert made.feed(data) is data
    assert made.is_done


def test_chunked_body() -> None:
    made = body(chunked=True)
    assert made.feed(b"5;x\r\nhel") == b"5\r\nhel"
    assert (made.is_done, made.received) == (False, 3)
    assert made.feed(b"lo\r\n0\r\n\r\nGET") == b"lo\r\n0\r\n\r\n"
    assert (made.is_done, made.received, made.end) == (True, 5, 9)


def test_trailers_have_the_limits_of_heads() -> None:
    with pytest.raises(WireError):
        body(chunked=True, limits=usual.limits(head_count=1)).feed(b"0\r\nA: b\r\nC: d\r\n\r\n")


def test_what_waits_is_taken_once_and_in_order() -> None:
    made = body(length=10)
    made.keep(b"ab")
    made.keep(b"cd")
    assert made.held == 4
    assert made.take() == b"abcd"
    assert (made.take(), made.held) == (b"", 0)


def test_many_small_pieces_become_one() -> None:
    made = body(length=1000)
    for number in range(1000):
        made.keep(b"%d" % (number % 10))
        assert len(made.pending) <= PIECES_MAX
    assert made.held == 1000
    assert made.take() == b"0123456789" * 100


def test_the_rate_counts_from_the_mark() -> None:
    made = body(length=1000)
    made.feed(b"x" * 500)
    made.mark(10.0)
    made.feed(b"x" * 100)
    assert made.rate(12.0) == 50.0


def test_reset_forgets_everything() -> None:
    made = body(chunked=True)
    made.feed(b"5\r\nhel")
    made.keep(b"x")
    made.mark(1.0)
    made.reset()
    assert (made.is_done, made.received, made.left, made.pending, made.held) == (True, 0, 0, [], 0)
    assert made.since == NEVER
    request = Request()
    request.content_length = 1
    made.begin(request, usual.limits())
    assert made.feed(b"z") == b"z"
