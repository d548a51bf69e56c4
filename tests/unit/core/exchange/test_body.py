"""What has come of a request body, and what of it waits for a carrier."""

from __future__ import annotations

from fastgw.core.exchange.body import NEVER, PIECES_MAX, RequestBody


def body(length: int) -> RequestBody:
    made = RequestBody()
    made.begin(length)
    return made


def test_new_body_is_none() -> None:
    made = RequestBody()
    assert made.is_done
    assert not made.pending


def test_what_waits_is_taken_once_and_in_order() -> None:
    made = body(10)
    made.keep(b"ab")
    made.keep(b"cd")
    assert made.held == 4
    assert made.take() == b"abcd"
    assert (made.take(), made.held) == (b"", 0)


def test_what_waits_can_be_looked_at_whole_and_is_one_piece_then() -> None:
    made = body(10)
    assert made.whole() == b"" and made.pending == []
    made.keep(b"ab")
    first = made.pending[0]
    assert made.whole() is first
    made.keep(b"cd")
    whole = made.whole()
    assert whole == b"abcd" and made.pending == [whole] and made.held == 4
    assert made.take() is whole


def test_what_waits_can_be_taken_in_its_parts() -> None:
    made = body(10)
    made.keep(b"ab")
    made.keep(b"cd")
    parts = list(made.pending)
    made.is_kept = True
    assert made.take_parts() == parts and made.held == 4 and made.pending == parts
    made.is_kept = False
    assert all(one is two for one, two in zip(made.take_parts(), parts, strict=True))
    assert (made.take_parts(), made.held) == ([], 0)


def test_many_small_pieces_become_one() -> None:
    made = body(1000)
    for number in range(1000):
        made.keep(b"%d" % (number % 10))
        assert len(made.pending) <= PIECES_MAX
    assert made.held == 1000
    assert made.take() == b"0123456789" * 100


def test_the_rate_counts_from_the_mark() -> None:
    made = body(1000)
    made.received += 500
    made.mark(10.0)
    made.received += 100
    assert made.rate(12.0) == 50.0


def test_reset_forgets_everything() -> None:
    made = body(5)
    made.received += 3
    made.keep(b"x")
    made.mark(1.0)
    made.reset()
    assert (made.is_done, made.received, made.announced, made.pending, made.held) == (True, 0, 0, [], 0)
    assert made.since == NEVER
    made.begin(-1)
    assert (made.is_done, made.announced) == (False, 0)
