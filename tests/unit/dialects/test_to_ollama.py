"""Answers of OpenAI's services, as Ollama's clients read them."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.dialects.events import ToldError
from fastgw.dialects.fields import BrokenAnswerError
from fastgw.dialects.to_ollama import LineEvents, answer, as_chat, as_generated, embedded
from tests.support.dialects import JSON, fed, jumbled, openai_chunk, openai_text
from tests.support.examples import examples

NOW = 1789000000.25
HEAD = {"model": "m", "created_at": "2026-09-10T00:26:40Z"}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
ANSWER: dict[str, Any] = {
    "model": "m",
    "choices": [
        {"message": {"content": "hi", "reasoning_content": "hm", "tool_calls": [CALL]}, "finish_reason": "tool_calls"}
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 4},
}
CALLED = {"function": {"name": "f", "arguments": {"x": 1}}}
END = {"done": True, "done_reason": "stop", "prompt_eval_count": 9, "eval_count": 4}


def lines(data: bytes) -> list[Any]:
    assert data.endswith(b"\n")
    return [orjson.loads(one) for one in data.splitlines()]


def call_chunk(**call: Any) -> dict[str, Any]:
    return openai_chunk({"tool_calls": [call]})


def test_whole_answers() -> None:
    message = {"role": "assistant", "content": "hi", "thinking": "hm", "tool_calls": [CALLED]}
    assert answer(ANSWER, as_chat, NOW) == {**HEAD, "message": message, **END}
    assert answer(ANSWER, as_generated, NOW) == {**HEAD, "response": "hi", "thinking": "hm", **END}
    cut = {"choices": [{"message": {"content": "x"}, "finish_reason": "length"}]}
    assert answer(cut, as_chat, NOW)["done_reason"] == "length"


def test_embeddings_are_in_their_order() -> None:
    document = {
        "model": "m",
        "data": [{"index": 1, "embedding": [3.0]}, {"index": 0, "embedding": [1.0, 2.0]}],
        "usage": {"prompt_tokens": 2},
    }
    assert embedded(document, "embeddings") == {"model": "m", "embeddings": [[1.0, 2.0], [3.0]], "prompt_eval_count": 2}
    assert embedded(document, "embedding") == {"embedding": [1.0, 2.0]}
    for broken in (None, {}, {"data": []}, {"data": [1]}, {"data": [{"embedding": "AAAA"}]}):
        with pytest.raises(BrokenAnswerError):
            embedded(broken, "embeddings")


@settings(max_examples=examples(40))
@given(st.data())
def test_whatever_comes_is_an_answer_or_a_broken_one(data: st.DataObject) -> None:
    with contextlib.suppress(BrokenAnswerError):
        assert orjson.dumps(answer(data.draw(jumbled(ANSWER)), as_chat, NOW))


@pytest.mark.parametrize(("shape", "key"), [(as_chat, "message"), (as_generated, "response")])
def test_a_stream_of_text(shape: Any, key: str) -> None:
    first, second, last = lines(fed(LineEvents(shape, NOW), openai_text("Hello", " there")))
    said = [one[key]["content"] if key == "message" else one[key] for one in (first, second, last)]
    assert said == ["Hello", " there", ""]
    assert [one["done"] for one in (first, second, last)] == [False, False, True]
    assert {**last, key: None} == {**HEAD, key: None, **END}


def test_calls_of_tools_come_when_they_are_whole() -> None:
    stream = LineEvents(as_chat, NOW)
    events = [
        openai_chunk({"reasoning": "hm"}),
        call_chunk(index=0, id="c1", function={"name": "f", "arguments": ""}),
        call_chunk(index=0, id=None, function={"name": None, "arguments": '{"x"'}),
        call_chunk(index=0, function={"arguments": ":1}"}),
        call_chunk(index=1, id="c2", function={"name": "g"}),
        openai_chunk({}, "tool_calls"),
    ]
    assert lines(fed(stream, events, is_whole=False))[0]["message"]["thinking"] == "hm"
    called, last = lines(fed(stream, [b"[DONE]"]))
    assert called["message"]["tool_calls"] == [CALLED, {"function": {"name": "g", "arguments": {}}}]
    assert (called["done"], last["done"], last["done_reason"]) == (False, True, "stop")


def test_the_end() -> None:
    stream = LineEvents(as_chat, NOW)
    *first, _, done = openai_text("x")
    assert not lines(fed(stream, first, is_whole=False))[-1]["done"]
    assert stream.quiet() == b"" and not stream.is_over
    assert lines(fed(stream, [done], is_whole=False))[-1]["done"] and stream.is_over and stream.finish() == b""
    assert lines(fed(LineEvents(as_chat, NOW), openai_text("x")[:-1]))[-1]["done"]


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([b"{"], "no JSON"),
        ([{"x": 1}], "no chunk"),
        ([b"[DONE]"], "without a chunk"),
        (openai_text("x")[:2], "without a finish_reason"),
        (
            [call_chunk(index=0, function={"name": "f", "arguments": "{"}), openai_chunk({}, "stop")],
            "no object of JSON",
        ),
        ([call_chunk(index=0, function={"arguments": "x" * 600_000})] * 2, "more than 1048576 bytes"),
    ],
)
def test_what_is_no_stream(events: list[Any], why: str) -> None:
    with pytest.raises(BrokenAnswerError, match=why):
        fed(LineEvents(as_chat, NOW), events)


@settings(max_examples=examples(40))
@given(st.data())
def test_whatever_comes_is_a_stream_or_a_broken_one(data: st.DataObject) -> None:
    events = [*openai_text("x")[:-1], call_chunk(index=0, id="c1", function={"name": "f", "arguments": "{}"})]
    place = data.draw(st.integers(0, len(events) - 1))
    events[place] = data.draw(jumbled(events[place]))
    events.insert(data.draw(st.integers(0, 5)), data.draw(JSON))
    with contextlib.suppress(BrokenAnswerError, ToldError):
        assert lines(fed(LineEvents(as_chat, NOW), events))[-1]["done"]
