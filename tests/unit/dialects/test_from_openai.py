"""What OpenAI's clients ask for, as Anthropic's services have it."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.dialects import from_anthropic
from fastgw.dialects.fields import RequestMisfitError, UntranslatableError
from fastgw.dialects.from_openai import includes_usage, messages
from tests.support.dialects import jumbled
from tests.support.examples import examples

SCHEMA = {"type": "object", "properties": {"x": {"type": "integer"}}}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,iV,BO", "detail": "low"}}
PICTURE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "iV,BO"}}


def call(identity: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": identity, "type": "function", "function": {"name": name, "arguments": arguments}}


EVERYTHING: dict[str, Any] = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "one"},
        {"role": "developer", "content": [{"type": "text", "text": "two"}]},
        {"role": "user", "content": [{"type": "text", "text": "look"}, IMAGE], "name": "n"},
        {"role": "user", "content": "well?"},
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "tool_calls": [call("t1", "f", '{"x": 1}'), call("t2", "g", "")],
        },
        {"role": "tool", "tool_call_id": "t1", "content": "one"},
        {"role": "tool", "tool_call_id": "t2", "content": ""},
        {"role": "user", "content": "and?"},
        {"role": "assistant", "content": "so", "reasoning_content": "hm"},
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "now"},
    ],
    "max_tokens": 5,
    "max_completion_tokens": 7,
    "stream": True,
    "stream_options": {"include_usage": True},
    "temperature": 1,
    "top_p": 0.5,
    "top_k": 3,
    "stop": "a",
    "user": "u",
    "safety_identifier": "s",
    "n": 1,
    "seed": 9,
    "logprobs": False,
    "presence_penalty": 0.0,
    "modalities": ["text"],
    "store": False,
    "metadata": {"k": "v"},
    "tools": [
        {"type": "function", "function": {"name": "f", "description": "d", "parameters": SCHEMA, "strict": True}}
    ],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "parallel_tool_calls": False,
    "reasoning_effort": "minimal",
    "response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}},
    "service_tier": "default",
}


def test_everything_that_can_be_asked_for() -> None:
    before = orjson.dumps(EVERYTHING)
    assert messages(EVERYTHING, 100) == {
        "model": "m",
        "max_tokens": 7,
        "system": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}],
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "look"}, PICTURE, {"type": "text", "text": "well?"}],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}},
                    {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "one"}]},
                    {"type": "tool_result", "tool_use_id": "t2"},
                    {"type": "text", "text": "and?"},
                ],
            },
            {"role": "assistant", "content": [{"type": "text", "text": "so"}]},
            {"role": "system", "content": [{"type": "text", "text": "be brief"}]},
            {"role": "user", "content": [{"type": "text", "text": "now"}]},
        ],
        "stream": True,
        "temperature": 1,
        "top_p": 0.5,
        "top_k": 3,
        "stop_sequences": ["a"],
        "metadata": {"user_id": "s"},
        "tools": [{"name": "f", "description": "d", "input_schema": SCHEMA, "strict": True}],
        "tool_choice": {"type": "tool", "name": "f", "disable_parallel_tool_use": True},
        "output_config": {"effort": "low", "format": {"type": "json_schema", "schema": SCHEMA}},
        "service_tier": "standard_only",
    }
    assert orjson.dumps(EVERYTHING) == before
    assert includes_usage(EVERYTHING) and not includes_usage({"stream_options": {}}) and not includes_usage([])


def asked(**more: Any) -> dict[str, Any]:
    return messages({"model": "m", "messages": [{"role": "user", "content": "x"}], **more}, 100)


def said(*parts: dict[str, Any]) -> Any:
    return asked(messages=[{"role": "user", "content": list(parts)}])["messages"][0]["content"]


def test_the_least_that_can_be_asked_for() -> None:
    turn = {"role": "user", "content": [{"type": "text", "text": "x"}]}
    assert asked() == {"model": "m", "max_tokens": 100, "messages": [turn]}
    assert asked(max_tokens=5, stream=False, stop=None)["max_tokens"] == 5


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"tool_choice": "auto"}, {"tool_choice": {"type": "auto"}}),
        ({"tool_choice": "required"}, {"tool_choice": {"type": "any"}}),
        ({"tool_choice": "none", "parallel_tool_calls": False}, {"tool_choice": {"type": "none"}}),
        ({"parallel_tool_calls": False}, {}),
        ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
        ({"reasoning_effort": "max"}, {"output_config": {"effort": "max"}}),
        ({"response_format": {"type": "text"}}, {}),
        ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
    ],
)
def test_one_thing_more(more: dict[str, Any], expected: dict[str, Any]) -> None:
    assert asked(**more) == asked() | expected


def test_tools_without_parameters_and_one_call_at_a_time() -> None:
    found = asked(tools=[{"type": "function", "function": {"name": "f"}}], parallel_tool_calls=False)
    assert found["tools"] == [{"name": "f", "input_schema": {"type": "object", "properties": {}}}]
    assert found["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_parts() -> None:
    file = {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"}}
    url = {"type": "image_url", "image_url": {"url": "https://a.test/x.png"}}
    assert said(file, url, {"type": "text", "text": ""}) == [
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
            "title": "a.pdf",
        },
        {"type": "image", "source": {"type": "url", "url": "https://a.test/x.png"}},
    ]


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"n": 2}, "n: has nothing like it"),
        ({"logprobs": True}, "logprobs: has"),
        ({"logit_bias": {"5": 1}}, "logit_bias: has"),
        ({"frequency_penalty": 0.5}, "frequency_penalty: has"),
        ({"modalities": ["text", "audio"]}, "modalities: has"),
        ({"store": True}, "store: has"),
        ({"web_search_options": {}}, "web_search_options: has"),
        ({"functions": []}, "functions: has"),
        ({"service_tier": "flex"}, "service_tier: 'flex' has"),
        ({"response_format": {"type": "json_object"}}, "response_format.type: 'json_object' has"),
        ({"tools": [{"type": "custom", "custom": {"name": "c"}}]}, "tools.0.type: 'custom' has"),
        ({"tool_choice": {"type": "allowed_tools"}}, "tool_choice.type: 'allowed_tools' has"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages.0.role: 'function' has"),
        (
            {"messages": [{"role": "user", "content": [{"type": "input_audio"}]}]},
            "messages.0.content.0.type: 'input_audio'",
        ),
        ({"messages": [{"role": "assistant", "audio": {"id": "a"}}]}, "messages.0.audio: has"),
        (
            {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "f"}}]}]},
            "messages.0.content.0.file.file_id: has",
        ),
    ],
)
def test_what_anthropic_has_nothing_for_is_refused_with_its_place(more: Any, told: str) -> None:
    with pytest.raises(UntranslatableError) as caught:
        asked(**more)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"messages": []}, "messages: is needed"),
        ({"messages": None}, "messages: is needed"),
        ({"model": None}, "model: is needed"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.tool_call_id: is needed"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [call("t", "f", "{")]}]},
            "messages.0.tool_calls.0.function.arguments: must be an object of JSON",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages.0.content.0.image_url: is"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:,x"}}]}]},
            "messages.0.content.0.image_url.url: must be a data URI",
        ),
        ({"messages": [{"role": "user", "content": [{"type": "file"}]}]}, "messages.0.content.0.file: is needed"),
        ({"tools": [{"type": "function"}]}, "tools.0.function: is needed"),
        ({"response_format": {"type": "json_schema"}}, "response_format.schema: is needed"),
    ],
)
def test_what_openai_does_not_take_is_told_with_its_place(more: Any, told: str) -> None:
    with pytest.raises(RequestMisfitError) as caught:
        asked(**more)
    assert str(caught.value).startswith(told)


@settings(max_examples=examples(40))
@given(st.data())
def test_whatever_is_asked_is_asked_or_refused(data: st.DataObject) -> None:
    document = data.draw(jumbled(EVERYTHING))
    with contextlib.suppress(RequestMisfitError, UntranslatableError):
        assert orjson.dumps(messages(document, 100))


TEXT = st.text(min_size=1, max_size=8)
CALLS = st.lists(st.tuples(TEXT, TEXT, st.dictionaries(TEXT, st.integers(-9, 9), max_size=2)), min_size=1, max_size=2)


@st.composite
def conversations(draw: st.DrawFn) -> list[dict[str, Any]]:
    """What one of OpenAI's is like: an answer behind each question, results behind the calls."""
    found: list[dict[str, Any]] = [{"role": "system", "content": draw(TEXT)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(0, 2))):
        found.append({"role": "user", "content": draw(TEXT)})
        calls = draw(CALLS) if draw(st.booleans()) else []
        made = [call(one, name, orjson.dumps(given).decode()) for one, name, given in calls]
        found.append({"role": "assistant", "content": draw(TEXT), **({"tool_calls": made} if made else {})})
        found += [{"role": "tool", "tool_call_id": one, "content": draw(TEXT)} for one, _, _ in calls]
    return [*found, {"role": "user", "content": draw(TEXT)}]


@given(conversations())
def test_a_conversation_is_the_same_there_and_back(conversation: list[dict[str, Any]]) -> None:
    there = messages({"model": "m", "messages": conversation}, 5)
    assert from_anthropic.chat(there, "max_tokens")["messages"] == conversation
