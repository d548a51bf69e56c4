"""The words of a skim."""

from __future__ import annotations

import pytest

from fastgw.wire.json_value import ARRAY, FALSE, KIND_NAMES, MALFORMED, STRING, JsonError, alike


def test_kinds_have_names() -> None:
    assert KIND_NAMES[STRING] == "a string" and KIND_NAMES[FALSE] == "false" and KIND_NAMES[ARRAY] == "an array"
    assert len(KIND_NAMES) == ARRAY + 1


def test_an_error_says_where() -> None:
    error = JsonError(MALFORMED, "wrong", 7)
    assert str(error) == "wrong (byte 7)" and (error.reason, error.offset, error.key) == (MALFORMED, 7, b"")


@pytest.mark.parametrize(
    ("name", "other"),
    [
        (b"Model", b"model"),
        (b"MODEL", b"model"),
        ("u\u017fer".encode(), b"user"),
        ("to\u212aen".encode(), b"token"),
        (b"models", None),
        ("mod\u00e9l".encode(), None),
        (b"\xff", None),
        (b"", None),
    ],
)
def test_names_that_are_the_same_where_case_does_not_matter(name: bytes, other: bytes | None) -> None:
    assert alike(name, (b"model", b"user", b"token")) == other
