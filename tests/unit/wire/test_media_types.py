"""Media types as fields have them."""

from __future__ import annotations

import pytest

from fastgw.wire.media_types import is_json, media_type


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, False),
        (b"", False),
        (b"application/json", True),
        (b"Application/JSON ; charset=utf-8", True),
        (b"application/problem+json", True),
        (b"text/json", True),
        (b"image/png+json", False),
        (b"text/plain", False),
        (b"application/jsonl", False),
    ],
)
def test_what_is_json(value: bytes | None, expected: bool) -> None:
    assert is_json(value) == expected


def test_parameters_are_no_part_of_a_type() -> None:
    assert media_type(b" Image/PNG;q=1") == b"image/png"
    assert media_type(None) == b""
