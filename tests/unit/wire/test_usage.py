"""What answers say of their tokens, in each dialect, as its documentation shows them."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.glance import may_tell
from fastgw.wire.usage import NOT_TOLD, TokenCounts, content_size, read_ends

Numbers = tuple[int, int, int, int]


def numbers(told: TokenCounts) -> Numbers:
    return told.prompt, told.completion, told.cached, told.reasoning


def learned(*said: Any) -> TokenCounts:
    told = TokenCounts()
    for one in said:
        told.learn(one)
    return told


CHAT = {
    "id": "chatcmpl-1",
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hi"}}],
    "usage": {
        "prompt_tokens": 19,
        "completion_tokens": 10,
        "total_tokens": 29,
        "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 4, "audio_tokens": 0},
    },
}
RESPONSES = {
    "input_tokens": 36,
    "input_tokens_details": {"cached_tokens": 12},
    "output_tokens": 87,
    "output_tokens_details": {"reasoning_tokens": 3},
    "total_tokens": 123,
}
ANTHROPIC = {
    "input_tokens": 5,
    "cache_creation_input_tokens": 100,
    "cache_read_input_tokens": 20,
    "output_tokens": 1,
}
ANSWERS: dict[str, tuple[list[Any], Numbers]] = {
    "chat": ([CHAT], (19, 10, 8, 4)),
    "chunks": ([{"choices": [{}], "usage": None}, {"choices": [], "usage": CHAT["usage"]}], (19, 10, 8, 4)),
    "every chunk": ([{"usage": {"prompt_tokens": 3, "completion_tokens": n}} for n in range(5)], (3, 4, -1, -1)),
    "embeddings": ([{"usage": {"prompt_tokens": 8, "total_tokens": 8}}], (8, 0, -1, -1)),
    "rerank": ([{"usage": {"total_tokens": 56}}], (56, 0, -1, -1)),
    "deepseek": ([{"usage": {"prompt_tokens": 9, "prompt_cache_hit_tokens": 4}}], (9, -1, 4, -1)),
    "both dialects": ([{"usage": ANTHROPIC | {"prompt_tokens": 125, "completion_tokens": 1}}], (125, 1, 20, -1)),
    "groq": ([{"x_groq": {"id": "1", "usage": {"prompt_tokens": 2, "completion_tokens": 3}}}], (2, 3, -1, -1)),
    "responses": ([{"usage": RESPONSES}], (36, 87, 12, 3)),
    "thinking": ([{"usage": ANTHROPIC | {"output_tokens_details": {"thinking_tokens": 1}}}], (125, 1, 20, 1)),
    "response events": (
        [
            {"type": "response.created", "response": {"usage": None}},
            {"type": "response.completed", "response": {"usage": RESPONSES}},
        ],
        (36, 87, 12, 3),
    ),
    "messages": ([{"type": "message", "usage": ANTHROPIC}], (125, 1, 20, -1)),
    "message events": (
        [
            {"type": "message_start", "message": {"model": "claude", "usage": ANTHROPIC}},
            {"type": "message_delta", "delta": {}, "usage": {"output_tokens": 15}},
        ],
        (125, 15, 20, -1),
    ),
    "message events that end early": (
        [{"type": "message_start", "message": {"usage": ANTHROPIC}}, {"type": "ping"}],
        (125, -1, 20, -1),
    ),
    "total alone is shared out": ([{"usage": {"prompt_tokens": 5, "total_tokens": 12}}], (5, 7, -1, -1)),
    "prompt told at the end": (
        [
            {"type": "message_start", "message": {"usage": {"input_tokens": 0, "output_tokens": 0}}},
            {"type": "message_delta", "usage": {"input_tokens": 7, "output_tokens": 15}},
        ],
        (7, 15, -1, -1),
    ),
    "ollama": ([{"done": False}, {"done": True, "prompt_eval_count": 26, "eval_count": 298}], (26, 298, -1, -1)),
    "nothing": ([{"error": {"message": "no"}}], (-1, -1, -1, -1)),
}


@pytest.mark.parametrize(("said", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_tokens_of_every_dialect(said: list[Any], expected: Numbers) -> None:
    assert numbers(learned(*said)) == expected
    if expected[0] >= 0:
        assert any(may_tell(orjson.dumps(one), 0) for one in said)
        assert any(may_tell(orjson.dumps(one, option=orjson.OPT_INDENT_2), 0) for one in said)


@pytest.mark.parametrize(
    "said",
    [CHAT, {"message": {"model": CHAT["model"]}}, {"response": {"model": CHAT["model"]}}],
    ids=["answer", "message_start", "response.created"],
)
def test_the_model_that_answered(said: Any) -> None:
    assert learned({"choices": []}, said, {"model": "another"}).model == "gpt-4o-2024-08-06"


def test_a_name_that_cannot_be_shown_is_none() -> None:
    assert learned({"model": "a\nb"}).model == learned({"model": 7}).model == ""
    assert learned({"model": "m" * 1000}).model == "m" * 256


@pytest.mark.parametrize("number", [-1, 1 << 40, 1.5, True, "7", None, [], {}])
def test_what_is_no_number_of_tokens_is_not_told(number: Any) -> None:
    assert numbers(learned({"usage": {"prompt_tokens": number, "completion_tokens": number}})) == (NOT_TOLD,) * 4
    assert numbers(learned({"prompt_eval_count": number, "eval_count": number})) == (NOT_TOLD,) * 4


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["usage", "message", "response", "prompt_tokens", "choices", "delta", "type", "model"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=12,
)


@given(JSON)
def test_whatever_a_service_says_is_borne(said: Any) -> None:
    told = learned(said)
    assert all(one >= NOT_TOLD for one in numbers(told))
    assert content_size(said) >= 0


def test_what_is_as_deep_as_json_may_be_is_borne() -> None:
    for opening, closing in (("[", "]"), ('{"a":', "}")):
        inner = opening * 1000 + '"x"' + closing * 1000
        assert content_size(orjson.loads('{"choices":[{"delta":{"content":' + inner + "}}]}")) == 0


@pytest.mark.parametrize(
    ("said", "size"),
    [
        ({"choices": [{"delta": {"role": "assistant", "content": ""}}]}, 0),
        ({"choices": [{"delta": {"content": "hé"}}]}, 3),
        ({"choices": [{"delta": {"reasoning_content": "so"}}]}, 2),
        ({"choices": [{"delta": {"tool_calls": [{"index": 0, "id": "c", "function": {"arguments": "{}"}}]}}]}, 2),
        ({"choices": [{"text": "abc"}, {"text": "d"}]}, 4),
        ({"choices": [], "usage": {"prompt_tokens": 1}}, 0),
        ({"choices": [{"delta": {}, "finish_reason": "stop"}]}, 0),
        ({"type": "message_start", "message": {"content": []}}, 0),
        ({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}}, 2),
        ({"type": "ping"}, 0),
        ({"type": "response.output_text.delta", "delta": "In"}, 2),
        ({"type": "response.created", "response": {"id": "r"}}, 0),
        ({"message": {"role": "assistant", "content": "The"}, "done": False}, 3),
        ({"response": "The", "done": False}, 3),
        ([], 0),
    ],
)
def test_bytes_that_were_generated(said: Any, size: int) -> None:
    assert content_size(said) == size


def test_the_ends_of_a_large_answer_tell_enough() -> None:
    whole = orjson.dumps({"model": "embed", "data": [0.5] * 9, "usage": {"prompt_tokens": 4, "total_tokens": 4}})
    told = TokenCounts()
    read_ends(told, whole[:20], whole[-60:])
    assert (told.prompt, told.model) == (4, "embed")
    told = TokenCounts()
    read_ends(told, b'{"usage":{"prompt_tokens":9,"x":{"y":1}},"data":[', b'0.5], "object": "list", "model": "m"}')
    assert (told.prompt, told.model) == (9, "m")


@pytest.mark.parametrize("tail", [b"", b'"usage"', b'"usage":{', b'"usage":{]}', b'"usage":null}', b'{"usage":{"a":1}'])
def test_ends_that_tell_nothing(tail: bytes) -> None:
    told = TokenCounts()
    read_ends(told, b"[", tail)
    assert numbers(told) == (NOT_TOLD,) * 4
