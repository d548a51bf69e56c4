"""The Date field."""

from __future__ import annotations

import email.utils

import pytest

from fastgw.core.date import date_line, http_date


def test_date_of_the_example() -> None:
    """RFC 9110 section 5.6.7."""
    assert date_line(784111777) == b"date: Sun, 06 Nov 1994 08:49:37 GMT\r\n"
    assert http_date(784111777) == b"Sun, 06 Nov 1994 08:49:37 GMT"


@pytest.mark.parametrize(
    "seconds", [0, 951782400, 1709164799, 1709164800, 4102444799, *range(0, 400 * 86400, 29 * 86399)]
)
def test_date_is_what_others_read(seconds: int) -> None:
    text = date_line(seconds).decode().removeprefix("date: ").removesuffix("\r\n")
    assert text == email.utils.formatdate(seconds, usegmt=True)
