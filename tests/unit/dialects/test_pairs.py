"""Which operations of one dialect there are in another."""

from __future__ import annotations

import pytest

from fastgw.core.settings import DialectSettings
from fastgw.dialects.pairs import TRANSLATIONS, translation
from fastgw.wire.inference import ANTHROPIC, OPENAI, operation_of
from tests.support.dialects import anthropic_message

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
        (ANTHROPIC, b"/v1/completions", None),
        (ANTHROPIC, b"/v1/embeddings", None),
    ],
)
def test_what_there_is(dialect: str, path: bytes, expected: bytes | None) -> None:
    found = translation(dialect, path)
    assert (found[1].path if found is not None else None) == expected
    assert found is None or path.endswith(found[0])


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
