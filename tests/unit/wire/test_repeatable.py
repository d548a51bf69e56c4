"""Which requests to a model have one answer, and which answers are whole."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.repeatable import is_repeatable, is_whole, suits_request

PATH = "/v1/chat/completions"
JSON, SSE, LINES = b"application/json; charset=utf-8", b"text/event-stream", b"application/x-ndjson"


def repeats(text: str | dict[str, Any], name: str = "chat", path: str = PATH, *, is_any: bool = False) -> bool:
    body = text if isinstance(text, str) else json.dumps(text)
    return is_repeatable(name, path.encode(), body.encode(), is_any=is_any)


@pytest.mark.parametrize(
    "name", ["embeddings", "rerank", "score", "tokenize", "detokenize", "count_tokens", "moderation"]
)
def test_what_has_no_chance_is_repeatable(name: str) -> None:
    assert repeats("no JSON at all", name, "/v1/x")


@pytest.mark.parametrize("name", ["image_generation", "speech", "transcription", "show", "list_models", ""])
def test_what_is_neither_certain_nor_text_is_not(name: str) -> None:
    assert not repeats({"temperature": 0}, name)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("0", True),
        ("0.0", True),
        ("-0", True),
        ("0e5", True),
        ("0.1", False),
        ("1", False),
        ("null", False),
        ('"0"', False),
        ("false", False),
        ("[0]", False),
    ],
)
def test_the_temperature_is_said_and_is_0(written: str, expected: bool) -> None:
    assert repeats(f'{{"model":"m","temperature":{written}}}') is expected
    assert repeats(f'{{"options":{{"temperature":{written}}}}}', path="/api/chat") is expected


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        '{"seed":1}',
        '{"temperature":0,"temperature":0}',
        '{"temperature":0,"Temperature":1}',
        '{"temperature":0,"n":2}',
        '{"temperature":0,"best_of":3}',
        '{"temperature":0,"n":1e0}',
        '{"temperature":0,"store":true}',
        '{"temperature":0,"options":{"temperature":1}}',
        '{"temperature":1,"options":{"temperature":0}}',
        '{"options":{"temperature":0,"temperature":1}}',
        '{"options":{"temperature":0,"a":"%s"}}' % ("x" * 5000),
        '{"temperature":0',
        "[]",
        "",
        '{"temper\\u0061ture":0}',
    ],
)
def test_what_is_left_to_chance_or_could_be_read_in_two_ways(text: str) -> None:
    assert not repeats(text)


def test_more_that_is_repeatable() -> None:
    assert repeats('{"temperature":0,"n":1,"best_of":null,"store":false}')
    assert repeats('{"temperature":null,"options":{"temperature":0,"num_ctx":1}}', "text_completion")


def test_any_temperature() -> None:
    assert repeats("{}", is_any=True) and repeats('{"temperature":1}', is_any=True)
    assert not repeats('{"n":2}', is_any=True) and not repeats('{"store":true}', is_any=True)


def test_an_answer_that_the_service_remembers_is_its_own() -> None:
    assert not repeats('{"temperature":0}', path="/v1/responses") and not repeats(
        "{}", path="/v1/responses", is_any=True
    )


@pytest.mark.parametrize(
    ("kind", "is_stream", "expected"),
    [
        (JSON, False, True),
        (SSE, True, True),
        (LINES, True, True),
        (JSON, True, False),
        (SSE, False, False),
        (b"text/html", False, False),
        (b"text/html", True, False),
        (None, False, False),
    ],
)
def test_the_type_of_an_answer(kind: bytes | None, is_stream: bool, expected: bool) -> None:
    assert suits_request(kind, is_stream=is_stream) is expected


@pytest.mark.parametrize(
    ("kind", "body", "expected"),
    [
        (JSON, b'{"choices":[{"finish_reason":"stop"}],"error":null}', True),
        (JSON, b' [{"index":0}] ', True),
        (JSON, b'[{"index":0}', False),
        (JSON, b'{"choices":[', False),
        (JSON, b'{"error":{"message":"no"}}', False),
        (JSON, b'{"error":"no"}', False),
        (JSON, b"<html>", False),
        (JSON, b"", False),
        (JSON, b'{"choices":[{"finish_reason" : "content_filter"}]}', False),
        (JSON, b'{"stop_reason":"refusal"}', False),
        (JSON, b'{"choices":[{"text":"\\"finish_reason\\":\\"content_filter\\""}]}', True),
        (SSE, b'data: {"choices":[]}\n\ndata: [DONE]\n\n', True),
        (SSE, b'data: {"choices":[]}\r\n\r\ndata: [DONE]\r\n\r\n: bye\r\n\r\n', True),
        (SSE, b'data: {"choices":[]}\n\n', False),
        (SSE, b'data: {"choices":[]}\n\ndata: [DONE]', False),
        (SSE, b'data: {"error":{"message":"no"}}\n\ndata: [DONE]\n\n', False),
        (SSE, b"data: [DONE]\n\ndata: {}\n\n", False),
        (SSE, b'data: {"choices":[{"finish_reason":"content_filter"}]}\n\ndata: [DONE]\n\n', False),
        (SSE, b'event: message_start\ndata: {"type":"message_start"}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n', True),
        (SSE, b'data: {"type":"message_stop"}\n\n', True),
        (SSE, b'event: error\ndata: {"type":"error"}\n\nevent: message_stop\ndata: {}\n\n', False),
        (SSE, b"", False),
        (LINES, b'{"done":false}\n{"done":true}\n', True),
        (LINES, b'{"done":false}\n', False),
        (LINES, b'{"error":"no"}\n{"done":true}\n', False),
        (LINES, b'{"done":false}\n{"done":true', False),
    ],
)  # fmt: skip
def test_an_answer_to_its_proper_end(kind: bytes, body: bytes, expected: bool) -> None:
    assert is_whole(kind, body) is expected


@given(st.integers(0, 200))
def test_no_part_of_an_answer_is_whole(cut: int) -> None:
    for kind, body in (
        (JSON, b'{"choices":[{"finish_reason":"stop","text":"data: [DONE]"}]}'),
        (SSE, b'data: {"choices":[{"text":"x"}]}\n\ndata: [DONE]\n\n'),
        (LINES, b'{"done":false}\n{"done":true}\n'),
    ):
        assert not is_whole(kind, body[: min(cut, len(body) - 1)])


@given(
    st.dictionaries(
        st.sampled_from(["temperature", "n", "seed", "options", "x"]),
        st.sampled_from([0, 1, 0.0, 2, None, "0", {}, {"temperature": 0}, {"temperature": 0.5}]),
    )
)
def test_as_a_reader_of_json_has_it(body: dict[str, Any]) -> None:
    def zero(value: Any) -> bool:
        return isinstance(value, int | float) and value == 0

    options = body.get("options")
    inner = options.get("temperature") if isinstance(options, dict) else None
    said = [one for one in (body.get("temperature"), inner) if one is not None]
    several = body.get("n") is None or (
        isinstance(body["n"], int | float) and not isinstance(body["n"], float) and body["n"] == 1
    )
    assert repeats(body) is (several and bool(said) and all(zero(one) for one in said))
