"""Answers of OpenAI's API as those of Ollama: whole ones, and streams of lines, each of which is an object of JSON.

    chunk: content             {"message": {"content": ...}, "done": false}, or "response" of /api/generate
    chunk: tool_calls          (kept until they are whole: Ollama has them at once)
    chunk: finish_reason       (kept: what tells of tokens comes behind it)
    [DONE]                     {"message": {"tool_calls": ...}, "done": false}, {"done": true, "done_reason": ...}

How long a service has taken for what, which Ollama tells, nobody knows here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

import orjson

from fastgw.dialects.events import DONE, chunk_of, line
from fastgw.dialects.fields import BrokenAnswerError
from fastgw.dialects.usage import number

_ARGUMENTS_MAX: Final = 1 << 20  #: bytes of what calls of tools are given, which are kept until they are whole
_REASONING: Final = ("reasoning_content", "reasoning")

#: What one message is in an answer: text, thinking, calls.
OllamaShape = Callable[[str, str, list[dict[str, Any]]], dict[str, Any]]


def as_chat(text: str, thinking: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    """What an answer of ``/api/chat`` says."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if thinking:
        message["thinking"] = thinking
    if calls:
        message["tool_calls"] = calls
    return {"message": message}


def as_generated(text: str, thinking: str, calls: list[dict[str, Any]]) -> dict[str, Any]:
    """What an answer of ``/api/generate`` says, which asks for no tools."""
    return {"response": text, **({"thinking": thinking} if thinking else {})}


def answer(document: Any, shape: OllamaShape, now: float) -> dict[str, Any]:
    """A whole answer to a chat.

    Args:
        document: the body of the service's.
        shape: of the API that was asked.
        now: seconds since 1970.

    Raises:
        BrokenAnswerError: it is no chat completion.
    """
    choice = _choice(document)
    said = choice.get("message")
    if not isinstance(said, dict):
        raise BrokenAnswerError("it is no chat completion: choices.0.message is no object")
    calls = said.get("tool_calls")
    found = [_call(one) for one in calls] if isinstance(calls, list) else []
    return {
        **_head(document, now),
        **shape(_text(said, "content"), _reasoning(said), found),
        **_end(choice, document.get("usage")),
    }


def embedded(document: Any, key: str) -> dict[str, Any]:
    """The same of embeddings: all of them (``key`` is ``embeddings``), or the first.

    Raises:
        BrokenAnswerError: it has none.
    """
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, list) or not data or not all(isinstance(one, dict) for one in data):
        raise BrokenAnswerError("it has no embeddings: data is no list of objects")
    vectors = [one.get("embedding") for one in sorted(data, key=lambda one: number(one, "index"))]
    if not all(isinstance(one, list) for one in vectors):
        raise BrokenAnswerError("an embedding of it is no list of numbers")
    if key != "embeddings":
        return {key: vectors[0]}
    used = number(document.get("usage"), "prompt_tokens")
    return {"model": _text(document, "model"), key: vectors, "prompt_eval_count": used}


def _choice(document: Any) -> dict[str, Any]:
    choices = document.get("choices") if isinstance(document, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _text(mapping: Any, key: str) -> str:
    found = mapping.get(key) if isinstance(mapping, dict) else None
    return found if isinstance(found, str) else ""


def _reasoning(said: dict[str, Any]) -> str:
    return next((_text(said, key) for key in _REASONING if _text(said, key)), "")


def _head(document: Any, now: float) -> dict[str, Any]:
    return {"model": _text(document, "model"), "created_at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now))}


def _end(choice: dict[str, Any], usage: Any) -> dict[str, Any]:
    counts = {
        "prompt_eval_count": number(usage, "prompt_tokens"),
        "eval_count": number(usage, "completion_tokens"),
    }
    return {"done": True, "done_reason": "length" if choice.get("finish_reason") == "length" else "stop", **counts}


def _call(call: Any) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    name, arguments = _text(function, "name"), _text(function, "arguments") or "{}"
    try:
        found = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        found = None
    if not name or not isinstance(found, dict):
        raise BrokenAnswerError(
            f"the call of the tool {name[:64]!r} has no name, or arguments that are no object of JSON"
        )
    return {"function": {"name": name, "arguments": found}}


class LineEvents:
    """A stream of chunks on its way to a client of Ollama: see ``EventTranslator``."""

    __slots__ = ("_calls", "_choice", "_head", "_kept", "_now", "_shape", "_usage", "is_over")

    def __init__(self, shape: OllamaShape, now: float) -> None:
        """``shape``: of the API that was asked; ``now``: seconds since 1970."""
        self._shape = shape
        self._now = now
        self._head: dict[str, Any] = {}  # of each line; empty: no chunk has come
        self._calls: dict[int | str, dict[str, str]] = {}  # of tools, as far as they have come
        self._kept = 0  # bytes of these
        self._choice: dict[str, Any] | None = None  # with its finish_reason
        self._usage: Any = None
        self.is_over = False  #: see ``EventTranslator``

    def feed(self, data: bytes) -> bytes:
        """See ``EventTranslator``."""
        if data == DONE:
            return self._ended()
        chunk = chunk_of(data)
        if isinstance(chunk.get("usage"), dict):
            self._usage = chunk["usage"]
        choice = _choice(chunk)
        self._head = self._head or _head(chunk, self._now)
        if choice.get("finish_reason") is not None:
            self._choice = choice
        delta = choice.get("delta")
        return self._read(delta) if isinstance(delta, dict) else b""

    def quiet(self) -> bytes:
        """See ``EventTranslator``: lines have no comments."""
        return b""

    def finish(self) -> bytes:
        """See ``EventTranslator``."""
        if self.is_over:
            return b""
        if self._choice is None:
            raise BrokenAnswerError("it ended without a finish_reason")
        return self._ended()

    def _read(self, delta: dict[str, Any]) -> bytes:
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                self._keep(call)
        text, thinking = _text(delta, "content"), _reasoning(delta)
        return self._line(text, thinking, []) if text or thinking else b""

    def _keep(self, call: dict[str, Any]) -> None:
        index, given = call.get("index"), call.get("id")
        last = next(reversed(self._calls), 0)
        key = index if type(index) is int else given if isinstance(given, str) else last
        kept = self._calls.setdefault(key, {"name": "", "arguments": ""})
        for part in kept:
            more = _text(call.get("function"), part)
            kept[part] += more
            self._kept += len(more)
        self._kept += 1
        if self._kept > _ARGUMENTS_MAX:
            raise BrokenAnswerError(f"calls of tools have more than {_ARGUMENTS_MAX} bytes")

    def _line(self, text: str, thinking: str, calls: list[dict[str, Any]]) -> bytes:
        return line({**self._head, **self._shape(text, thinking, calls), "done": False})

    def _ended(self) -> bytes:
        if not self._head:
            raise BrokenAnswerError("it ended without a chunk that has a choice")
        calls = [_call({"function": one}) for one in self._calls.values()]
        out = self._line("", "", calls) if calls else b""
        self.is_over = True
        return out + line({**self._head, **self._shape("", "", []), **_end(self._choice or {}, self._usage)})
