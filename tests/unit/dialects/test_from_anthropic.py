"""What Anthropic's clients ask for, as OpenAI's services have it."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.dialects.fields import RequestMisfitError, UntranslatableError
from fastgw.dialects.from_anthropic import chat
from tests.support.dialects import jumbled
from tests.support.examples import examples

SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}}
PNG = {"type": "base64", "media_type": "image/png", "data": "iVBO"}
EVERYTHING: dict[str, Any] = {
    "model": "m",
    "max_tokens": 7,
    "stream": True,
    "system": [
        {"type": "text", "text": "one", "cache_control": {"type": "ephemeral"}},
        {"type": "text", "text": "two"},
    ],
    "messages": [
        {"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "image", "source": PNG}]},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "s"},
                {"type": "text", "text": "I"},
                {"type": "text", "text": " call"},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}},
                {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "one", "is_error": True},
                {
                    "type": "tool_result",
                    "tool_use_id": "t2",
                    "content": [{"type": "text", "text": "two"}, {"type": "image", "source": PNG}],
                },
                {"type": "text", "text": "and?"},
            ],
        },
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "now"},
    ],
    "temperature": 0.5,
    "top_p": 1,
    "top_k": 3,
    "stop_sequences": ["a", "b"],
    "metadata": {"user_id": "u"},
    "tools": [{"name": "f", "description": "d", "input_schema": SCHEMA, "strict": True, "cache_control": {}}],
    "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
    "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "service_tier": "standard_only",
    "container": None,
}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}}


def call(identity: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_everything_that_can_be_asked_for() -> None:
    before = orjson.dumps(EVERYTHING)
    assert chat(EVERYTHING, "max_completion_tokens") == {
        "model": "m",
        "messages": [
            {"role": "system", "content": "one\n\ntwo"},
            {"role": "user", "content": [{"type": "text", "text": "look"}, IMAGE]},
            {
                "role": "assistant",
                "content": "I call",
                "tool_calls": [call("t1", "f", '{"x":1}'), call("t2", "g", "{}")],
            },
            {"role": "tool", "tool_call_id": "t1", "content": "one"},
            {"role": "tool", "tool_call_id": "t2", "content": "two"},
            {"role": "user", "content": [IMAGE, {"type": "text", "text": "and?"}]},
            {"role": "system", "content": "be brief"},
            {"role": "user", "content": "now"},
        ],
        "max_completion_tokens": 7,
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.5,
        "top_p": 1,
        "top_k": 3,
        "stop": ["a", "b"],
        "user": "u",
        "reasoning_effort": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True},
        },
        "tools": [
            {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}}
        ],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "parallel_tool_calls": False,
        "service_tier": "default",
    }
    assert orjson.dumps(EVERYTHING) == before  # the body that was read stays as it is


def asked(**more: Any) -> dict[str, Any]:
    return chat({"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "x"}], **more}, "max_tokens")


def said(*blocks: dict[str, Any], role: str = "user") -> Any:
    messages = [{"role": role, "content": list(blocks)}, {"role": "user", "content": "x"}]
    return asked(messages=messages)["messages"][0]


def test_the_least_that_can_be_asked_for() -> None:
    assert asked() == {"model": "m", "messages": [{"role": "user", "content": "x"}], "max_tokens": 1}
    assert said()["content"] == ""


@pytest.mark.parametrize(("choice", "expected"), [("auto", "auto"), ("any", "required"), ("none", "none")])
def test_choices_of_tools(choice: str, expected: str) -> None:
    assert asked(tool_choice={"type": choice})["tool_choice"] == expected


def test_documents_are_files_or_text() -> None:
    pdf = {"type": "document", "title": "a.pdf", "source": {**PNG, "media_type": "application/pdf"}}
    text = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}}
    url = {"type": "image", "source": {"type": "url", "url": "https://a.test/x.png"}}
    assert said(pdf, text, url)["content"] == [
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,iVBO"}},
        {"type": "text", "text": "words"},
        {"type": "image_url", "image_url": {"url": "https://a.test/x.png"}},
    ]


def test_an_answer_with_nothing_but_thinking_is_empty() -> None:
    assert said({"type": "redacted_thinking", "data": "x"}, role="assistant") == {"role": "assistant", "content": ""}
    used = said({"type": "tool_use", "id": "t", "name": "f", "input": {}}, role="assistant")
    assert used["content"] is None and used["tool_calls"] == [call("t", "f", "{}")]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"container": "c"}, "container: has nothing like it"),
        ({"speed": "fast"}, "speed: has nothing like it"),
        ({"frobnicate": 1}, "frobnicate: has nothing like it"),
        ({"service_tier": "flex"}, "service_tier: 'flex' has"),
        ({"metadata": {"user_id": "u", "x": 1}}, "metadata.x: has"),
        ({"tools": [{"type": "web_search_20250305", "name": "w"}]}, "tools.0.type: 'web_search_20250305' has"),
        ({"tools": [{"name": "w", "input_schema": {}, "defer_loading": True}]}, "tools.0.defer_loading: has"),
        ({"tool_choice": {"type": "many"}}, "tool_choice.type: 'many' has"),
        ({"output_config": {"format": {"type": "xml"}}}, "output_config.format.type: 'xml' has"),
        ({"system": [{"type": "image", "source": PNG}]}, "system.0.type: 'image' has"),
        ({"messages": [{"role": "user", "content": [{"type": "x"}]}]}, "messages.0.content.0.type: 'x' has"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image", "source": {"type": "file", "file_id": "f"}}]}
                ]
            },
            "messages.0.content.0.source.type: 'file' has",
        ),
        ({"messages": [{"role": "assistant", "content": "The answer is"}]}, "messages.0: an answer cannot be begun"),
        ({"messages": [{"role": "user", "content": "x", "name": "n"}]}, "messages.0.name: has"),
    ],
)
def test_what_openai_has_nothing_for_is_refused_with_its_place(more: Any, told: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        asked(**more)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ([], "the body: must be an object"),
        ({}, "model: is needed"),
        ({"model": "m"}, "messages: is needed"),
        ({"model": "m", "messages": []}, "messages: is needed"),
        ({"model": "m", "messages": [{"role": "user", "content": "x"}]}, "max_tokens: is needed"),
        ({"model": "m", "messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role: must be user"),
        (
            {"model": "m", "messages": [{"role": "user", "content": 1}]},
            "messages.0.content: must be a string or a list",
        ),
        ({"model": "m", "messages": [{"role": "user", "content": [1]}]}, "messages.0.content.0: must be an object"),
        (
            {"model": "m", "messages": [{"role": "user", "content": [{"type": "image"}]}]},
            "messages.0.content.0.source: is needed",
        ),
    ],
)
def test_what_anthropic_does_not_take_is_told_with_its_place(document: Any, told: str) -> None:
    with pytest.raises(RequestMisfitError) as caught:
        chat(document, "max_tokens")
    assert str(caught.value).startswith(told)


@settings(max_examples=examples(40))
@given(st.data())
def test_whatever_is_asked_is_asked_or_refused(data: st.DataObject) -> None:
    document = data.draw(jumbled(EVERYTHING))
    with contextlib.suppress(RequestMisfitError, UntranslatableError):
        assert orjson.dumps(chat(document, "max_tokens"))
