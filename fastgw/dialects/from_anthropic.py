"""What clients of Anthropic's ``/v1/messages`` ask for, as OpenAI's ``/v1/chat/completions`` has it.

The roles of a conversation differ: what Anthropic has as blocks of a user's message, results of tools, are messages of their own at
OpenAI, which stand right behind the calls; images in them, which those cannot have, come with what the user says next.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from fastgw.dialects.fields import NUMBER, KeyReader, RequestMisfitError, UntranslatableError, copied

#: Hints to Anthropic's own servers: what they lose is time or money, not meaning.
_HARMLESS: Final = ("cache_control", "thinking", "context_management", "diagnostics")
_TOOL_HINTS: Final = ("cache_control", "eager_input_streaming", "input_examples")
_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
_TIERS: Final = {"auto": "auto", "standard_only": "default"}


def chat(document: Any, max_tokens_as: str) -> dict[str, Any]:
    """The body of a request, a new object.

    Args:
        document: the body that the client has sent.
        max_tokens_as: the key by which the service is told the most tokens.

    Raises:
        RequestMisfitError: it is not what Anthropic's API takes.
        UntranslatableError: OpenAI's has nothing like some of it.
    """
    said = KeyReader(document, "")
    asked: dict[str, Any] = {"model": said.need("model", str)}
    asked["messages"] = [*_system(said, "system"), *_messages(said)]
    asked[max_tokens_as] = said.need("max_tokens", int)
    if said.take("stream", bool):
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    copied(said, asked, NUMBER, "temperature", "top_p", "top_k")
    stops = said.take("stop_sequences", list)
    if stops:
        asked["stop"] = stops
    metadata = said.inside("metadata")
    if metadata is not None:
        user = metadata.take("user_id", str)
        asked |= {"user": user} if user else {}
        metadata.end()
    _output(said, asked)
    _tools(said, asked)
    tier = said.take("service_tier", str)
    if tier is not None:
        asked["service_tier"] = said.meant("service_tier", tier, _TIERS)
    said.only("speed", "standard")
    said.drop(*_HARMLESS)
    said.end()
    return asked


def _output(said: KeyReader, asked: dict[str, Any]) -> None:
    output = said.inside("output_config")
    if output is None:
        return
    effort = output.take("effort", str)
    if effort is not None:
        asked["reasoning_effort"] = effort
    shape = output.inside("format")
    if shape is not None:
        kind = shape.need("type", str)
        if kind != "json_schema":
            raise shape.foreign("type", kind)
        schema = {"name": "answer", "schema": shape.need("schema", dict), "strict": True}
        asked["response_format"] = {"type": "json_schema", "json_schema": schema}
        shape.end()
    output.end()


def _tools(said: KeyReader, asked: dict[str, Any]) -> None:
    tools = [_tool(one) for one in said.each("tools")]
    if tools:
        asked["tools"] = tools
    choice = said.inside("tool_choice")
    if choice is None:
        return
    kind = choice.need("type", str)
    if kind == "tool":
        asked["tool_choice"] = {"type": "function", "function": {"name": choice.need("name", str)}}
    else:
        asked["tool_choice"] = choice.meant("type", kind, _CHOICES)
    if choice.take("disable_parallel_tool_use", bool):
        asked["parallel_tool_calls"] = False
    choice.end()


def _tool(one: KeyReader) -> dict[str, Any]:
    kind = one.take("type", str)
    if kind not in (None, "custom"):
        raise one.foreign("type", kind)
    function: dict[str, Any] = {"name": one.need("name", str)}
    copied(one, function, str, "description")
    function["parameters"] = one.need("input_schema", dict)
    copied(one, function, bool, "strict")
    one.only("defer_loading", False)
    one.only("allowed_callers", ["direct"])
    one.drop(*_TOOL_HINTS)
    one.end()
    return {"type": "function", "function": function}


# --- messages


def _messages(said: KeyReader) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    messages = said.each("messages")
    if not messages:
        raise RequestMisfitError("messages: is needed, with one at least")
    role = ""
    for one in messages:
        role = one.need("role", str)
        if role == "user":
            found += _user(one)
        elif role == "assistant":
            found.append(_assistant(one))
        elif role == "system":
            found += _system(one, "content")
        else:
            raise RequestMisfitError(f"{one.at('role')}: must be user, assistant or system, and is {role[:64]!r}")
        one.end()
    if role == "assistant":
        why = "an answer cannot be begun for the model: the API of the service has nothing like it"
        raise UntranslatableError(f"{messages[-1].path}: {why}")
    return found


def _system(said: KeyReader, key: str) -> list[dict[str, Any]]:
    texts = []
    for block, kind in _blocks(said, key):
        if kind != "text":
            raise block.foreign("type", kind)
        texts.append(_part(block, kind)["text"])
    return [{"role": "system", "content": "\n\n".join(texts)}] if texts else []


def _blocks(said: KeyReader, key: str) -> list[tuple[KeyReader, str]]:
    """The blocks that ``key`` has, which may be a string, each with its type."""
    content = said.take(key, (str, list))
    if content is None:
        return []
    if isinstance(content, str):
        return [(KeyReader({"text": content}, said.at(key)), "text")]
    blocks = [KeyReader(one, f"{said.at(key)}.{place}") for place, one in enumerate(content)]
    return [(one, one.need("type", str)) for one in blocks]


def _user(message: KeyReader) -> list[dict[str, Any]]:
    """Results of tools, and behind them the rest of what a user says, if there is any."""
    results: list[dict[str, Any]] = []
    shown: list[dict[str, Any]] = []  # images of these
    parts: list[dict[str, Any]] = []
    for block, kind in _blocks(message, "content"):
        if kind == "tool_result":
            results.append(_result(block, shown))
        else:
            parts.append(_part(block, kind))
    parts = [*shown, *parts]
    if results and not parts:
        return results
    is_plain = len(parts) == 1 and parts[0]["type"] == "text"
    return [*results, {"role": "user", "content": parts[0]["text"] if is_plain else parts or ""}]


def _result(block: KeyReader, shown: list[dict[str, Any]]) -> dict[str, Any]:
    texts = []
    for inner, kind in _blocks(block, "content"):
        part = _part(inner, kind)
        if part["type"] == "text":
            texts.append(part["text"])
        else:
            shown.append(part)
    found = {"role": "tool", "tool_call_id": block.need("tool_use_id", str), "content": "\n".join(texts)}
    block.drop("cache_control", "is_error")  # the text of an error says that it is one
    block.end()
    return found


def _part(block: KeyReader, kind: str) -> dict[str, Any]:
    """What ``block``, of this type, is among the parts of a message."""
    if kind == "text":
        part: dict[str, Any] = {"type": "text", "text": block.need("text", str)}
        block.drop("citations")
    elif kind == "image":
        part = {"type": "image_url", "image_url": {"url": _url(block)}}
    elif kind == "document":
        part = _document(block)
    else:
        raise block.foreign("type", kind)
    block.drop("cache_control")
    block.end()
    return part


def _url(block: KeyReader) -> str:
    source = _source(block)
    kind = source.need("type", str)
    if kind == "base64":
        url = f"data:{source.need('media_type', str)};base64,{source.need('data', str)}"
    elif kind == "url":
        url = source.need("url", str)
    else:
        raise source.foreign("type", kind)
    source.end()
    return url


def _document(block: KeyReader) -> dict[str, Any]:
    source = _source(block)
    kind = source.need("type", str)
    title = block.take("title", str)
    if kind == "text":
        part: dict[str, Any] = {"type": "text", "text": source.need("data", str)}
        source.drop("media_type")
    elif kind == "base64":
        data = f"data:{source.need('media_type', str)};base64,{source.need('data', str)}"
        part = {"type": "file", "file": {"filename": title or "document.pdf", "file_data": data}}
    else:
        raise source.foreign("type", kind)
    block.only("citations", {"enabled": False})
    source.end()
    return part


def _source(block: KeyReader) -> KeyReader:
    found = block.inside("source")
    if found is None:
        raise RequestMisfitError(f"{block.at('source')}: is needed")
    return found


def _assistant(message: KeyReader) -> dict[str, Any]:
    texts: list[str] = []
    calls: list[dict[str, Any]] = []
    for block, kind in _blocks(message, "content"):
        if kind == "text":
            texts.append(_part(block, kind)["text"])
        elif kind == "tool_use":
            calls.append(_call(block))
        elif kind not in ("thinking", "redacted_thinking"):  # which a model of another kind has no use for
            raise block.foreign("type", kind)
    found: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or (None if calls else "")}
    return found | ({"tool_calls": calls} if calls else {})


def _call(block: KeyReader) -> dict[str, Any]:
    arguments = orjson.dumps(block.need("input", dict)).decode()
    function = {"name": block.need("name", str), "arguments": arguments}
    found = {"id": block.need("id", str), "type": "function", "function": function}
    block.drop("cache_control", "caller")
    block.end()
    return found
