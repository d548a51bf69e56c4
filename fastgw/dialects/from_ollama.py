"""What clients of Ollama ask for, as OpenAI's API has it: ``/api/chat`` and ``/api/generate`` as chat, ``/api/embed`` and
``/api/embeddings`` as embeddings.

Calls of tools have no names of their own at Ollama: results stand in the order of the calls, or say which tool they are of.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from fastgw.dialects.fields import NUMBER, KeyReader, RequestMisfitError, copied

#: Of ``options``, what says how a model is loaded, which is done where it is served: no business of a request.
_LOADING: Final = (
    *("numa", "num_ctx", "num_batch", "num_gpu", "main_gpu", "low_vram", "f16_kv", "logits_all", "vocab_only"),
    *("use_mmap", "use_mlock", "embedding_only", "num_thread", "num_keep"),
)
_SAME: Final = ("temperature", "top_p", "top_k", "min_p", "presence_penalty", "frequency_penalty")
#: Options that mean nothing with these values, and cannot be told with any other.
_NEUTRAL: Final = {"tfs_z": (1, 1.0), "typical_p": (1, 1.0), "mirostat": (0,), "repeat_last_n": (64,)}
#: How base64 of an image begins, and the media type that it is of.
_IMAGES: Final = {"/9j/": "image/jpeg", "iVBOR": "image/png", "R0lGOD": "image/gif", "UklGR": "image/webp"}


def chat(document: Any, max_tokens_as: str) -> dict[str, Any]:
    """The body of a request, a new object, for one of ``/api/chat``.

    Args:
        document: the body that the client has sent.
        max_tokens_as: the key by which the service is told the most tokens.

    Raises:
        RequestMisfitError: it is not what Ollama's API takes.
        UntranslatableError: OpenAI's has nothing like some of it.
    """
    said = KeyReader(document, "")
    asked: dict[str, Any] = {"model": said.need("model", str), "messages": _messages(said)}
    tools = said.take("tools", list)
    if tools:
        asked["tools"] = tools  # which are as OpenAI has them
    return _rest(said, asked, max_tokens_as)


def generate(document: Any, max_tokens_as: str) -> dict[str, Any]:
    """The same for one of ``/api/generate``: a chat with one question."""
    said = KeyReader(document, "")
    asked: dict[str, Any] = {"model": said.need("model", str)}
    system = said.take("system", str)
    asked["messages"] = [{"role": "system", "content": system}] if system else []
    asked["messages"].append({"role": "user", "content": _content(said, said.need("prompt", str))})
    for key, nothing in (("suffix", ""), ("template", ""), ("context", []), ("raw", False)):
        said.only(key, nothing)
    return _rest(said, asked, max_tokens_as)


def embed(document: Any) -> dict[str, Any]:
    """The same for one of ``/api/embed``."""
    return _embedding(KeyReader(document, ""), "input", (str, list))


def embeddings(document: Any) -> dict[str, Any]:
    """The same for one of ``/api/embeddings``."""
    return _embedding(KeyReader(document, ""), "prompt", (str,))


def _embedding(said: KeyReader, key: str, kinds: tuple[type, ...]) -> dict[str, Any]:
    asked = {"model": said.need("model", str), "input": said.need(key, kinds), "encoding_format": "float"}
    copied(said, asked, int, "dimensions")
    said.drop("truncate", "keep_alive", "options")
    said.end()
    return asked


def _rest(said: KeyReader, asked: dict[str, Any], max_tokens_as: str) -> dict[str, Any]:
    """``asked`` with what both have; nothing else may be left."""
    if said.take("stream", bool) is not False:  # as is so where nobody says it
        asked |= {"stream": True, "stream_options": {"include_usage": True}}
    _options(said, asked, max_tokens_as)
    shape = said.take("format", (str, dict))
    if isinstance(shape, dict):
        asked["response_format"] = {"type": "json_schema", "json_schema": {"name": "answer", "schema": shape}}
    elif shape:
        asked["response_format"] = {"type": said.meant("format", shape, {"json": "json_object"})}
    effort = said.take("think", (bool, str))
    if isinstance(effort, str) and effort:
        asked["reasoning_effort"] = effort
    said.only("logprobs", False)
    said.only("top_logprobs", 0)
    said.drop("keep_alive")
    said.end()
    return asked


def _options(said: KeyReader, asked: dict[str, Any], max_tokens_as: str) -> None:
    options = said.inside("options")
    if options is None:
        return
    most = options.take("num_predict", int)
    if most is not None and most > 0:  # else there is no bound
        asked[max_tokens_as] = most
    copied(options, asked, NUMBER, *_SAME)
    copied(options, asked, int, "seed")
    penalty = options.take("repeat_penalty", NUMBER)
    if penalty is not None:
        asked["repetition_penalty"] = penalty
    stop = options.take("stop", (str, list))
    if stop:
        asked["stop"] = stop
    for key, harmless in _NEUTRAL.items():
        options.only(key, *harmless)
    options.drop("mirostat_tau", "mirostat_eta", "penalize_newline", *_LOADING)
    options.end()


# --- messages


def _messages(said: KeyReader) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    waiting: list[tuple[str, str]] = []  # calls that have no result yet: ids, and names of tools
    each = said.each("messages")
    if not each:
        raise RequestMisfitError("messages: is needed, with one at least")
    count = 0
    for one in each:
        role, text = one.need("role", str), one.take("content", str) or ""
        if role == "tool":
            found.append({"role": role, "tool_call_id": _result(one, waiting), "content": text})
        elif role in ("system", "user", "assistant"):
            message: dict[str, Any] = {"role": role, "content": _content(one, text)}
            calls = [_call(call, f"call_{count + place}") for place, call in enumerate(one.each("tool_calls"))]
            if calls:
                message |= {"content": text or None, "tool_calls": calls}
                count += len(calls)
                waiting = [(call["id"], call["function"]["name"]) for call in calls]
            one.drop("thinking")
            found.append(message)
        else:
            raise RequestMisfitError(f"{one.at('role')}: must be system, user, assistant or tool, and is {role[:64]!r}")
        one.end()
    return found


def _call(call: KeyReader, identity: str) -> dict[str, Any]:
    function = call.inside("function")
    if function is None:
        raise RequestMisfitError(f"{call.at('function')}: is needed")
    name, arguments = function.need("name", str), function.take("arguments", dict) or {}
    function.drop("index", "description")
    function.end()
    call.drop("id", "type")
    call.end()
    return {
        "id": identity,
        "type": "function",
        "function": {"name": name, "arguments": orjson.dumps(arguments).decode()},
    }


def _result(message: KeyReader, waiting: list[tuple[str, str]]) -> str:
    """The id of the call that a result is of: the first that waits, of the tool that it names if it does."""
    name = message.take("tool_name", str) or message.take("name", str)
    message.drop("tool_call_id", "name")
    place = next((place for place, one in enumerate(waiting) if not name or one[1] == name), None)
    if place is None:
        of = f" of {name[:64]!r}" if name else ""
        raise RequestMisfitError(f"{message.path}: is the result of no call{of} that waits for one")
    return waiting.pop(place)[0]


def _content(message: KeyReader, text: str) -> Any:
    """A text, or with ``images`` parts."""
    images = message.take("images", list) or ()
    parts: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
    for place, one in enumerate(images):
        kind = next((kind for start, kind in _IMAGES.items() if isinstance(one, str) and one.startswith(start)), None)
        if kind is None:
            where = f"{message.at('images')}.{place}"
            raise RequestMisfitError(f"{where}: must be base64 of an image, of JPEG, PNG, GIF or WebP")
        parts.append({"type": "image_url", "image_url": {"url": f"data:{kind};base64,{one}"}})
    return parts if images else text
