"""Conditional and partial requests (RFC 9110 sections 13 and 14)."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.preconditions import has_tag, outcome, part, read_date

TAG = b'"abc"'
CHANGED = 784111777
DATE = b"Sun, 06 Nov 1994 08:49:37 GMT"
EARLIER = b"Sun, 06 Nov 1994 08:49:36 GMT"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (DATE, CHANGED),
        (b"Sunday, 06-Nov-94 08:49:37 GMT", CHANGED),
        (b"Sun Nov  6 08:49:37 1994", CHANGED),
        (b"", None),
        (b"yesterday", None),
        (b"Sun, 46 Nov 1994 08:49:37 GMT", None),
        (b"Sun, 06 Nov 99999999999999999999 08:49:37 GMT", None),
        (DATE + b" " * 100, None),
    ],
)
def test_dates_in_all_three_forms(text: bytes, seconds: int | None) -> None:
    assert read_date(text) == seconds


@given(st.integers(0, 4102444800))
def test_every_date_is_read_as_it_is_written(seconds: int) -> None:
    assert read_date(formatdate(seconds, usegmt=True).encode()) == seconds


@given(st.binary(max_size=64) | st.text("0123456789: ,-GMTSunNov+", max_size=64).map(str.encode))
def test_no_text_breaks_the_reader_of_dates(text: bytes) -> None:
    found = read_date(text)
    assert found is None or isinstance(found, int)


@pytest.mark.parametrize(
    ("value", "weakly", "strongly"),
    [
        (b'"abc"', True, True),
        (b'W/"abc"', True, False),
        (b'"x", W/"abc"', True, False),
        (b'"x" ,"abc"', True, True),
        (b" * ", True, True),
        (b'"x"', False, False),
        (b"abc", False, False),
        (b'"x,abc"', False, False),
        (b"", False, False),
    ],
)
def test_lists_of_tags(value: bytes, weakly: bool, strongly: bool) -> None:
    assert has_tag(value, TAG, is_weak=True) is weakly
    assert has_tag(value, TAG, is_weak=False) is strongly


CASES: list[tuple[str, dict[bytes, bytes], int]] = [
    ("GET", {}, 200),
    ("GET", {b"if-none-match": TAG}, 304),
    ("HEAD", {b"if-none-match": b'W/"abc"'}, 304),
    ("PUT", {b"if-none-match": TAG}, 412),
    ("GET", {b"if-none-match": b'"x"'}, 200),
    ("GET", {b"if-modified-since": DATE}, 304),
    ("GET", {b"if-modified-since": EARLIER}, 200),
    ("GET", {b"if-modified-since": b"never"}, 200),
    ("POST", {b"if-modified-since": DATE}, 200),
    # A tag says more than a time, so the time does not count beside it.
    ("GET", {b"if-none-match": b'"x"', b"if-modified-since": DATE}, 200),
    ("GET", {b"if-match": TAG}, 200),
    ("GET", {b"if-match": b'W/"abc"'}, 412),
    ("GET", {b"if-match": b"*"}, 200),
    ("GET", {b"if-match": TAG, b"if-unmodified-since": EARLIER}, 200),
    ("GET", {b"if-match": TAG, b"if-none-match": TAG}, 304),
    ("GET", {b"if-unmodified-since": DATE}, 200),
    ("GET", {b"if-unmodified-since": EARLIER}, 412),
    ("GET", {b"if-unmodified-since": b"never"}, 200),
]


@pytest.mark.parametrize(("method", "fields", "status"), CASES)
def test_preconditions_in_their_order(method: str, fields: dict[bytes, bytes], status: int) -> None:
    assert outcome(fields.get, method.encode(), TAG, CHANGED) == status


def test_times_do_not_count_where_there_is_none() -> None:
    fields = {b"if-modified-since": DATE, b"if-unmodified-since": EARLIER}
    assert outcome(fields.get, b"GET", TAG) == 200


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        (b"bytes=0-0", range(1)),
        (b"bytes=2-4", range(2, 5)),
        (b"bytes=2-", range(2, 10)),
        (b"Bytes= 2-99 ", range(2, 10)),
        (b"bytes=-3", range(7, 10)),
        (b"bytes=-99", range(10)),
        (b"bytes=10-", range(0)),
        (b"bytes=10-20", range(0)),
        (b"bytes=-0", range(0)),
        (b"bytes=4-2", None),
        (b"bytes=-", None),
        (b"bytes=0-1,3-4", None),
        (b"lines=0-1", None),
        (b"bytes=a-b", None),
        (b"bytes=+1-2", None),
        (b"bytes=" + b"9" * 19 + b"-", None),
        (b"", None),
    ],
)
def test_ranges(value: bytes, wanted: range | None) -> None:
    found = part({b"range": value}.get, b"GET", TAG, 10)
    assert found == wanted if found is None or wanted is None else list(found) == list(wanted)


def test_ranges_are_of_get_alone() -> None:
    fields = {b"range": b"bytes=0-0"}
    assert part(fields.get, b"GET", TAG, 10) == range(1)
    assert part(fields.get, b"HEAD", TAG, 10) is None


@pytest.mark.parametrize(("value", "is_part"), [(TAG, True), (b'W/"abc"', False), (b'"x"', False), (DATE, False)])
def test_a_part_of_what_the_client_has_begun_with(value: bytes, is_part: bool) -> None:
    fields = {b"range": b"bytes=0-0", b"if-range": value}
    assert (part(fields.get, b"GET", TAG, 10) == range(1)) is is_part


@given(st.binary(max_size=30).map(lambda text: b"bytes=" + text) | st.binary(max_size=30), st.integers(0, 1 << 40))
def test_a_part_is_inside(value: bytes, size: int) -> None:
    found = part({b"range": value}.get, b"GET", TAG, size)
    assert found is None or not found or (found.start >= 0 and found.stop <= size)
