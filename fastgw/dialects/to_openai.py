"""Answers of Anthropic's ``/v1/messages`` as those of OpenAI's ``/v1/chat/completions``: whole ones, and streams of events.

    message_start              chunk: role
    content_block_start        chunk: tool_calls with id and name, if it is the use of a tool
    content_block_delta        chunk: content, tool_calls with more of the arguments, or reasoning_content
    message_delta              chunk: finish_reason
    message_stop               chunk: usage, if it was asked for, and [DONE]

Thinking is told as ``reasoning_content``, as vLLM and others do; signatures and citations are not.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from fastgw.dialects import told
from fastgw.dialects.events import DONE, ToldError, unnamed
from fastgw.dialects.fields import BrokenAnswerError
from fastgw.dialects.usage import as_openai

_REASONS: Final = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_ALIVE: Final = b": ping\n\n"


def completion(document: Any, created: int) -> dict[str, Any]:
    """A whole answer.

    Args:
        document: the body of the service's.
        created: seconds since 1970.

    Raises:
        BrokenAnswerError: it is no message.
    """
    content = document.get("content") if isinstance(document, dict) else None
    if not isinstance(content, list):
        raise BrokenAnswerError("it is no message: content is no list")
    texts: list[str] = []
    thoughts: list[str] = []
    calls: list[dict[str, Any]] = []
    for block in content:
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            texts.append(_text(block, "text"))
        elif kind == "thinking":
            thoughts.append(_text(block, "thinking"))
        elif kind == "tool_use":
            arguments = orjson.dumps(block.get("input") or {}).decode()
            calls.append(_call(block, arguments))
    said: dict[str, Any] = {"role": "assistant", "content": "".join(texts) if texts or not calls else None}
    said["refusal"] = None
    if thoughts:
        said["reasoning_content"] = "".join(thoughts)
    if calls:
        said["tool_calls"] = calls
    choice = {"index": 0, "message": said, "logprobs": None, "finish_reason": _reason(document)}
    head = _head(document, "chat.completion", created)
    return {**head, "choices": [choice], "usage": as_openai(document.get("usage"))}


def _head(document: dict[str, Any], kind: str, created: int) -> dict[str, Any]:
    return {"id": _text(document, "id"), "object": kind, "created": created, "model": _text(document, "model")}


def _text(mapping: Any, key: str) -> str:
    found = mapping.get(key) if isinstance(mapping, dict) else None
    return found if isinstance(found, str) else ""


def _call(block: dict[str, Any], arguments: str) -> dict[str, Any]:
    function = {"name": _text(block, "name"), "arguments": arguments}
    return {"id": _text(block, "id"), "type": "function", "function": function}


def _reason(mapping: Any) -> str:
    return _REASONS.get(_text(mapping, "stop_reason"), "stop")


class ChunkEvents:
    """A stream of Anthropic's events on its way to a client of OpenAI: see ``EventTranslator``."""

    __slots__ = ("_calls", "_created", "_has_reason", "_head", "_includes_usage", "_is_bare", "_usage", "is_over")

    def __init__(self, created: int, *, includes_usage: bool) -> None:
        """``created``: seconds since 1970; ``includes_usage``: the last chunk tells of tokens."""
        self._created = created
        self._includes_usage = includes_usage
        self._head: dict[str, Any] = {}  # of each chunk; empty: the message has not begun
        self._calls = 0  # of tools, that have begun
        self._is_bare = False  # the last of these has no arguments yet
        self._has_reason = False  # it has been told why the message ends
        self._usage: dict[str, Any] = {}
        self.is_over = False  #: see ``EventTranslator``

    def feed(self, data: bytes) -> bytes:
        """See ``EventTranslator``."""
        try:
            event = orjson.loads(data)
        except orjson.JSONDecodeError:
            raise BrokenAnswerError("an event is no JSON") from None
        kind = _text(event, "type")
        if kind == "error" or not kind:
            failed = told.read(event)
            if failed is not None:
                raise ToldError(failed)
            raise BrokenAnswerError("an event has no type")
        if kind == "ping":
            return self.quiet()
        if kind == "message_start":
            return self._start(event.get("message"))
        if not self._head:
            raise BrokenAnswerError(f"the event {kind[:64]!r} comes in front of message_start")
        if kind == "content_block_start":
            return self._open(event.get("content_block"))
        if kind == "content_block_delta":
            return self._add(event.get("delta"))
        if kind == "content_block_stop":
            return self._close()
        if kind == "message_delta":
            return self._stop(event)
        return self._end() if kind == "message_stop" else b""

    def quiet(self) -> bytes:
        """See ``EventTranslator``."""
        return _ALIVE if self._head else b""

    def finish(self) -> bytes:
        """See ``EventTranslator``."""
        if not self.is_over:
            raise BrokenAnswerError("it ended without message_stop")
        return b""

    def _start(self, message: Any) -> bytes:
        if not isinstance(message, dict):
            raise BrokenAnswerError("message_start has no message")
        self._head = _head(message, "chat.completion.chunk", self._created)
        self._learn(message.get("usage"))
        return self._chunk({"role": "assistant", "content": ""})

    def _learn(self, usage: Any) -> None:
        """What comes later counts from the beginning."""
        if isinstance(usage, dict):
            self._usage |= {key: value for key, value in usage.items() if value is not None}

    def _open(self, block: Any) -> bytes:
        kind = _text(block, "type")
        if kind == "text":
            text = _text(block, "text")
            return self._chunk({"content": text}) if text else b""
        if kind != "tool_use":
            return b""
        given = block.get("input")
        arguments = orjson.dumps(given).decode() if given else ""
        self._is_bare = not arguments
        self._calls += 1
        return self._chunk({"tool_calls": [{"index": self._calls - 1, **_call(block, arguments)}]})

    def _add(self, delta: Any) -> bytes:
        kind = _text(delta, "type")
        if kind == "text_delta":
            return self._chunk({"content": _text(delta, "text")})
        if kind == "thinking_delta":
            return self._chunk({"reasoning_content": _text(delta, "thinking")})
        if kind != "input_json_delta":
            return b""
        part = _text(delta, "partial_json")
        return self._more(part) if part else b""

    def _more(self, part: str) -> bytes:
        """More of the arguments of a call."""
        self._is_bare = False
        return self._chunk({"tool_calls": [{"index": self._calls - 1, "function": {"arguments": part}}]})

    def _close(self) -> bytes:
        """Arguments that are none are an object without keys, which Anthropic does not write out."""
        return self._more("{}") if self._is_bare else b""

    def _stop(self, event: dict[str, Any]) -> bytes:
        self._learn(event.get("usage"))
        reason = event.get("delta")
        if not _text(reason, "stop_reason"):
            return b""
        self._has_reason = True
        return self._chunk({}, _reason(reason))

    def _end(self) -> bytes:
        if not self._has_reason:
            raise BrokenAnswerError("message_stop comes without a stop_reason in front of it")
        self.is_over = True
        out = b""
        if self._includes_usage:
            out = unnamed({**self._head, "choices": [], "usage": as_openai(self._usage)})
        return out + b"data: %b\n\n" % DONE

    def _chunk(self, delta: dict[str, Any], reason: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}
        usage = {"usage": None} if self._includes_usage else {}
        return unnamed({**self._head, "choices": [choice], **usage})
