"""What is asked of one dialect, and what that is in another: the one table of translations.

a service that speaks   clients ask for               the service is asked for
openai                  /v1/messages                  /v1/chat/completions
anthropic               /v1/chat/completions          /v1/messages
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from fastgw.core.settings import DialectSettings
from fastgw.dialects import from_anthropic, from_ollama, from_openai, to_anthropic, to_ollama, to_openai
from fastgw.dialects.events import ChainedEvents, EventTranslator
from fastgw.wire.inference import ANTHROPIC, OPENAI

EVENTS: Final = b"text/event-stream"
LINES: Final = b"application/x-ndjson"


class AskedInDialect(NamedTuple):
    """A request in the dialect of its service, and what becomes of the answer."""

    document: dict[str, Any]  #: the body
    is_stream: bool
    whole: Callable[[Any], Any]  #: makes another document of that of an answer; raises BrokenAnswerError
    events: Callable[[], EventTranslator]  #: the same of a stream
    kind: bytes = EVENTS  #: the type of the client's stream


#: Makes a request, of the body, what is said of the service, and seconds since 1970; raises RequestMisfitError, UntranslatableError.
AskInDialect = Callable[[Any, DialectSettings, float], AskedInDialect]


class Translation(NamedTuple):
    """One row of the table."""

    path: bytes  #: that the service is asked for
    ask: AskInDialect


def _from_anthropic(document: Any, settings: DialectSettings, now: float) -> AskedInDialect:
    asked = from_anthropic.chat(document, settings.max_tokens_as)
    stops = asked.get("stop", ())
    return AskedInDialect(
        asked,
        "stream" in asked,
        lambda answer: to_anthropic.message(answer, stops),
        lambda: to_anthropic.MessageEvents(stops),
    )


def _from_openai(document: Any, settings: DialectSettings, now: float) -> AskedInDialect:
    asked = from_openai.messages(document, settings.max_tokens)
    includes = from_openai.includes_usage(document)
    return AskedInDialect(
        asked,
        "stream" in asked,
        lambda answer: to_openai.completion(answer, int(now)),
        lambda: to_openai.ChunkEvents(int(now), includes_usage=includes),
    )


def _from_ollama(made: Callable[[Any, str], dict[str, Any]], shape: to_ollama.OllamaShape) -> AskInDialect:
    def ask(document: Any, settings: DialectSettings, now: float) -> AskedInDialect:
        asked = made(document, settings.max_tokens_as)
        return AskedInDialect(
            asked,
            "stream" in asked,
            lambda answer: to_ollama.answer(answer, shape, now),
            lambda: to_ollama.LineEvents(shape, now),
            LINES,
        )

    return ask


def _embedding(made: Callable[[Any], dict[str, Any]], key: str) -> AskInDialect:
    def ask(document: Any, settings: DialectSettings, now: float) -> AskedInDialect:
        shape = to_ollama.as_chat  # of a stream, which embeddings are not
        return AskedInDialect(
            made(document),
            False,
            lambda answer: to_ollama.embedded(answer, key),
            lambda: to_ollama.LineEvents(shape, now),
        )

    return ask


def _by_way_of_openai(first: AskInDialect) -> AskInDialect:
    """What ``first`` makes of a request for a service of OpenAI's, for one of Anthropic's."""

    def ask(document: Any, settings: DialectSettings, now: float) -> AskedInDialect:
        between = first(document, settings, now)
        asked = _from_openai(between.document, settings, now)
        return between._replace(
            document=asked.document,
            whole=lambda answer: between.whole(asked.whole(answer)),
            events=lambda: ChainedEvents(asked.events(), between.events()),
        )

    return ask


_CHAT: Final = b"/v1/chat/completions"
_MESSAGES: Final = b"/v1/messages"
_VECTORS: Final = b"/v1/embeddings"
_OLLAMA_CHAT: Final = _from_ollama(from_ollama.chat, to_ollama.as_chat)
_OLLAMA_GENERATE: Final = _from_ollama(from_ollama.generate, to_ollama.as_generated)
#: By the dialect of the service, and the end of the path that a client has asked for.
TRANSLATIONS: Final = {
    OPENAI: {
        _MESSAGES: Translation(_CHAT, _from_anthropic),
        b"/api/chat": Translation(_CHAT, _OLLAMA_CHAT),
        b"/api/generate": Translation(_CHAT, _OLLAMA_GENERATE),
        b"/api/embed": Translation(_VECTORS, _embedding(from_ollama.embed, "embeddings")),
        b"/api/embeddings": Translation(_VECTORS, _embedding(from_ollama.embeddings, "embedding")),
    },
    ANTHROPIC: {
        _CHAT: Translation(_MESSAGES, _from_openai),
        b"/api/chat": Translation(_MESSAGES, _by_way_of_openai(_OLLAMA_CHAT)),
        b"/api/generate": Translation(_MESSAGES, _by_way_of_openai(_OLLAMA_GENERATE)),
    },
}


def translation(dialect: str, path: bytes) -> Translation | None:
    """What a service of ``dialect`` is asked for in the place of ``path``; None: it has nothing like it."""
    return next((found for end, found in TRANSLATIONS[dialect].items() if path.endswith(end)), None)
