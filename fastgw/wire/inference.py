"""What a request asks of a model server, as its path says: which API that is (the *dialect*), and which operation of it.

The paths are those of OpenAI (``/v1/...``, as vLLM, SGLang, TGI and llama.cpp have them too), of Anthropic (``/v1/messages``) and of Ollama
(``/api/...``).  What stands in front of them does not matter, so a route may have them anywhere: ``/team-a/v1/chat/completions``.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import unquote_to_bytes

OPENAI, ANTHROPIC, OLLAMA = "openai", "anthropic", "ollama"
DIALECTS: Final = (OPENAI, ANTHROPIC, OLLAMA)

#: Keys of a body that say what is asked of the model, in the order in which a skim of it has what it found.
KEYS: Final = (
    b"model",
    b"stream",
    b"stream_options",
    b"max_tokens",
    b"max_completion_tokens",
    b"max_output_tokens",
    b"n",
    b"user",
)
MODEL_MAX: Final = 256  #: bytes of the name of a model
_VERSION: Final = b"anthropic-version"  #: a field that clients of Anthropic send with each request


class Operation(NamedTuple):
    """What is asked for."""

    dialect: str  #: one of ``DIALECTS``
    name: str  #: as OpenTelemetry's ``gen_ai.operation.name`` has it where it has one
    lists: bool = False  #: the names of models, with GET; else the body names one, with POST


_CHAT: Final = Operation(OPENAI, "chat")
_LIST: Final = Operation(OPENAI, "list_models", lists=True)
#: By the path, where nothing stands in front of it.
OPERATIONS: Final = {
    b"/v1/chat/completions": _CHAT,
    b"/v1/completions": Operation(OPENAI, "text_completion"),
    b"/v1/embeddings": Operation(OPENAI, "embeddings"),
    b"/v1/responses": Operation(OPENAI, "chat"),
    b"/v1/images/generations": Operation(OPENAI, "image_generation"),
    b"/v1/images/edits": Operation(OPENAI, "image_edit"),
    b"/v1/images/variations": Operation(OPENAI, "image_variation"),
    b"/v1/audio/speech": Operation(OPENAI, "speech"),
    b"/v1/audio/transcriptions": Operation(OPENAI, "transcription"),
    b"/v1/audio/translations": Operation(OPENAI, "translation"),
    b"/v1/moderations": Operation(OPENAI, "moderation"),
    b"/v1/rerank": Operation(OPENAI, "rerank"),
    b"/v2/rerank": Operation(OPENAI, "rerank"),
    b"/rerank": Operation(OPENAI, "rerank"),
    b"/v1/score": Operation(OPENAI, "score"),
    b"/score": Operation(OPENAI, "score"),
    b"/v1/tokenize": Operation(OPENAI, "tokenize"),
    b"/tokenize": Operation(OPENAI, "tokenize"),
    b"/v1/detokenize": Operation(OPENAI, "detokenize"),
    b"/detokenize": Operation(OPENAI, "detokenize"),
    b"/v1/models": _LIST,
    b"/v1/messages": Operation(ANTHROPIC, "chat"),
    b"/v1/messages/count_tokens": Operation(ANTHROPIC, "count_tokens"),
    b"/api/chat": Operation(OLLAMA, "chat"),
    b"/api/generate": Operation(OLLAMA, "text_completion"),
    b"/api/embed": Operation(OLLAMA, "embeddings"),
    b"/api/embeddings": Operation(OLLAMA, "embeddings"),
    b"/api/show": Operation(OLLAMA, "show"),
    b"/api/tags": Operation(OLLAMA, "list_models", lists=True),
}
_BEGINNINGS: Final = (b"/v1/", b"/v2/", b"/api/")
_ONE: Final = b"/v1/models/"


def operation_of(path: bytes) -> Operation | None:
    """What ``path``, in normal form and without its query, asks for; None: no model, as far as is known here."""
    found = OPERATIONS.get(path)
    if found is not None:
        return found
    tail = _tail(path)
    if tail.startswith(_ONE) and len(tail) > len(_ONE):
        return _LIST
    return OPERATIONS.get(tail)


def operation_path(path: bytes) -> bytes:
    """The end of ``path``, which asks for an operation, that says which: without what stands in front of it."""
    return path if path in OPERATIONS else _tail(path)


def model_in(path: bytes) -> str:
    """The name at the end of a path that asks for one model of the list; empty: it asks for the list."""
    tail = _tail(path)
    return unquote_to_bytes(tail[len(_ONE) :]).decode("utf-8", "replace") if tail.startswith(_ONE) else ""


def dialect_of(path: bytes, version: bytes | None) -> str:
    """The dialect in which whoever asks for ``path`` is told of errors; ``version``: its field ``anthropic-version``, None: it has none."""
    found = operation_of(path)
    if found is None:
        return OLLAMA if b"/api/" in path else ANTHROPIC if version is not None else OPENAI
    return ANTHROPIC if found.lists and version is not None else found.dialect


def _tail(path: bytes) -> bytes:
    """``path`` from its last known beginning on, or from its last slash."""
    first = path.find(_ONE)
    if first >= 0:  # what follows is a name, in which there may be anything
        return path[first:]
    place = max(path.rfind(beginning) for beginning in _BEGINNINGS)
    return path[place:] if place >= 0 else path[path.rfind(b"/") :]
