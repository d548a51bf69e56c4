"""How streams of each dialect end that the gateway ends: with what their clients take for an end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fastgw.filters.last_events import Ending, last_events
from fastgw.wire import sse

FIRST = {"id": "c", "object": "chat.completion.chunk", "created": 5, "model": "m", "choices": [{"index": 0}], "x": 1}
SAME = {"id": "c", "object": "chat.completion.chunk", "created": 5, "model": "m"}


def said(block: bytes) -> list[tuple[bytes, Any]]:
    """The events: their types, and what they say."""
    return [(one.kind, one.data if one.data == b"[DONE]" else json.loads(one.data)) for one in sse.events(block)]


def test_a_chat_ends_with_a_reason_for_each_choice() -> None:
    assert said(last_events(b"/v1/chat/completions", FIRST, Ending(3, 4, choices=2))) == [
        (b"", {**SAME, "choices": [{"index": 0, "delta": {}, "finish_reason": "length"}]}),
        (b"", {**SAME, "choices": [{"index": 1, "delta": {}, "finish_reason": "length"}]}),
        (b"", b"[DONE]"),
    ]


def test_and_with_usage_where_that_was_asked_for() -> None:
    found = said(last_events(b"/v1/completions", FIRST, Ending(3, 4, wants_usage=True)))
    usage = {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}
    choice = {"index": 0, "text": "", "logprobs": None, "finish_reason": "length"}
    assert found == [
        (b"", {**SAME, "choices": [choice], "usage": None}),
        (b"", {**SAME, "choices": [], "usage": usage}),
        (b"", b"[DONE]"),
    ]


@pytest.mark.parametrize("open_block", [-1, 2])
def test_a_message_ends_what_is_open(open_block: int) -> None:
    found = said(last_events(b"/v1/messages", None, Ending(3, 4, open_block=open_block)))
    delta = {"stop_reason": "max_tokens", "stop_sequence": None}
    end = [
        (b"message_delta", {"type": "message_delta", "delta": delta, "usage": {"output_tokens": 4}}),
        (b"message_stop", {"type": "message_stop"}),
    ]
    stop = {"type": "content_block_stop", "index": 2}
    assert found == ([(b"content_block_stop", stop)] if open_block >= 0 else []) + end


@pytest.mark.parametrize(
    "first", [{"response": {"id": "r", "status": "in_progress", "output": []}}, [], {"response": 5}]
)
def test_a_response_is_incomplete(first: Any) -> None:
    [(kind, found)] = said(last_events(b"/v1/responses", first, Ending(3, 4, sequence=9)))
    assert kind == b"response.incomplete" and found["sequence_number"] == 9
    assert found["response"]["status"] == "incomplete"
    assert found["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert found["response"]["usage"] == {"input_tokens": 3, "output_tokens": 4, "total_tokens": 7}
    assert found["response"].get("id") == (
        "r" if isinstance(first, dict) and isinstance(first["response"], dict) else None
    )


@pytest.mark.parametrize(
    ("path", "content"),
    [(b"/api/chat", {"message": {"role": "assistant", "content": ""}}), (b"/api/generate", {"response": ""})],
)
def test_lines_of_ollama_end_with_one_that_is_done(path: bytes, content: dict[str, Any]) -> None:
    found = last_events(path, {"model": "m"}, Ending(3, 4, wall=1789000000.25))
    assert found.endswith(b"\n") and json.loads(found) == {
        "model": "m",
        "created_at": "2026-09-10T00:26:40.250Z",
        **content,
        "done": True,
        "done_reason": "length",
        "prompt_eval_count": 3,
        "eval_count": 4,
    }


def test_nobody_knows_how_others_end() -> None:
    assert last_events(b"/v1/else", {}, Ending(1, 2)) == b""
