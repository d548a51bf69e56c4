"""Answers of OpenAI's services, as Anthropic's clients read them."""

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
from tests.support.dialects import JSON, fed, jumbled, kinds, openai_chunk, openai_text, told
from tests.support.examples import examples

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
ANSWER: dict[str, Any] = {
    "id": "chatcmpl-1",
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "hi", "tool_calls": [CALL]},
            "finish_reason": "tool_calls",
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 4, "prompt_tokens_details": {"cached_tokens": 5}},
}
USAGE = {"input_tokens": 4, "cache_creation_input_tokens": 0, "cache_read_input_tokens": 5, "output_tokens": 4}


def call_chunk(**call: Any) -> dict[str, Any]:
    return openai_chunk({"tool_calls": [call]})


# --- whole answers


def test_a_whole_answer() -> None:
    assert message(ANSWER, ()) == {
        "id": "chatcmpl-1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "text", "text": "hi"},
            {"type": "tool_use", "id": "c1", "name": "f", "input": {"x": 1}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
        "usage": USAGE,
    }


def answered(said: dict[str, Any], reason: str | None = "stop", **more: Any) -> dict[str, Any]:
    return message({"choices": [{"message": said, "finish_reason": reason, **more}]}, ["END"])


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        ("stop", "end_turn"),
        ("length", "max_tokens"),
        ("content_filter", "refusal"),
        (None, "end_turn"),
        ("new", "end_turn"),
    ],
)
def test_why_it_ended(reason: str | None, expected: str) -> None:
    found = answered({"content": "x"}, reason)
    assert (found["stop_reason"], found["stop_sequence"]) == (expected, None)


def test_stop_sequences_reasoning_refusals_and_calls_by_name() -> None:
    found = answered({"content": "x"}, stop_reason="END")
    assert (found["stop_reason"], found["stop_sequence"]) == ("stop_sequence", "END")
    assert answered({"content": "x"}, stop_reason="other")["stop_reason"] == "end_turn"
    thought = answered({"reasoning_content": "hm", "content": None, "refusal": "no"})["content"]
    assert thought == [{"type": "thinking", "thinking": "hm", "signature": ""}, {"type": "text", "text": "no"}]
    called = answered({"content": "", "tool_calls": [{"function": {"name": "f", "arguments": ""}}]})
    assert called["content"] == [{"type": "tool_use", "id": "toolu_msg_0", "name": "f", "input": {}}]
    assert called["stop_reason"] == "tool_use"  # although its service says stop


@pytest.mark.parametrize(
    "document",
    [
        None,
        {},
        {"choices": []},
        {"choices": [{"message": None}]},
        {"choices": [{"message": {"tool_calls": [{"function": {}}]}}]},
        {"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": "{"}}]}}]},
        {"choices": [{"message": {"tool_calls": [{"function": {"name": "f", "arguments": "[]"}}]}}]},
    ],
)
def test_what_is_no_answer(document: Any) -> None:
    with pytest.raises(BrokenAnswerError):
        message(document, ())


@settings(max_examples=examples(40))
@given(st.data())
def test_whatever_comes_is_an_answer_or_a_broken_one(data: st.DataObject) -> None:
    with contextlib.suppress(BrokenAnswerError):
        assert orjson.dumps(message(data.draw(jumbled(ANSWER)), ()))


# --- streams


