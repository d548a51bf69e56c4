"""The error of floor 0 carries all that an answer needs."""

from __future__ import annotations

from fastgw.wire.errors import WireError, bad


def test_error_says_what_to_answer() -> None:
    error = WireError(414, "uri_too_long", "too long")
    assert (error.status, error.code, error.detail) == (414, "uri_too_long", "too long")
    assert str(error) == "too long"


def test_bad_is_a_malformed_message() -> None:
    error = bad("no")
    assert isinstance(error, WireError)
    assert (error.status, error.code, error.detail) == (400, "malformed", "no")
