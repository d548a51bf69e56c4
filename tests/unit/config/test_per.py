"""What a limit may count for itself."""

from __future__ import annotations

from typing import get_args

import pytest

from fastgw.config.per import Per

_PARSED = get_args(Per)[1]


def read(value: object) -> object:
    return _PARSED.read(value, None)


@pytest.mark.parametrize("word", ["route", "listener", "filter", "address"])
def test_a_word_is_itself(word: str) -> None:
    assert read(word) == word


def test_the_name_of_a_field_is_in_lower_case() -> None:
    assert read("header:X-Api-Key") == "header:x-api-key"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("client", "expected route, listener, filter, address or header:<name>, got 'client'"),
        ("header:", "expected the name of a header field, got ''"),
        (["route"], "expected route, listener, filter, address or header:<name>, got a list"),
    ],
)
def test_anything_else_is_told(value: object, said: str) -> None:
    with pytest.raises(ValueError, match=r"^expected") as caught:
        read(value)
    assert str(caught.value) == said
