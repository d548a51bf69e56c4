"""Answers of OpenAI's ``/v1/chat/completions`` as those of Anthropic's ``/v1/messages``: whole ones, and streams of events.

    chunk: role                message_start
    chunk: content             content_block_start, content_block_delta ... content_block_stop
    chunk: tool_calls          the same, with input_json_delta; a block for each call
    chunk: finish_reason       (kept: what tells of tokens comes behind it)
    chunk: usage
    [DONE]                     message_delta, message_stop

One block is open at a time, as Anthropic's own streams have it.  What servers tell of a model's reasoning, as ``reasoning_content`` or
``reasoning``, is a block of thinking without a signature.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from fastgw.dialects.events import DONE, chunk_of, named
from fastgw.dialects.fields import BrokenAnswerError
from fastgw.dialects.usage import as_anthropic

_REASONS: Final = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "function_call": "tool_use",
    "content_filter": "refusal",
}
_REASONING: Final = ("reasoning_content", "reasoning")
_PING: Final = named("ping", {"type": "ping"})
_TEXT, _THINKING, _TOOL = "text", "thinking", "tool_use"


def message(document: Any, stops: Sequence[str]) -> dict[str, Any]:
    """A whole answer.

    Args:
        document: the body of the service's.
        stops: the stop sequences that were asked for.

    Raises:
        BrokenAnswerError: it is no chat completion.
    """
    choice = _choice(document)
    said = choice.get("message") if choice is not None else None
    if choice is None or not isinstance(said, dict):
        raise BrokenAnswerError("it is no chat completion: choices.0.message is no object")
    content: list[dict[str, Any]] = []
    thought = _reasoning(said)
    if thought:
        content.append({"type": _THINKING, "thinking": thought, "signature": ""})
    text = "".join(one for one in (said.get("content"), said.get("refusal")) if isinstance(one, str))
    if text:
        content.append({"type": _TEXT, "text": text})
    identity = _id(document)
    for place, call in enumerate(said.get("tool_calls") or ()):
        content.append(_tool_use(call, f"toolu_{identity}_{place}"))
    reason, stop = _stopped(choice, stops, has_calls=any(one["type"] == _TOOL for one in content))
    return {
        **_head(document, identity),
        "content": content,
        "stop_reason": reason,
        "stop_sequence": stop,
        "usage": as_anthropic(document.get("usage")),
    }


def _choice(document: Any) -> dict[str, Any] | None:
    choices = document.get("choices") if isinstance(document, dict) else None
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else None


def _id(document: dict[str, Any]) -> str:
    found = document.get("id")
    return found if isinstance(found, str) and found else "msg"


def _head(document: dict[str, Any], identity: str) -> dict[str, Any]:
    model = document.get("model")
    return {
        "id": identity,
        "type": "message",
        "role": "assistant",
        "model": model if isinstance(model, str) else "",
    }


def _reasoning(said: dict[str, Any]) -> str:
    found = next((said[key] for key in _REASONING if isinstance(said.get(key), str)), "")
    return found if isinstance(found, str) else ""


def _tool_use(call: Any, identity: str) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise BrokenAnswerError("one of its tool_calls has no function with a name")
    given = call.get("id")
    arguments = function.get("arguments") or "{}"
    try:
        found = orjson.loads(arguments) if isinstance(arguments, str) else arguments
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise BrokenAnswerError(f"the arguments of the call of {function['name']!r} are no object of JSON")
    identity = given if isinstance(given, str) and given else identity
    return {"type": _TOOL, "id": identity, "name": function["name"], "input": found}


def _stopped(choice: dict[str, Any], stops: Sequence[str], *, has_calls: bool) -> tuple[str, str | None]:
    """Why it ended, and the stop sequence if that was one, which vLLM and others tell as ``stop_reason``.

    A call that was asked for by its name ends with ``stop`` at OpenAI."""
    reason = choice.get("finish_reason") or "stop"
    if reason == "stop" and has_calls:
        return _TOOL, None
    sequence = choice.get("stop_reason")
    if reason == "stop" and isinstance(sequence, str) and sequence in stops:
        return "stop_sequence", sequence
    return _REASONS.get(reason, "end_turn") if isinstance(reason, str) else "end_turn", None


class MessageEvents:
    """A stream of chunks on its way to a client of Anthropic: see ``EventTranslator``."""

    __slots__ = ("_blocks", "_calls", "_choice", "_identity", "_kind", "_stops", "_usage", "is_over")

    def __init__(self, stops: Sequence[str]) -> None:
        """``stops``: the stop sequences that were asked for."""
        self._stops = stops
        self._identity = ""  # empty: no chunk has come
        self._blocks = 0  # that were opened
        self._kind = ""  # of the one that is open; empty: none is
        self._calls: dict[int | str, int] = {}  # of the service, and the block that each is
        self._choice: dict[str, Any] | None = None  # with its finish_reason
        self._usage: Any = None
        self.is_over = False  #: see ``EventTranslator``

    def feed(self, data: bytes) -> bytes:
        """See ``EventTranslator``."""
        if data == DONE:
            return self._end()
        chunk = chunk_of(data)
        if isinstance(chunk.get("usage"), dict):
            self._usage = chunk["usage"]
        choice = _choice(chunk)
        if choice is None:
            return b""
        out = [] if self._identity else [self._start(chunk)]
        delta = choice.get("delta")
        if isinstance(delta, dict):
            self._read(delta, out)
        if choice.get("finish_reason") is not None:
            self._choice = choice
            self._close(out)
        return b"".join(out)

    def quiet(self) -> bytes:
        """See ``EventTranslator``."""
        return _PING if self._identity else b""

    def finish(self) -> bytes:
        """See ``EventTranslator``: some servers send no ``[DONE]``; that an answer is complete its reason says too."""
        if self.is_over:
            return b""
        if self._choice is None:
            raise BrokenAnswerError("it ended without a finish_reason")
        return self._end()

    def _start(self, chunk: dict[str, Any]) -> bytes:
        self._identity = _id(chunk)
        head = {**_head(chunk, self._identity), "content": [], "stop_reason": None, "stop_sequence": None}
        return named("message_start", {"type": "message_start", "message": {**head, "usage": as_anthropic(None)}})

    def _end(self) -> bytes:
        if not self._identity:
            raise BrokenAnswerError("it ended without a chunk that has a choice")
        out: list[bytes] = []
        self._close(out)
        reason, stop = _stopped(self._choice or {}, self._stops, has_calls=bool(self._calls))
        delta = {"stop_reason": reason, "stop_sequence": stop}
        usage = as_anthropic(self._usage)
        out.append(named("message_delta", {"type": "message_delta", "delta": delta, "usage": usage}))
        out.append(named("message_stop", {"type": "message_stop"}))
        self.is_over = True
        return b"".join(out)

    # --- blocks

    def _read(self, delta: dict[str, Any], out: list[bytes]) -> None:
        thought = _reasoning(delta)
        if thought:
            self._open(_THINKING, {"type": _THINKING, "thinking": "", "signature": ""}, out)
            self._add({"type": "thinking_delta", "thinking": thought}, out)
        for key in ("content", "refusal"):
            text = delta.get(key)
            if isinstance(text, str) and text:
                self._open(_TEXT, {"type": _TEXT, "text": ""}, out)
                self._add({"type": "text_delta", "text": text}, out)
        calls = delta.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            if isinstance(call, dict):
                self._call(call, out)

    def _call(self, call: dict[str, Any], out: list[bytes]) -> None:
        """``id`` and ``name`` come once; later parts may have them as null."""
        function = call.get("function")
        function = function if isinstance(function, dict) else {}
        index, given, name = call.get("index"), call.get("id"), function.get("name")
        key = index if type(index) is int else given if isinstance(given, str) else next(reversed(self._calls), 0)
        if key not in self._calls:
            if not isinstance(name, str) or not name:
                raise BrokenAnswerError("a call of a tool begins without the name of its function")
            self._close(out)
            self._calls[key] = self._blocks
            identity = given if isinstance(given, str) and given else f"toolu_{self._identity}_{len(self._calls) - 1}"
            self._open(_TOOL, {"type": _TOOL, "id": identity, "name": name, "input": {}}, out)
        elif self._kind != _TOOL or self._calls[key] != self._blocks - 1:
            raise BrokenAnswerError("a call of a tool goes on behind the next one")
        arguments = function.get("arguments")
        if isinstance(arguments, str) and arguments:
            self._add({"type": "input_json_delta", "partial_json": arguments}, out)

    def _open(self, kind: str, block: dict[str, Any], out: list[bytes]) -> None:
        if self._kind == kind:
            return
        self._close(out)
        self._kind = kind
        start = {"type": "content_block_start", "index": self._blocks, "content_block": block}
        out.append(named("content_block_start", start))
        self._blocks += 1

    def _add(self, delta: dict[str, Any], out: list[bytes]) -> None:
        event = {"type": "content_block_delta", "index": self._blocks - 1, "delta": delta}
        out.append(named("content_block_delta", event))

    def _close(self, out: list[bytes]) -> None:
        if not self._kind:
            return
        self._kind = ""
        stop = {"type": "content_block_stop", "index": self._blocks - 1}
        out.append(named("content_block_stop", stop))
