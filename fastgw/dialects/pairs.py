"""What is asked of one dialect, and what that is in another: the one table of translations.

a service that speaks   clients ask for               the service is asked for
openai                  /v1/messages                  /v1/chat/completions
anthropic               /v1/chat/completions          /v1/messages
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from fastgw.core.settings import DialectSettings
from fastgw.dialects import from_anthropic, from_openai, to_anthropic, to_openai
from fastgw.dialects.events import EventTranslator
from fastgw.wire.inference import ANTHROPIC, OPENAI

EVENTS: Final = b"text/event-stream"


class AskedInDialect(NamedTuple):
    """A request in the dialect of its service, and what becomes of the answer."""

    document: dict[str, Any]  #: the body
    is_stream: bool
    whole: Callable[[Any], Any]  #: makes another document of that of an answer; raises BrokenAnswerError
    events: Callable[[], EventTranslator]  #: the same of a stream
    kind: bytes = EVENTS  #: the type of the client's stream


class Translation(NamedTuple):
    """One row of the table."""

    path: bytes  #: that the service is asked for
    #: Called with the body, what is said of the service, and seconds since 1970; raises RequestMisfitError, UntranslatableError.
    ask: Callable[[Any, DialectSettings, float], AskedInDialect]


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


_CHAT: Final = b"/v1/chat/completions"
_MESSAGES: Final = b"/v1/messages"
#: By the dialect of the service, and the end of the path that a client has asked for.
TRANSLATIONS: Final = {
    OPENAI: {_MESSAGES: Translation(_CHAT, _from_anthropic)},
    ANTHROPIC: {_CHAT: Translation(_MESSAGES, _from_openai)},
}


def translation(dialect: str, path: bytes) -> tuple[bytes, Translation] | None:
    """What a service of ``dialect`` is asked for in the place of ``path``, with the end of that which it stands for; None: there is nothing
    like it."""
    for end, found in TRANSLATIONS[dialect].items():
        if path.endswith(end):
            return end, found
    return None
