"""What events of model servers say of how far an answer is, and how one says that it broke off."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.stream_events import (
    COMMENT,
    EVENTS,
    LINES,
    EventError,
    dialect_in,
    error_event,
    form_of,
    is_life_alone,
    parts,
    read,
    reader_of,
)
from tests.support.model_streams import BLOCK, BUSY, DONE, HI, PING, ROLE, START, STOP, TEXT


def said(**fields: object) -> bytes:
    return json.dumps(fields).encode()


def kinds(block: bytes) -> list[bool | EventError]:
    return [read(*one) for one in parts(EVENTS, block, 0)]


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        (b"text/event-stream", EVENTS),
        (b"Text/Event-Stream ; charset=utf-8", EVENTS),
        (b"application/x-ndjson", LINES),
        (b"application/json", ""),
        (None, ""),
    ],
)
def test_the_type_says_the_form(kind: bytes | None, form: str) -> None:
    assert form_of(kind) == form


def test_what_comes_in_front_of_the_content_is_none() -> None:
    assert kinds(ROLE + PING + START + BLOCK) == [False] * 4
    assert kinds(HI + STOP + DONE + TEXT) == [True] * 4


@pytest.mark.parametrize(
    ("data", "has_content"),
    [
        (said(type="response.created", response={"error": None}), False),
        (said(type="response.output_item.added", item={}), False),
        (said(type="response.output_text.delta", delta="x"), True),
        (said(type="response.completed", response={}), True),
        (said(choices=[], prompt_filter_results=[]), False),
        (said(choices=[], usage={"total_tokens": 1}), True),
        (said(choices=[{"text": "", "finish_reason": None}]), False),
        (said(choices=[{"text": "x"}]), True),
        (said(choices=[{"delta": {"reasoning_content": "x"}}]), True),
        (said(choices=[{"delta": {"tool_calls": [{"function": {"name": "f", "arguments": ""}}]}}]), True),
        (said(choices=["?"]), True),
        (said(type="message_delta", delta={"stop_reason": "end_turn"}), True),
        (said(type="content_block_delta", delta={"type": "text_delta", "text": ""}), False),
        (said(message={"role": "assistant", "content": ""}, done=False), False),
        (said(message={"role": "assistant", "content": "x"}, done=False), True),
        (said(response="", done=True), True),
        (said(anything=1), True),
        (b"[1]", True),
        (b"no JSON", True),
    ],
)
def test_content_is_whatever_is_no_beginning(data: bytes, has_content: bool) -> None:
    assert read(b"", data) is has_content


@pytest.mark.parametrize(
    ("kind", "data", "status", "message"),
    [
        (b"error", said(type="error", error={"type": "overloaded_error", "message": "m"}), 529, "m"),
        (b"", said(error={"message": "m", "type": "InternalServerError", "code": 500}), 500, "m"),
        (b"", said(error={"message": "m", "type": "server_error", "code": None}), 500, "m"),
        (b"", said(error={"message": "m", "code": "rate_limit_exceeded"}), 429, "m"),
        (b"", said(error={"message": "m", "code": "503"}), 503, "m"),
        (b"", said(error={"code": 503, "status": "UNAVAILABLE"}), 503, ""),
        (b"", said(object="error", message="m", code=400), 400, "m"),
        (b"", said(type="response.failed", response={"error": {"code": "server_error", "message": "m"}}), 500, "m"),
        (b"", said(type="response.failed"), 502, ""),
        (b"", said(type="error", code="server_error", message="m"), 500, "m"),
        (b"", said(error="m"), 502, "m"),
        (b"error", said(error="m", error_type="overloaded"), 503, "m"),
        (b"error", b"what now", 502, "what now"),
        (b"", said(error={"message": 7, "code": True}), 502, ""),
        (b"", said(error={"message": "a\r\nb\x00\u2028" + "x" * 400, "type": "api_error"}), 500, None),
    ],
)
def test_an_error_has_the_status_that_says_the_same(kind: bytes, data: bytes, status: int, message: str | None) -> None:
    found = read(kind, data)
    assert isinstance(found, EventError) and found.status == status
    assert found.message == message or (message is None and found.message.isprintable() and len(found.message) == 303)


def test_whose_fault_it_is() -> None:
    assert [one for one in range(400, 600) if EventError(one, "").is_of_service] == [408, 429, *range(500, 600)]


def test_null_is_no_error() -> None:
    assert read(b"", said(choices=[{"delta": {"content": "x"}}], error=None)) is True


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda one: (
            st.lists(one)
            | st.dictionaries(
                st.sampled_from(
                    ["error", "type", "choices", "delta", "message", "code", "status", "done", "response", "usage"]
                ),
                one,
            )
        ),
    )
)
def test_whatever_is_said_has_an_answer(value: object) -> None:
    found = read(b"", json.dumps(value).encode())
    assert isinstance(found, bool) or (400 <= found.status <= 599 and found.message.isprintable())


def test_signs_of_life() -> None:
    for block in (COMMENT, PING, COMMENT + PING, b'event: ping\ndata:{"type":"ping"}\n\n'):
        assert is_life_alone(EVENTS, block, 0)
    for block in (HI, PING + HI, b'data: {"type":"other","x":"ping"}\n\n', b"data: ping\n\n", COMMENT * 100 + HI):
        assert not is_life_alone(EVENTS, block, 0)
    assert not is_life_alone(LINES, b"{}\n", 0)


def test_the_dialect_is_that_of_the_first_events() -> None:
    assert dialect_in(EVENTS, START, "openai") == "anthropic"
    assert dialect_in(EVENTS, ROLE, "anthropic") == "openai"
    assert dialect_in(EVENTS, COMMENT, "anthropic") == "anthropic"
    assert dialect_in(LINES, b"{}\n", "openai") == "ollama"


def test_how_one_says_that_it_broke_off() -> None:
    assert error_event(EVENTS, "openai", b"{}") == b"data: {}\n\n"
    assert error_event(EVENTS, "anthropic", b"{}") == b"event: error\ndata: {}\n\n"
    assert error_event(LINES, "ollama", b"{}") == b"{}\n"


def test_readers_cut_in_their_form() -> None:
    assert reader_of(EVENTS).feed(BUSY + b"data") == BUSY
    assert reader_of(LINES).feed(b"{}\n{") == b"{}\n"
    assert parts(LINES, b"{}\n\n[]\n", 0) == [(b"", b"{}"), (b"", b"[]")]
