"""Answers of Anthropic's services, as OpenAI's clients read them."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.dialects.events import ToldError
from fastgw.dialects.fields import BrokenAnswerError
from fastgw.dialects.to_anthropic import MessageEvents, message
from fastgw.dialects.to_openai import ChunkEvents, completion
from fastgw.wire.sse import events as events_of
from tests.support.dialects import JSON, anthropic_block, anthropic_message, anthropic_text, fed, jumbled, told
from tests.support.examples import examples

TOOL = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
START = {"type": "message_start", "message": anthropic_message()}
END = [
    {
        "type": "message_delta",
        "delta": {"stop_reason": "tool_use"},
        "usage": {"output_tokens": 4, "input_tokens": None},
    },
    {"type": "message_stop"},
]
THINKING = [{"type": "thinking_delta", "thinking": "hm"}, {"type": "signature_delta", "signature": "s"}]
CONTENT = [
    {"type": "thinking", "thinking": "hm", "signature": "s"},
    {"type": "text", "text": "I"},
    {"type": "text", "text": " call", "citations": []},
    {**TOOL, "input": {"x": 1}},
]


def json_part(text: str) -> dict[str, Any]:
    return {"type": "input_json_delta", "partial_json": text}


def deltas(data: bytes) -> list[dict[str, Any]]:
    return [one["choices"][0]["delta"] for one in told(data) if isinstance(one, dict) and one["choices"]]


# --- whole answers


def test_a_whole_answer() -> None:
    assert completion(anthropic_message(CONTENT, stop_reason="tool_use"), 7) == {
        "id": "msg_1",
        "object": "chat.completion",
        "created": 7,
        "model": "m",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "I call",
                    "refusal": None,
                    "reasoning_content": "hm",
                    "tool_calls": [{"id": "t1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}],
                },
                "logprobs": None,
                "finish_reason": "tool_calls",
            }
        ],
        "usage": {
            "prompt_tokens": 9,
            "completion_tokens": 1,
            "total_tokens": 10,
            "prompt_tokens_details": {"cached_tokens": 5},
        },
    }


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("refusal", "content_filter"),
        ("new", "stop"),
    ],
)
def test_why_it_ended(reason: str, expected: str) -> None:
    found = completion(anthropic_message([], stop_reason=reason), 0)["choices"][0]
    assert (found["finish_reason"], found["message"]["content"]) == (expected, "")
    only = completion(anthropic_message([TOOL]), 0)["choices"][0]["message"]
    assert only["content"] is None and only["tool_calls"][0]["function"]["arguments"] == "{}"


@pytest.mark.parametrize("document", [None, {}, {"content": "x"}])
def test_what_is_no_answer(document: Any) -> None:
    with pytest.raises(BrokenAnswerError):
        completion(document, 0)


@settings(max_examples=examples(40))
@given(st.data())
def test_whatever_comes_is_an_answer_or_a_broken_one(data: st.DataObject) -> None:
    with contextlib.suppress(BrokenAnswerError):
        assert orjson.dumps(completion(data.draw(jumbled(anthropic_message(CONTENT))), 0))


def test_an_answer_is_the_same_there_and_back() -> None:
    there = completion(anthropic_message(CONTENT, stop_reason="tool_use"), 0)
    back = message(there, ())
    assert [one["type"] for one in back["content"]] == ["thinking", "text", "tool_use"]
    assert back["content"][2] == CONTENT[3] and back["stop_reason"] == "tool_use"


# --- streams


@pytest.mark.parametrize("counts", [True, False])
def test_a_stream_of_text(counts: bool) -> None:
    said = told(fed(ChunkEvents(7, includes_usage=counts), anthropic_text("Hello", " there")))
    assert said[-1] == "[DONE]"
    assert {one["id"] for one in said[:-1]} == {"msg_1"} and {one["created"] for one in said[:-1]} == {7}
    chunks = [one for one in said[:-1] if one["choices"]]
    assert [one["choices"][0]["delta"] for one in chunks] == [
        {"role": "assistant", "content": ""},
        {"content": "Hello"},
        {"content": " there"},
        {},
    ]
    assert [one["choices"][0]["finish_reason"] for one in chunks] == [None, None, None, "stop"]
    assert all(one.get("usage", "") == (None if counts else "") for one in chunks)
    if counts:
        usage = said[-2]["usage"]
        assert (usage["prompt_tokens"], usage["completion_tokens"], usage["total_tokens"]) == (9, 4, 13)
    else:
        assert len(said) == len(chunks) + 1


def test_calls_of_tools_and_thinking() -> None:
    events = [
        START,
        *anthropic_block(
            0,
            {"type": "thinking", "thinking": ""},
            {"type": "thinking_delta", "thinking": "hm"},
            {"type": "signature_delta", "signature": "s"},
        ),
        *anthropic_block(1, {"type": "text", "text": "I"}),
        *anthropic_block(2, TOOL, json_part(""), json_part('{"x"'), json_part(":1}")),
        *anthropic_block(3, {**TOOL, "id": "t2", "name": "g"}, json_part("")),
        *anthropic_block(4, {**TOOL, "id": "t3", "input": {"y": 2}}),
        *END,
    ]
    found = deltas(fed(ChunkEvents(0, includes_usage=False), events))
    assert found[1:3] == [{"reasoning_content": "hm"}, {"content": "I"}]
    parts = [one["tool_calls"][0] for one in found if "tool_calls" in one]
    assert [(one["index"], one.get("id"), one["function"]["arguments"]) for one in parts] == [
        (0, "t1", ""),
        (0, None, '{"x"'),
        (0, None, ":1}"),
        (1, "t2", ""),
        (1, None, "{}"),  # which Anthropic does not write out
        (2, "t3", '{"y":2}'),
    ]


def test_a_service_that_is_only_there_yet() -> None:
    stream = ChunkEvents(0, includes_usage=False)
    assert fed(stream, [{"type": "ping"}], is_whole=False) == b""
    fed(stream, [START], is_whole=False)
    assert fed(stream, [{"type": "ping"}], is_whole=False) == b": ping\n\n" and not list(events_of(b": ping\n\n"))


def test_what_is_not_known_is_nothing() -> None:
    events = [START, {"type": "new_event"}, *anthropic_block(0, {"type": "redacted_thinking", "data": "x"}), *END]
    assert len(deltas(fed(ChunkEvents(0, includes_usage=False), events))) == 2


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([b"{"], "no JSON"),
        ([[]], "no type"),
        ([{"choices": []}], "no type"),
        ([], "without message_stop"),
        ([START], "without message_stop"),
        (anthropic_text("x")[:-1], "without message_stop"),
        (anthropic_text("x")[1:], "in front of message_start"),
        ([START, {"type": "message_stop"}], "without a stop_reason"),
        ([{"type": "message_start"}], "has no message"),
    ],
)
def test_what_is_no_stream(events: list[Any], why: str) -> None:
    with pytest.raises(BrokenAnswerError, match=why):
        fed(ChunkEvents(0, includes_usage=False), events)


def test_a_service_says_that_it_has_failed() -> None:
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with pytest.raises(ToldError) as caught:
        fed(ChunkEvents(0, includes_usage=False), [START, error])
    assert caught.value.told.status == 529


@settings(max_examples=examples(40))
@given(st.data())
def test_whatever_comes_is_a_stream_or_a_broken_one(data: st.DataObject) -> None:
    events = [START, *anthropic_block(0, TOOL, json_part("{}")), *END]
    place = data.draw(st.integers(0, len(events) - 1))
    events[place] = data.draw(jumbled(events[place]))
    events.insert(data.draw(st.integers(0, 5)), data.draw(JSON))
    with contextlib.suppress(BrokenAnswerError, ToldError):
        assert told(fed(ChunkEvents(0, includes_usage=True), events))


TEXTS = st.lists(st.text(min_size=1, max_size=6), max_size=3)


@given(TEXTS, TEXTS, st.sampled_from(["end_turn", "max_tokens"]))
def test_a_stream_is_the_same_there_and_back(first: list[str], second: list[str], reason: str) -> None:
    deltas_of = [[{"type": "text_delta", "text": one} for one in texts] for texts in (first, second)]
    events = [
        START,
        *anthropic_block(0, {"type": "text", "text": ""}, *deltas_of[0]),
        *anthropic_block(1, TOOL, json_part('{"x":'), json_part("1}")),
        *anthropic_block(2, {"type": "text", "text": ""}, *deltas_of[1]),
        {"type": "message_delta", "delta": {"stop_reason": reason}, "usage": {"output_tokens": 4}},
        {"type": "message_stop"},
    ]
    there = [one.data for one in events_of(fed(ChunkEvents(0, includes_usage=True), events))]
    back = told(fed(MessageEvents(()), there))
    said = [one["delta"] for one in back if one["type"] == "content_block_delta"]
    assert "".join(one.get("text", "") for one in said) == "".join([*first, *second])
    assert "".join(one.get("partial_json", "") for one in said) == '{"x":1}'
    assert back[-2]["usage"]["output_tokens"] == 4 and back[-2]["usage"]["cache_read_input_tokens"] == 5
