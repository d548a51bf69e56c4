"""Which requests to a model have one answer, whoever asks and how often, and whether an answer is all of it: for who keeps answers.

A chat is repeatable where nothing is left to chance: its temperature is said, and is 0.  A ``seed`` alone makes none so, as services
promise nothing by it.  Who asks for several choices wants several, and what the service is to store has to reach it.
"""

from __future__ import annotations

import re
from typing import Final

import orjson

from fastgw.wire.json_skim import Skim
from fastgw.wire.json_value import NULL, NUMBER, OBJECT, TRUE, JsonError, JsonValue
from fastgw.wire.stream_events import EVENTS, EventError, form_of, parts, read, reader_of

#: Operations (``wire.inference``) without chance: all of their requests are repeatable.
CERTAIN: Final = frozenset({"embeddings", "rerank", "score", "tokenize", "detokenize", "moderation", "count_tokens"})
#: Those that make text.
CHANCY: Final = frozenset({"chat", "text_completion"})
_STATEFUL: Final = b"/responses"  #: how the paths end whose answers the service knows afterwards, by a number
_TEMPERATURE: Final = b"temperature"
_KEYS: Final = (
    _TEMPERATURE,
    b"options",
    b"n",
    b"best_of",
    b"store",
)  #: ``options``: of Ollama, where its temperature is
_VALUE_MAX: Final = 4096  #: bytes of a value that are read
_ONE: Final = b"1"
_DONE: Final = b"[DONE]"
#: A reason to stop that somebody has seen to, and not the model.
_FILTERED: Final = re.compile(
    rb'"(?:finish_reason|stop_reason)"[ \t\r\n]*:[ \t\r\n]*"(?:content_filter|refusal)"'
).search


def is_repeatable(name: str, path: bytes, body: bytes, *, is_any: bool = False) -> bool:
    """Whether a request has one answer.

    Args:
        name: of its operation.
        path: that it asks for.
        body: of it, whole.
        is_any: chance does not matter.
    """
    if name in CERTAIN:
        return True
    if name not in CHANCY or path.endswith(_STATEFUL):
        return False
    if not is_any and _TEMPERATURE not in body:  # as in most; a key that is written with escapes is none here
        return False
    skim = Skim(_KEYS, 0, _VALUE_MAX)
    try:
        skim.feed(body)
        skim.finish()
        temperature, options, *several, store = [skim.value(place) for place in range(len(_KEYS))]
        is_one = all(one is None or one.kind == NULL or one.raw == _ONE for one in several)
        if not is_one or (store is not None and store.kind == TRUE):
            return False
        return is_any or _is_certain(temperature, options)
    except JsonError:  # no JSON, or what could be read in two ways
        return False


def _is_nothing(value: JsonValue | None) -> bool:
    return value is None or value.kind == NULL


def _is_certain(temperature: JsonValue | None, options: JsonValue | None) -> bool:
    """Whether a temperature is said, and each that is said is 0.

    Raises:
        JsonError: the options have two.
    """
    said = [temperature]
    if options is not None and options.kind == OBJECT:
        if options.raw is None:
            return False
        skim = Skim((_TEMPERATURE,), 0, _VALUE_MAX)
        skim.feed(options.raw)
        skim.finish()
        said.append(skim.value(0))
    found = [one for one in said if one is not None and not _is_nothing(one)]
    return bool(found) and all(one.kind == NUMBER and one.raw is not None and float(one.raw) == 0.0 for one in found)


def suits_request(content_type: bytes | None, *, is_stream: bool) -> bool:
    """Whether an answer of this type is one to a request that asks for a stream, or for none."""
    if content_type is None:
        return False
    kind = content_type.partition(b";")[0].strip(b" \t").lower()
    return bool(form_of(content_type)) if is_stream else kind == b"application/json"


def is_whole(content_type: bytes | None, body: bytes) -> bool:
    """Whether ``body``, all that came, is an answer from its beginning to its proper end, and tells of no error and no filter."""
    if _FILTERED(body) is not None:
        return False
    form = form_of(content_type)
    return _is_whole_stream(form, body) if form else _is_whole_document(body)


def _is_whole_document(body: bytes) -> bool:
    if body.lstrip(b" \t\r\n")[:1] == b"[":
        try:
            return isinstance(orjson.loads(body), list)
        except orjson.JSONDecodeError:
            return False
    skim = Skim((b"error",), 0, _VALUE_MAX)
    try:
        skim.feed(body)
        skim.finish()
    except JsonError:
        return False
    return _is_nothing(skim.value(0))


def _is_whole_stream(form: str, body: bytes) -> bool:
    reader = reader_of(form)
    block = reader.feed(body)
    if reader.finish().strip():
        return False
    is_over = False
    for kind, data in parts(form, block, reader.begin):
        if isinstance(read(kind, data), EventError):
            return False
        is_over = _is_end(form, kind, data)
    return is_over


def _is_end(form: str, kind: bytes, data: bytes) -> bool:
    """Whether an event is the last of a stream: of OpenAI, of Anthropic, or of Ollama."""
    if form == EVENTS and (data == _DONE or kind == b"message_stop"):
        return True
    try:
        said = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return isinstance(said, dict) and (
        said.get("done") is True if form != EVENTS else said.get("type") == "message_stop"
    )
