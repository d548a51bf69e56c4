"""Which operations of one dialect there are in another."""

from __future__ import annotations

import orjson
import pytest

from fastgw.core.settings import DialectSettings
from fastgw.dialects.fields import BrokenAnswerError
from fastgw.dialects.pairs import LINES, TRANSLATIONS, translation
from fastgw.wire.inference import ANTHROPIC, OPENAI, operation_of
from tests.support.dialects import anthropic_message, anthropic_text, fed

SETTINGS = DialectSettings("anthropic", 100, "max_completion_tokens")


def test_every_row_is_of_another_dialect_and_leads_to_a_path_of_this_one() -> None:
    for dialect, rows in TRANSLATIONS.items():
        for path, found in rows.items():
            first, second = operation_of(path), operation_of(found.path)
            assert first is not None and first.dialect != dialect
            assert second is not None and second.dialect == dialect


@pytest.mark.parametrize(
    ("dialect", "path", "expected"),
    [
        (OPENAI, b"/v1/messages", b"/v1/chat/completions"),
        (OPENAI, b"/team/v1/messages", b"/v1/chat/completions"),
        (OPENAI, b"/v1/messages/count_tokens", None),
        (ANTHROPIC, b"/v1/chat/completions", b"/v1/messages"),
        (OPENAI, b"/api/chat", b"/v1/chat/completions"),
        (OPENAI, b"/x/api/generate", b"/v1/chat/completions"),
        (OPENAI, b"/api/embed", b"/v1/embeddings"),
        (OPENAI, b"/api/embeddings", b"/v1/embeddings"),
        (OPENAI, b"/api/show", None),
        (ANTHROPIC, b"/api/chat", b"/v1/messages"),
        (ANTHROPIC, b"/api/embed", None),
        (ANTHROPIC, b"/v1/completions", None),
        (ANTHROPIC, b"/v1/embeddings", None),
    ],
)
def test_what_there_is(dialect: str, path: bytes, expected: bytes | None) -> None:
    found = translation(dialect, path)
    assert (found.path if found is not None else None) == expected


def test_what_is_asked_and_how_its_answer_is_read() -> None:
    asked = TRANSLATIONS[ANTHROPIC][b"/v1/chat/completions"].ask(
        {"model": "m", "messages": [{"role": "user", "content": "x"}], "stream": True}, SETTINGS, 7.9
    )
    assert asked.is_stream and asked.document["max_tokens"] == 100
    assert asked.whole(anthropic_message())["created"] == 7 and asked.events().is_over is False
    other = TRANSLATIONS[OPENAI][b"/v1/messages"].ask(
        {"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}, SETTINGS, 7.9
    )
    assert not other.is_stream and other.document["max_completion_tokens"] == 5


def test_a_client_of_ollama_in_front_of_a_service_of_anthropic() -> None:
    document = {"model": "m", "messages": [{"role": "user", "content": "x"}], "options": {"num_predict": 9}}
    asked = TRANSLATIONS[ANTHROPIC][b"/api/chat"].ask(document, SETTINGS, 7.9)
    assert asked.document["max_tokens"] == 9 and asked.document["stream"] is True and asked.kind == LINES
    whole = asked.whole(anthropic_message([{"type": "text", "text": "hi"}], stop_reason="end_turn"))
    assert whole["message"]["content"] == "hi" and whole["prompt_eval_count"] == 9
    stream = asked.events()
    out = fed(stream, anthropic_text("Hello", " there"))
    said = [orjson.loads(one) for one in out.splitlines()]
    assert [one["message"]["content"] for one in said] == ["Hello", " there", ""] and stream.is_over
    assert (said[-1]["done"], said[-1]["prompt_eval_count"], said[-1]["eval_count"]) == (True, 9, 4)
    assert stream.quiet() == b""
    with pytest.raises(BrokenAnswerError):
        fed(asked.events(), anthropic_text("x")[:-1])


def test_embeddings_are_no_stream() -> None:
    asked = TRANSLATIONS[OPENAI][b"/api/embed"].ask({"model": "m", "input": "x"}, SETTINGS, 7.9)
    assert not asked.is_stream and asked.whole({"data": [{"embedding": [1.0]}]})["embeddings"] == [[1.0]]
