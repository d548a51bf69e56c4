"""Counts the streams of services that end before their end, by the cause; nothing of it is there before one does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastgw.core.answer_counters import STREAM_ENDS, STREAMS_BROKEN
from fastgw.wire.media_types import STREAMED_TYPES, media_type

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

CEILING, DRAINED = "ceiling", "drained"
#: Codes of errors that are called in another way here: several of the same kind.
_WORDS: Final = {
    "bad_answer": "upstream_reset",
    "answer_timeout": "timeout",
    "stream_idle_timeout": "timeout",
}
_OTHER: Final = STREAM_ENDS.index("other")
_PLACES: Final = {word: place for place, word in enumerate(STREAM_ENDS)}


def count_broken(exchange: Exchange, code: str) -> None:
    """The answer of ``exchange`` ends for an error with this ``code``, or for one of the causes above: count it, if it is a stream."""
    response = exchange.response
    if response.status == 200 and media_type(response.header(b"content-type")) in STREAMED_TYPES:
        place = _PLACES.get(_WORDS.get(code, code), _OTHER)
        exchange.plane.values[exchange.service.base + STREAMS_BROKEN + place] += 1
