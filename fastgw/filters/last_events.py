"""How a stream of a model ends that the gateway ends: as its service would have if the model had come to its limit there.

    /chat/completions, /completions   a chunk with finish_reason: length for each choice, usage if it was asked for, [DONE]
    /messages                         content_block_stop where one is open, message_delta with stop_reason: max_tokens, message_stop
    /responses                        response.incomplete with the reason max_output_tokens
    /api/chat, /api/generate          a line with done_reason: length

What must be the same in all events of a stream, such as its id, is taken from the first one.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import orjson

from fastgw.core.timestamp import timestamp

_DONE: Final = b"data: [DONE]\n\n"
_SAME: Final = ("id", "object", "created", "model", "system_fingerprint", "service_tier")


class Ending(NamedTuple):
    """What is known where a stream ends."""

    prompt: int  #: tokens
    completion: int
    choices: int = 1
    wants_usage: bool = False  #: has the client asked for a chunk with it?
    open_block: int = -1  #: number of the block of content that has begun (Anthropic); -1: none
    sequence: int = 0  #: number of the event (OpenAI's responses)
    wall: float = 0.0  #: seconds since 1970


def last_events(path: bytes, first: Any, ending: Ending) -> bytes:
    """The last bytes of the stream that ``path`` has, whose first event says ``first``; empty: nobody knows how such a one ends."""
    said: dict[str, Any] = first if isinstance(first, dict) else {}
    if path.endswith(b"/completions"):
        return _of_completions(said, ending, is_chat=path.endswith(b"/chat/completions"))
    if path.endswith(b"/messages"):
        return _of_messages(ending)
    if path.endswith(b"/responses"):
        return _of_responses(said, ending)
    if path.endswith((b"/api/chat", b"/api/generate")):
        return _of_ollama(said, ending, is_chat=path.endswith(b"/chat"))
    return b""


def _of_completions(said: dict[str, Any], ending: Ending, *, is_chat: bool) -> bytes:
    same: dict[str, Any] = {key: said[key] for key in _SAME if key in said}
    nothing: dict[str, Any] = {"delta": {}} if is_chat else {"text": "", "logprobs": None}
    found = []
    for index in range(ending.choices):
        choice = {"index": index, **nothing, "finish_reason": "length"}
        none: dict[str, Any] = {"usage": None} if ending.wants_usage else {}
        found.append(_event({**same, "choices": [choice], **none}))
    if ending.wants_usage:
        usage = {
            "prompt_tokens": ending.prompt,
            "completion_tokens": ending.completion,
            "total_tokens": ending.prompt + ending.completion,
        }
        found.append(_event({**same, "choices": [], "usage": usage}))
    return b"".join((*found, _DONE))


def _of_messages(ending: Ending) -> bytes:
    found = []
    if ending.open_block >= 0:
        found.append(_named({"type": "content_block_stop", "index": ending.open_block}))
    delta = {"stop_reason": "max_tokens", "stop_sequence": None}
    found.append(_named({"type": "message_delta", "delta": delta, "usage": {"output_tokens": ending.completion}}))
    found.append(_named({"type": "message_stop"}))
    return b"".join(found)


def _of_responses(said: dict[str, Any], ending: Ending) -> bytes:
    response = said.get("response")
    usage = {
        "input_tokens": ending.prompt,
        "output_tokens": ending.completion,
        "total_tokens": ending.prompt + ending.completion,
    }
    whole = {
        **(response if isinstance(response, dict) else {}),
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "usage": usage,
    }
    return _named({"type": "response.incomplete", "sequence_number": ending.sequence, "response": whole})


def _of_ollama(said: dict[str, Any], ending: Ending, *, is_chat: bool) -> bytes:
    nothing: dict[str, Any] = {"message": {"role": "assistant", "content": ""}} if is_chat else {"response": ""}
    line = {
        "model": said.get("model", ""),
        "created_at": timestamp(ending.wall),
        **nothing,
        "done": True,
        "done_reason": "length",
        "prompt_eval_count": ending.prompt,
        "eval_count": ending.completion,
    }
    return orjson.dumps(line) + b"\n"


def _event(said: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(said) + b"\n\n"


def _named(said: dict[str, Any]) -> bytes:
    return b"event: " + str(said["type"]).encode() + b"\n" + _event(said)
