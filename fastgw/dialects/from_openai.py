"""What clients of OpenAI's ``/v1/chat/completions`` ask for, as Anthropic's ``/v1/messages`` has it.

Roles take turns at Anthropic: messages of one role behind each other become one, and results of tools, which are messages of their own at
OpenAI, are blocks of what the user says.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson

from fastgw.dialects.fields import NUMBER, KeyReader, RequestMisfitError, copied

#: What is about the servers of OpenAI, or a hint: what it loses is time or money, not meaning.
_HARMLESS: Final = (
    *("stream_options", "seed", "metadata", "prediction"),
    *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
)
#: Keys that mean nothing with these values, and cannot be told with any other.
_NEUTRAL: Final = {
    "n": (1,),
    "logprobs": (False,),
    "top_logprobs": (0,),
    "logit_bias": ({},),
    "presence_penalty": (0, 0.0),
    "frequency_penalty": (0, 0.0),
    "store": (False,),
    "modalities": (["text"],),
    "verbosity": ("medium",),
}
_CHOICES: Final = {"auto": "auto", "required": "any", "none": "none"}
_TIERS: Final = {"auto": "auto", "default": "standard_only"}
_EFFORTS: Final = {"minimal": "low", **{one: one for one in ("low", "medium", "high", "xhigh", "max")}}
_ANY_INPUT: Final = {"type": "object", "properties": {}}


def messages(document: Any, max_tokens: int) -> dict[str, Any]:
    """The body of a request, a new object.

    Args:
        document: the body that the client has sent.
        max_tokens: as many may be generated where it does not say how many.

    Raises:
        RequestMisfitError: it is not what OpenAI's API takes.
        UntranslatableError: Anthropic's has nothing like some of it.
    """
    said = KeyReader(document, "")
    asked: dict[str, Any] = {"model": said.need("model", str)}
    newer, older = said.take("max_completion_tokens", int), said.take("max_tokens", int)
    asked["max_tokens"] = newer or older or max_tokens
    _messages(said, asked)
    if said.take("stream", bool):
        asked["stream"] = True
    copied(said, asked, NUMBER, "temperature", "top_p", "top_k")
    stop = said.take("stop", (str, list))
    if stop:
        asked["stop_sequences"] = [stop] if isinstance(stop, str) else stop
    older_user = said.take("user", str)
    user = said.take("safety_identifier", str) or older_user
    if user:
        asked["metadata"] = {"user_id": user}
    _tools(said, asked)
    _output(said, asked)
    tier = said.take("service_tier", str)
    if tier is not None:
        asked["service_tier"] = said.meant("service_tier", tier, _TIERS)
    for key, harmless in _NEUTRAL.items():
        said.only(key, *harmless)
    said.drop(*_HARMLESS)
    said.end()
    return asked


def includes_usage(document: Any) -> bool:
    """Whether a stream is to tell of its tokens."""
    options = document.get("stream_options") if isinstance(document, dict) else None
    return isinstance(options, dict) and options.get("include_usage") is True


def _tools(said: KeyReader, asked: dict[str, Any]) -> None:
    tools = [_tool(one) for one in said.each("tools")]
    if tools:
        asked["tools"] = tools
    choice = _choice(said)
    if said.take("parallel_tool_calls", bool) is False and (tools or choice is not None):
        choice = {"type": "auto"} if choice is None else choice
        if choice["type"] != "none":
            choice["disable_parallel_tool_use"] = True
    if choice is not None:
        asked["tool_choice"] = choice


def _choice(said: KeyReader) -> dict[str, Any] | None:
    value = said.take("tool_choice", (str, dict))
    if value is None:
        return None
    if isinstance(value, str):
        return {"type": said.meant("tool_choice", value, _CHOICES)}
    named = KeyReader(value, said.at("tool_choice"))
    function = _function(named)
    found = {"type": "tool", "name": function.need("name", str)}
    function.end()
    named.end()
    return found


def _function(one: KeyReader) -> KeyReader:
    """What is called ``function`` in ``one``, whose type says so."""
    kind = one.take("type", str) or "function"
    if kind != "function":
        raise one.foreign("type", kind)
    found = one.inside("function")
    if found is None:
        raise RequestMisfitError(f"{one.at('function')}: is needed")
    return found


def _tool(one: KeyReader) -> dict[str, Any]:
    function = _function(one)
    tool: dict[str, Any] = {"name": function.need("name", str)}
    copied(function, tool, str, "description")
    tool["input_schema"] = function.take("parameters", dict) or _ANY_INPUT
    copied(function, tool, bool, "strict")
    function.end()
    one.end()
    return tool


def _output(said: KeyReader, asked: dict[str, Any]) -> None:
    output: dict[str, Any] = {}
    effort = said.take("reasoning_effort", str)
    if effort == "none":
        asked["thinking"] = {"type": "disabled"}
    elif effort is not None:
        output["effort"] = said.meant("reasoning_effort", effort, _EFFORTS)
    shape = said.inside("response_format")
    if shape is not None:
        kind = shape.need("type", str)
        if kind == "json_schema":
            inner = shape.inside("json_schema") or shape  # which has no schema then
            output["format"] = {"type": kind, "schema": inner.need("schema", dict)}
            inner.drop("name", "description", "strict")
            inner.end()
        elif kind != "text":
            raise shape.foreign("type", kind)
        shape.end()
    if output:
        asked["output_config"] = output


# --- messages


def _messages(said: KeyReader, asked: dict[str, Any]) -> None:
    """System messages in front of all others are the ``system`` of Anthropic, later ones messages there too."""
    read: dict[str, Callable[[KeyReader], list[dict[str, Any]]]] = {
        "user": _parts,
        "assistant": _assistant,
        "tool": _result,
        "system": _parts,
        "developer": _parts,
    }
    system: list[dict[str, Any]] = []
    turns: list[dict[str, Any]] = []
    each = said.each("messages")
    if not each:
        raise RequestMisfitError("messages: is needed, with one at least")
    for one in each:
        role = one.need("role", str)
        if role not in read:
            raise one.foreign("role", role)
        blocks = read[role](one)
        one.drop("name")
        one.end()
        if role in ("system", "developer"):
            role = "system"
            if not turns:
                system += blocks
                continue
        role = "user" if role == "tool" else role
        if turns and turns[-1]["role"] == role:
            turns[-1]["content"] += blocks
        else:
            turns.append({"role": role, "content": blocks})
    if system:
        asked["system"] = system
    asked["messages"] = turns


def _parts(message: KeyReader, key: str = "content") -> list[dict[str, Any]]:
    """The blocks of what ``key`` has; texts that are empty, which Anthropic refuses, are none."""
    content = message.take(key, (str, list))
    if content is None or isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    found = [_part(KeyReader(one, f"{message.at(key)}.{place}")) for place, one in enumerate(content)]
    return [one for one in found if one["type"] != "text" or one["text"]]


def _part(part: KeyReader) -> dict[str, Any]:
    kind = part.need("type", str)
    if kind in ("text", "refusal"):
        block: dict[str, Any] = {"type": "text", "text": part.need(kind, str)}
    elif kind == "image_url":
        block = {"type": "image", "source": _image(part)}
    elif kind == "file":
        block = _file(part)
    else:
        raise part.foreign("type", kind)
    part.drop("prompt_cache_breakpoint")
    part.end()
    return block


def _image(part: KeyReader) -> dict[str, Any]:
    image = part.inside("image_url")
    if image is None:
        raise RequestMisfitError(f"{part.at('image_url')}: is needed")
    url: str = image.need("url", str)
    image.drop("detail")
    image.end()
    if url[:5].lower() != "data:":
        return {"type": "url", "url": url}
    return _data(url, image.at("url"))


def _data(url: str, path: str) -> dict[str, Any]:
    """What a data URI has (RFC 2397): of its commas the first ends what tells of it."""
    head, comma, data = url[5:].partition(",")
    kind, _, coding = head.rpartition(";")
    if not comma or coding.strip().lower() != "base64" or not kind:
        raise RequestMisfitError(f"{path}: must be a data URI with a media type and base64")
    return {"type": "base64", "media_type": kind.partition(";")[0].strip().lower(), "data": data}


def _file(part: KeyReader) -> dict[str, Any]:
    file = part.inside("file")
    if file is None:
        raise RequestMisfitError(f"{part.at('file')}: is needed")
    file.only("file_id")
    block = {"type": "document", "source": _data(file.need("file_data", str), file.at("file_data"))}
    name = file.take("filename", str)
    file.end()
    return block | ({"title": name} if name else {})


def _assistant(message: KeyReader) -> list[dict[str, Any]]:
    blocks = _parts(message)
    refusal = message.take("refusal", str)
    if refusal:
        blocks.append({"type": "text", "text": refusal})
    for call in message.each("tool_calls"):
        function = _function(call)
        name, arguments = function.need("name", str), function.need("arguments", str)
        blocks.append(
            {"type": "tool_use", "id": call.need("id", str), "name": name, "input": _input(function, arguments)}
        )
        function.end()
        call.drop("index")
        call.end()
    message.drop("reasoning_content", "reasoning", "annotations")
    return blocks


def _input(function: KeyReader, arguments: str) -> dict[str, Any]:
    try:
        found = orjson.loads(arguments or "{}")
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise RequestMisfitError(f"{function.at('arguments')}: must be an object of JSON, as text")
    return found


def _result(message: KeyReader) -> list[dict[str, Any]]:
    identity = message.need("tool_call_id", str)
    blocks = _parts(message)
    return [{"type": "tool_result", "tool_use_id": identity, **({"content": blocks} if blocks else {})}]
