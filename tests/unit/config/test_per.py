"""What a limit may count for itself."""

from __future__ import annotations

from typing import get_args

import pytest

from fastgw.config.per import Per
from tests.unit.config.files import PER

_PARSED = get_args(Per)[1]


def read(value: object) -> object:
    return _PARSED.read(value, None)


@pytest.mark.parametrize("word", ["route", "listener", "filter", "address", "api_key"])
def test_a_word_is_itself(word: str) -> None:
    assert read(word) == (word,)


def test_the_name_of_a_field_is_in_lower_case() -> None:
    assert read("header:X-Api-Key") == ("header:x-api-key",)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("client", f"expected {PER}, got 'client'"),
        ("header:", "expected the name of a header field, got ''"),
        ("cookie:a", f"expected {PER}, got 'cookie:a'"),
        ("claim:", "expected the name of a claim, got ''"),
        ("note:a..b", "expected the name of a note, got 'a..b'"),
        ("note:", "expected the name of a note, got ''"),
        ([], "expected 1 to 4 of them, got 0"),
        (["route", "listener", "address", "api_key", "header:a"], "expected 1 to 4 of them, got 5"),
        (["address", ["route"]], "expected route, listener, filter, address, api_key or one of "),
    ],
)
def test_anything_else_is_told(value: object, said: str) -> None:
    with pytest.raises(ValueError, match=r"^expected") as caught:
        read(value)
    assert str(caught.value).startswith(said)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (["header:a", "header:A"], "'header:a' is in this list already"),
        (["route", "filter"], "'filter' is all requests together, and says nothing beside others"),
    ],
)
def test_what_says_nothing_beside_others(value: object, said: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        read(value)
    assert str(caught.value) == said


def test_several_are_counted_together() -> None:
    assert read(["address", "header:X-A"]) == ("address", "header:x-a")
    assert read(["filter"]) == ("filter",)


@pytest.mark.parametrize("value", ["claim:sub", "claim:https://a.example/tenant", "note:mtls", "note:jwt.sub"])
def test_names_of_claims_and_notes_stay_as_they_are(value: str) -> None:
    assert read(value) == (value,)
