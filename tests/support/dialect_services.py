"""Two small model servers, one that speaks the published API of OpenAI and one that of Anthropic: ``UpstreamServer`` scripts.

What they do the last text of the conversation says: ``tool`` calls one, ``limit`` is refused once, ``bad`` always, ``spent`` too and
without another try, ``down`` always by Anthropic, ``status 403`` has that status, ``slow`` has no answer and ``half`` half of one, ``fail``
fails in the middle of a stream, ``break`` ends there and ``gone`` breaks off; whatever else is said again, word by word.  A request with
keys that the API does not have is refused, so nothing of another dialect gets past.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, Final

from tests.support.upstream import Connection, Received, chunk, response

WEATHER: Final = {"city": "Brno", "days": 2}
_OPENAI_KEYS: Final = {
    *("model", "messages", "max_tokens", "stream", "stream_options", "temperature", "top_p", "stop", "user", "tools"),
    *("tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort", "service_tier"),
}
_ANTHROPIC_KEYS: Final = {
    *(
        "model",
        "messages",
        "system",
        "max_tokens",
        "stream",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "tools",
    ),
    *("tool_choice", "metadata", "output_config", "thinking", "service_tier"),
}


def openai_chat(request: Received, connection: Connection) -> None:
    """Answer as ``/v1/chat/completions``."""
    asked = json.loads(request.body)
    last = asked["messages"][-1]
    text = last["content"] if isinstance(last["content"], str) else last["content"][-1].get("text", "")
    unknown = asked.keys() - _OPENAI_KEYS
    if request.target != b"/v1/chat/completions" or unknown or request.header(b"anthropic-version") is not None:
        _error(connection, "400 Bad Request", _of_openai("unknown_parameter", f"unknown: {sorted(unknown)}"))
    elif request.header(b"authorization") != b"Bearer good":
        _error(connection, "401 Unauthorized", _of_openai("invalid_api_key", "Incorrect API key provided"))
    elif _goes_wrong(connection, text, _of_openai("some_code", "as you like it")):
        pass
    elif text == "bad":
        _error(connection, "400 Bad Request", _of_openai("context_length_exceeded", "too long", param="messages"))
    elif text == "limit" and request.header(b"x-stainless-retry-count") == b"0":
        _error(connection, "429 Too Many Requests", _of_openai("rate_limit_exceeded", "slow down"), retry="1")
    elif text == "spent":
        _error(connection, "429 Too Many Requests", _of_openai("insufficient_quota", "nothing left"), again="false")
    elif asked.get("stream"):
        assert asked["stream_options"] == {"include_usage": True}
        _stream(connection, _openai_events(text), text)
    else:
        usage = {"prompt_tokens": 12, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if "response_format" in asked:
            message["content"] = json.dumps(WEATHER)
        if text == "tool":
            arguments = json.dumps(WEATHER)
            call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": arguments}}
            message |= {"content": None, "tool_calls": [call]}
        choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if text == "tool" else "stop"}
        _send(connection, {**_head("chat.completion"), "choices": [choice], "usage": usage})


def _of_openai(code: str, message: str, param: str | None = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": "invalid_request_error", "param": param, "code": code}}


def _head(kind: str) -> dict[str, Any]:
    return {"id": "chatcmpl-1", "object": kind, "created": 1, "model": "gpt-real"}


def _openai_events(text: str) -> Iterable[bytes]:
    def event(delta: dict[str, Any], reason: str | None = None) -> bytes:
        choices = [{"index": 0, "delta": delta, "finish_reason": reason}]
        return _data({**_head("chat.completion.chunk"), "choices": choices, "usage": None})

    yield event({"role": "assistant", "content": ""})
    if text == "tool":
        function = {"name": "weather", "arguments": ""}
        yield event({"tool_calls": [{"index": 0, "id": "call_1", "type": "function", "function": function}]})
        for part in ('{"city": "Brno"', ', "days": 2}'):
            more = {"index": 0, "id": None, "function": {"name": None, "arguments": part}}
            yield event({"tool_calls": [more]})
    else:
        for place, word in enumerate(text.split(" ")):
            yield event({"content": word if not place else f" {word}"})
    if text == "fail":
        yield _data({"error": {"message": "out of memory", "type": "server_error", "code": None}})
        return
    yield event({}, "tool_calls" if text == "tool" else "stop")
    usage = {"prompt_tokens": 12, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 8}}
    yield _data({**_head("chat.completion.chunk"), "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def anthropic_messages(request: Received, connection: Connection) -> None:
    """Answer as ``/v1/messages``."""
    asked = json.loads(request.body)
    content = asked["messages"][-1]["content"]
    text = content if isinstance(content, str) else content[-1].get("text", "")
    unknown = asked.keys() - _ANTHROPIC_KEYS
    version = request.header(b"anthropic-version") or b""
    keys = (request.header(b"x-api-key"), request.header(b"authorization"))
    if request.target != b"/v1/messages" or unknown or version not in (b"2023-06-01", b"2026-10-21"):
        _error(connection, "400 Bad Request", _of_anthropic("invalid_request_error", f"unknown: {sorted(unknown)}"))
    elif keys not in ((b"good", None), (None, b"Bearer good")):
        _error(connection, "401 Unauthorized", _of_anthropic("authentication_error", "invalid x-api-key"))
    elif _goes_wrong(connection, text, _of_anthropic("some_error", "as you like it")):
        pass
    elif text == "bad" or "max_tokens" not in asked:
        _error(connection, "400 Bad Request", _of_anthropic("invalid_request_error", "prompt is too long"))
    elif text == "limit" and request.header(b"x-stainless-retry-count") == b"0":
        _error(connection, "529 Overloaded", _of_anthropic("overloaded_error", "Overloaded"), retry="1")
    elif text == "spent":
        _error(connection, "429 Too Many Requests", _of_anthropic("rate_limit_error", "nothing left"), again="false")
    elif text == "down":
        _error(connection, "529 Overloaded", _of_anthropic("overloaded_error", "Overloaded"))
    elif asked.get("stream"):
        _stream(connection, _anthropic_events(text), text)
    else:
        blocks: list[dict[str, Any]] = [{"type": "text", "text": text}]
        if "output_config" in asked:
            blocks = [{"type": "text", "text": json.dumps(WEATHER)}]
        if text == "tool":
            blocks = [{"type": "tool_use", "id": "toolu_1", "name": "weather", "input": WEATHER}]
        reason = "tool_use" if text == "tool" else "end_turn"
        usage = {"input_tokens": 4, "cache_read_input_tokens": 8, "cache_creation_input_tokens": 0, "output_tokens": 3}
        _send(connection, {**_message(blocks), "stop_reason": reason, "usage": usage})


def _of_anthropic(kind: str, message: str) -> dict[str, Any]:
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def _message(content: list[dict[str, Any]]) -> dict[str, Any]:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-real", "content": content}
    return {**head, "stop_reason": None, "stop_sequence": None}


def _anthropic_events(text: str) -> Iterable[bytes]:
    def event(kind: str, **said: Any) -> bytes:
        return f"event: {kind}\n".encode() + _data({"type": kind, **said})

    usage = {"input_tokens": 4, "cache_read_input_tokens": 8, "cache_creation_input_tokens": 0, "output_tokens": 1}
    yield event("message_start", message={**_message([]), "usage": usage})
    if text == "tool":
        block: dict[str, Any] = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {}}
        deltas = [{"type": "input_json_delta", "partial_json": one} for one in ("", '{"city": "Brno"', ', "days": 2}')]
    else:
        block = {"type": "text", "text": ""}
        words = [word if not place else f" {word}" for place, word in enumerate(text.split(" "))]
        deltas = [{"type": "text_delta", "text": one} for one in words]
    yield event("content_block_start", index=0, content_block=block)
    yield event("ping")
    for delta in deltas:
        yield event("content_block_delta", index=0, delta=delta)
    if text == "fail":
        yield event("error", error={"type": "overloaded_error", "message": "Overloaded"})
        return
    yield event("content_block_stop", index=0)
    reason = "tool_use" if text == "tool" else "end_turn"
    yield event("message_delta", delta={"stop_reason": reason, "stop_sequence": None}, usage={"output_tokens": 3})
    yield event("message_stop")


def _goes_wrong(connection: Connection, text: str, error: Any) -> bool:
    """Whether it has, as ``text`` wants it."""
    if text.startswith("status "):
        _error(connection, f"{text.removeprefix('status ')} Whatever", error)
    elif text == "slow":
        connection.wait_closed()
    elif text == "half":
        connection.send(response(b'{"id": "x", "choices": [', fields=[("content-type", "application/json")])[:-5])
        connection.close()
    else:
        return False
    return True


def _data(document: Any) -> bytes:
    return b"data: " + json.dumps(document).encode() + b"\n\n"


def _send(connection: Connection, document: Any) -> None:
    connection.send(response(json.dumps(document).encode(), fields=[("content-type", "application/json")]))


def _error(connection: Connection, status: str, document: Any, retry: str = "", again: str = "") -> None:
    hints = [("retry-after-ms", retry), ("x-should-retry", again)]
    fields = [("content-type", "application/json"), *(one for one in hints if one[1])]
    connection.send(response(json.dumps(document).encode(), status=status, fields=fields))


def _stream(connection: Connection, events: Iterable[bytes], text: str) -> None:
    """Send ``events``; or only the first of them, and then a good end of the body, or none."""
    connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for place, one in enumerate(events):
        if text in ("break", "gone") and place == 2:
            break
        connection.send(chunk(one))
    if text == "gone":
        connection.close()
    else:
        connection.send(chunk(b""))