def test_a_stream_of_text() -> None:
    out = fed(MessageEvents(()), openai_text("Hello", " there"))
    assert kinds(out) == [
        "message_start",
        "content_block_start",
        *["content_block_delta"] * 2,
        "content_block_stop",
        "message_delta",
        "message_stop",
    ]
    said = told(out)
    assert said[0]["message"]["id"] == "chatcmpl-1" and said[0]["message"]["content"] == []
    assert said[1] == {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    assert [one["delta"]["text"] for one in said[2:4]] == ["Hello", " there"]
    assert said[-2]["delta"] == {"stop_reason": "end_turn", "stop_sequence": None} and said[-2]["usage"] == USAGE


def test_thinking_text_and_calls_are_blocks_of_which_one_is_open() -> None:
    events = [
        openai_chunk({"role": "assistant", "content": ""}),
        openai_chunk({"reasoning_content": "hm"}),
        openai_chunk({"content": "I call"}),
        call_chunk(index=0, id="c1", function={"name": "f", "arguments": ""}),
        call_chunk(index=0, id=None, function={"name": None, "arguments": '{"x"'}),
        call_chunk(index=0, function={"arguments": ":1}"}),
        call_chunk(index=1, id="c2", function={"name": "g", "arguments": "{}"}),
        openai_chunk({}, "tool_calls"),
        b"[DONE]",
    ]
    said = told(fed(MessageEvents(()), events))
    starts = [one["content_block"] for one in said if one["type"] == "content_block_start"]
    assert [one["type"] for one in starts] == ["thinking", "text", "tool_use", "tool_use"]
    assert [(one["id"], one["name"], one["input"]) for one in starts[2:]] == [("c1", "f", {}), ("c2", "g", {})]
    parts = [one for one in said if one["type"] == "content_block_delta"]
    assert [(one["index"], *list(one["delta"].values())) for one in parts] == [
        (0, "thinking_delta", "hm"),
        (1, "text_delta", "I call"),
        (2, "input_json_delta", '{"x"'),
        (2, "input_json_delta", ":1}"),
        (3, "input_json_delta", "{}"),
    ]
    assert [one["index"] for one in said if one["type"] == "content_block_stop"] == [0, 1, 2, 3]
    assert said[-2]["delta"]["stop_reason"] == "tool_use"


def test_usage_that_comes_behind_the_reason_is_waited_for() -> None:
    stream = MessageEvents(())
    *first, usage, done = openai_text("x")
    assert "message_delta" not in kinds(fed(stream, first, is_whole=False))
    assert fed(stream, [usage], is_whole=False) == b"" and not stream.is_over
    assert kinds(fed(stream, [done], is_whole=False)) == ["message_delta", "message_stop"] and stream.is_over
    assert stream.finish() == b""


def test_a_stream_without_done_is_whole_if_it_says_why_it_ended() -> None:
    assert kinds(fed(MessageEvents(()), openai_text("x")[:-1]))[-1] == "message_stop"
    with pytest.raises(BrokenAnswerError, match="without a finish_reason"):
        fed(MessageEvents(()), openai_text("x")[:-3])


def test_calls_without_an_index_and_chunks_without_a_choice() -> None:
    events = [
        openai_chunk(prompt_filter_results=[]),
        call_chunk(id="c1", function={"name": "f", "arguments": "{"}),
        call_chunk(function={"arguments": "}"}),
        call_chunk(id="c2", function={"name": "g", "arguments": "{}"}),
        openai_chunk({}, "stop"),
    ]
    said = told(fed(MessageEvents(()), events))
    assert [one["index"] for one in said if one["type"] == "content_block_delta"] == [0, 0, 1]


def test_a_service_that_is_only_there_yet_is_told_of_once_the_message_has_begun() -> None:
    stream = MessageEvents(())
    assert stream.quiet() == b""
    fed(stream, openai_text("x")[:1], is_whole=False)
    assert kinds(stream.quiet()) == ["ping"]


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([b"{"], "no JSON"),
        ([b"<html>"], "no JSON"),
        ([[]], "no chunk"),
        ([{"x": 1}], "no chunk"),
        ([b"[DONE]"], "without a chunk"),
        ([], "without a finish_reason"),
        ([call_chunk(index=0, id="c1", function={})], "without the name"),
        (
            [
                call_chunk(index=0, id="c1", function={"name": "f"}),
                call_chunk(index=1, id="c2", function={"name": "g"}),
                call_chunk(index=0, function={"arguments": "{}"}),
            ],
            "behind the next one",
        ),
    ],
)
def test_what_is_no_stream(events: list[Any], why: str) -> None:
    with pytest.raises(BrokenAnswerError, match=why):
        fed(MessageEvents(()), events)


def test_a_service_says_that_it_has_failed() -> None:
    with pytest.raises(ToldError, match="out of memory"):
        fed(MessageEvents(()), [*openai_text("x")[:2], {"error": {"message": "out of memory"}}])


@settings(max_examples=examples(40))
@given(st.data())
def test_whatever_comes_is_a_stream_or_a_broken_one(data: st.DataObject) -> None:
    events = [*openai_text("x")[:-1], call_chunk(index=0, id="c1", function={"name": "f", "arguments": "{}"})]
    place = data.draw(st.integers(0, len(events) - 1))
    events[place] = data.draw(jumbled(events[place]))
    events.insert(data.draw(st.integers(0, 5)), data.draw(JSON))
    with contextlib.suppress(BrokenAnswerError, ToldError):
        assert kinds(fed(MessageEvents(()), events))
