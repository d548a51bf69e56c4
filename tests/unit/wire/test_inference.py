"""Which operation of which dialect a path is."""

from __future__ import annotations

import pytest

from fastgw.wire.inference import ANTHROPIC, KEYS, OLLAMA, OPENAI, dialect_of, model_in, operation_of, operation_path
from fastgw.wire.json_value import KEY_MAX


@pytest.mark.parametrize(
    ("path", "dialect", "name"),
    [
        (b"/v1/chat/completions", OPENAI, "chat"),
        (b"/team-a/v1/chat/completions", OPENAI, "chat"),
        (b"/v1/completions", OPENAI, "text_completion"),
        (b"/api/v1/embeddings", OPENAI, "embeddings"),
        (b"/v1/responses", OPENAI, "chat"),
        (b"/v1/audio/transcriptions", OPENAI, "transcription"),
        (b"/v1/images/generations", OPENAI, "image_generation"),
        (b"/v1/rerank", OPENAI, "rerank"),
        (b"/rerank", OPENAI, "rerank"),
        (b"/x/tokenize", OPENAI, "tokenize"),
        (b"/v1/messages", ANTHROPIC, "chat"),
        (b"/v1/messages/count_tokens", ANTHROPIC, "count_tokens"),
        (b"/api/chat", OLLAMA, "chat"),
        (b"/api/generate", OLLAMA, "text_completion"),
        (b"/ollama/api/embed", OLLAMA, "embeddings"),
    ],
)
def test_what_a_path_asks_for(path: bytes, dialect: str, name: str) -> None:
    found = operation_of(path)
    assert found is not None and (found.dialect, found.name, found.lists) == (dialect, name, False)


@pytest.mark.parametrize(
    "path", [b"/", b"*", b"/v1/files", b"/v1/chat/completions/x", b"/v1/responses/r_1", b"/chat", b"/v1/", b"/api/ps"]
)
def test_what_asks_for_no_model(path: bytes) -> None:
    assert operation_of(path) is None


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (b"/v1/models", ""),
        (b"/api/tags", ""),
        (b"/v1/models/a", "a"),
        (b"/x/v1/models/org/a", "org/a"),
        (b"/v1/models/org%2Fa%20b", "org/a b"),
        (b"/v1/models/api/chat", "api/chat"),
        (b"/v1/models/x/v1/models/y", "x/v1/models/y"),
        (b"/v1/models/%FF", "\ufffd"),
    ],
)
def test_lists_of_models(path: bytes, name: str) -> None:
    found = operation_of(path)
    assert found is not None and found.lists and model_in(path) == name


def test_a_path_with_no_name_behind_it_lists_nothing() -> None:
    assert operation_of(b"/v1/models/") is None


@pytest.mark.parametrize(
    ("path", "version", "dialect"),
    [
        (b"/v1/messages", None, ANTHROPIC),
        (b"/v1/chat/completions", b"2023-06-01", OPENAI),
        (b"/v1/models", None, OPENAI),
        (b"/v1/models", b"2023-06-01", ANTHROPIC),
        (b"/v1/unknown", b"2023-06-01", ANTHROPIC),
        (b"/v1/unknown", None, OPENAI),
        (b"/api/unknown", None, OLLAMA),
        (b"/api/chat", None, OLLAMA),
    ],
)
def test_in_which_dialect_an_error_is_told(path: bytes, version: bytes | None, dialect: str) -> None:
    assert dialect_of(path, version) == dialect


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (b"/v1/messages", b"/v1/messages"),
        (b"/team/v1/messages/count_tokens", b"/v1/messages/count_tokens"),
        (b"/a/api/chat", b"/api/chat"),
        (b"/x/rerank", b"/rerank"),
    ],
)
def test_the_end_of_a_path_says_what_is_asked_for(path: bytes, expected: bytes) -> None:
    assert operation_path(path) == expected


def test_keys_can_be_looked_for() -> None:
    assert KEYS[0] == b"model" and all(key.islower() and 3 * len(key) <= KEY_MAX for key in KEYS)
