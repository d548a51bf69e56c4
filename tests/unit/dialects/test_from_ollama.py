"""What Ollama's clients ask for, as OpenAI's services have it."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.dialects.fields import RequestMisfitError, UntranslatableError
from fastgw.dialects.from_ollama import chat, embed, embeddings, generate
from tests.support.dialects import jumbled
from tests.support.examples import examples

SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}}
TOOL = {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA}}


def call(name: str, **arguments: Any) -> dict[str, Any]:
    return {"function": {"name": name, "arguments": arguments}}


EVERYTHING: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "look", "images": ["/9j/AA", "iVBORAA"]},
        {
            "role": "assistant",
            "content": "",
            "thinking": "hm",
            "tool_calls": [call("f", x=1), call("g"), call("f", x=2)],
        },
        {"role": "tool", "content": "of g", "tool_name": "g"},
        {"role": "tool", "content": "first of f"},
        {"role": "tool", "content": "second of f", "tool_name": "f"},
        {"role": "assistant", "content": "so", "tool_calls": [call("f", x=3)]},
        {"role": "tool", "content": "third"},
        {"role": "user", "content": "and?"},
    ],
    "tools": [TOOL],
    "format": SCHEMA,
    "think": "low",
    "keep_alive": "5m",
    "options": {
        "num_predict": 7,
        "temperature": 0.5,
        "top_p": 1,
        "top_k": 3,
        "min_p": 0.1,
        "seed": 9,
        "presence_penalty": 0.2,
        "repeat_penalty": 1.1,
        "stop": ["a"],
        "num_ctx": 4096,
        "num_gpu": 1,
        "mirostat": 0,
        "mirostat_tau": 5.0,
        "tfs_z": 1.0,
    },
}


def test_everything_that_can_be_asked_for() -> None:
    before = orjson.dumps(EVERYTHING)
    found = chat(EVERYTHING, "max_completion_tokens")
    parts = [
        {"type": "text", "text": "look"},
        {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/AA"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORAA"}},
    ]

    def made(identity: str, name: str, arguments: str) -> dict[str, Any]:
        return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}

    assert found == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": parts},
            {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    made("call_0", "f", '{"x":1}'),
                    made("call_1", "g", "{}"),
                    made("call_2", "f", '{"x":2}'),
                ],
            },
            {"role": "tool", "tool_call_id": "call_1", "content": "of g"},
            {"role": "tool", "tool_call_id": "call_0", "content": "first of f"},
            {"role": "tool", "tool_call_id": "call_2", "content": "second of f"},
            {"role": "assistant", "content": "so", "tool_calls": [made("call_3", "f", '{"x":3}')]},
            {"role": "tool", "tool_call_id": "call_3", "content": "third"},
            {"role": "user", "content": "and?"},
        ],
        "tools": [TOOL],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_completion_tokens": 7,
        "temperature": 0.5,
        "top_p": 1,
        "top_k": 3,
        "min_p": 0.1,
        "presence_penalty": 0.2,
        "seed": 9,
        "repetition_penalty": 1.1,
        "stop": ["a"],
        "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA}},
        "reasoning_effort": "low",
    }
    assert orjson.dumps(EVERYTHING) == before


def asked(**more: Any) -> dict[str, Any]:
    document = {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": False, **more}
    return chat(document, "max_tokens")


def test_the_least_that_can_be_asked_for() -> None:
    least = {"model": "m", "messages": [{"role": "user", "content": "x"}]}
    assert asked() == asked(options={"num_predict": -1}, format="", think=True) == least
    assert asked(format="json")["response_format"] == {"type": "json_object"}
    assert chat({"model": "m", "messages": [{"role": "user", "content": "x"}]}, "")["stream"] is True


def test_one_question() -> None:
    found = generate(
        {"model": "m", "prompt": "x", "system": "s", "images": ["UklGRx"], "context": [], "stream": False}, ""
    )
    assert found["messages"] == [
        {"role": "system", "content": "s"},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "x"},
                {"type": "image_url", "image_url": {"url": "data:image/webp;base64,UklGRx"}},
            ],
        },
    ]


def test_embeddings() -> None:
    plain = {"model": "m", "input": ["a", "b"], "encoding_format": "float"}
    assert embed({"model": "m", "input": ["a", "b"], "truncate": True, "options": {}, "keep_alive": 0}) == plain
    assert embed({"model": "m", "input": "a", "dimensions": 5})["dimensions"] == 5
    assert embeddings({"model": "m", "prompt": "a"})["input"] == "a"


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"options": {"mirostat": 2}}, "options.mirostat: has"),
        ({"options": {"new": 1}}, "options.new: has"),
        ({"format": "xml"}, "format: 'xml' has"),
        ({"logprobs": True}, "logprobs: has"),
        ({"frobnicate": 1}, "frobnicate: has"),
        ({"messages": [{"role": "user", "content": "x", "new": 1}]}, "messages.0.new: has"),
    ],
)
def test_what_openai_has_nothing_for_is_refused_with_its_place(more: Any, told: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        asked(**more)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize("key", ["suffix", "template", "context", "raw"])
def test_what_a_chat_cannot_be_told(key: str) -> None:
    value = {"context": [1], "raw": True}.get(key, "x")
    with pytest.raises(UntranslatableError, match=f"^{key}: has"):
        generate({"model": "m", "prompt": "x", key: value}, "")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"messages": []}, "messages: is needed"),
        ({"messages": [{"role": "wizard"}]}, "messages.0.role: must be"),
        ({"messages": [{"role": "user", "content": "x", "images": ["????"]}]}, "messages.0.images.0: must be base64"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0: is the result of no call that waits"),
        (
            {"messages": [EVERYTHING["messages"][2], {"role": "tool", "content": "x", "tool_name": "h"}]},
            "messages.1: is the result of no call of 'h'",
        ),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages.0.tool_calls.0.function: is needed"),
        ({"options": []}, "options: must be an object"),
    ],
)
def test_what_ollama_does_not_take_is_told_with_its_place(more: Any, told: str) -> None:
    with pytest.raises(RequestMisfitError) as caught:
        asked(**more)
    assert str(caught.value).startswith(told)


@settings(max_examples=examples(40))
@given(st.data())
def test_whatever_is_asked_is_asked_or_refused(data: st.DataObject) -> None:
    with contextlib.suppress(RequestMisfitError, UntranslatableError):
        assert orjson.dumps(chat(data.draw(jumbled(EVERYTHING)), "max_tokens"))
