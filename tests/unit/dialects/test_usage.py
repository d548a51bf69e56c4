"""Numbers of tokens, both ways."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.dialects.usage import as_anthropic, as_openai, number


@given(st.tuples(*[st.integers(0, 1 << 40)] * 5))
def test_nothing_is_lost_on_the_way_there_and_back(numbers: tuple[int, ...]) -> None:
    fresh, read, written, made, thought = numbers
    usage = {
        "input_tokens": fresh,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "output_tokens": made,
        "output_tokens_details": {"thinking_tokens": thought},
    }
    there = as_openai(usage)
    assert there["prompt_tokens"] == fresh + read + written and there["total_tokens"] == fresh + read + written + made
    back = as_anthropic(there)
    total = back["input_tokens"] + back["cache_read_input_tokens"] + back["cache_creation_input_tokens"]
    assert (total, back["cache_read_input_tokens"], back["output_tokens"]) == (fresh + read + written, read, made)
    assert back.get("output_tokens_details", {"thinking_tokens": 0}) == {"thinking_tokens": thought}


@pytest.mark.parametrize("usage", [None, [], {"prompt_tokens": "9", "completion_tokens": -1}, {"prompt_tokens": True}])
def test_what_is_no_number_is_none(usage: Any) -> None:
    assert as_anthropic(usage)["input_tokens"] == as_openai(usage)["total_tokens"] == 0
    assert number({"a": 1.5}, "a") == 0


def test_a_cache_that_has_more_than_there_is() -> None:
    usage = {"prompt_tokens": 5, "prompt_tokens_details": {"cached_tokens": 9, "cache_write_tokens": 9}}
    assert as_anthropic(usage)["input_tokens"] == 0
