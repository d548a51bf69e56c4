"""Answers to requests for models that are none: HTML with 200 of a proxy on the way, JSON whose end never came.

Who asks a model by its API reads JSON, or a stream.  Anything else is told as 502, before anything of it has gone to the client, so that
an SDK raises what it has for that instead of an answer nobody can read.  What has come is judged by the ``Content-Type`` alone, at the
head, which ``exchange.minds`` does where it is as usual.  The one answer that is looked at whole is JSON that ends with its connection
(RFC 9112 section 6.3, rule 8): nothing else would tell a service that has died from one that was done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import orjson

from fastgw.core import counters
from fastgw.core.answer_counters import ANSWERS_MISFIT
from fastgw.core.exchange.held import hold_answer, let_go
from fastgw.core.exchange.streams import NAMED_MODEL, TRANSLATED
from fastgw.errors import UpstreamError
from fastgw.wire.media_types import STREAMED_TYPES, is_json, media_type
from fastgw.wire.messages import BODY_NONE, BODY_UNTIL_CLOSE

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

WHOLE_MAX: Final = 1 << 20  #: bytes of an answer that is looked at whole; a larger one passes as it comes
CONTENT_TYPE, TRUNCATED = range(2)  #: places of ``answer_counters.MISFITS``
_TOLD: Final = 64  #: characters of what a service says that clients are told
#: Operations (``wire.inference``) whose answers are JSON, or a stream.  Others are images, sound, text or bytes too: of those it is told
#: only that they are no page for people.
_IN_JSON: Final = frozenset(
    {
        "chat",
        "text_completion",
        "moderation",
        "rerank",
        "score",
        "tokenize",
        "detokenize",
        "count_tokens",
        "show",
    }
)
_PAGES: Final = (b"text/html", b"application/xhtml+xml")


def is_misfit(exchange: Exchange, found: bytes) -> bool:
    """Whether the answer of ``exchange``, of status 2xx and the type ``found``, is not passed on: it is none to what was asked for, and has
    failed, or it is held until that is known."""
    notes, response = exchange.notes, exchange.response
    asked: Any = None if notes is None else notes.get(NAMED_MODEL)
    if asked is None or response.body == BODY_NONE:
        return False
    assert notes is not None
    call: Any = notes.get(TRANSLATED)
    if call is not None and call.asked is not None:
        return False  # who translates reads all of it
    if is_json(found):
        if _ends_with_connection(exchange) and _is_plain(response.header(b"content-encoding")):
            # Until it is judged, there is no answer: for whoever learns from how tries end.
            exchange.uncounted = counters.ANSWER_AWAITED
            hold_answer(exchange, WHOLE_MAX, _judge)
            return True
        return False
    kind = media_type(found)
    if kind in STREAMED_TYPES or not (asked.operation.name in _IN_JSON or kind in _PAGES):
        return False
    said = kind.decode("latin-1")[:_TOLD] or "nothing"
    _fail(exchange, CONTENT_TYPE, f"the service answered with {said}, which is no answer to what it was asked for")
    return True


def _ends_with_connection(exchange: Exchange) -> bool:
    """Of HTTP/1 alone: everybody else says when an answer is over."""
    return exchange.response.body == BODY_UNTIL_CLOSE and exchange.endpoint.pool.takes_chunks


def _is_plain(coding: bytes | None) -> bool:
    return coding is None or coding.strip(b" \t").lower() == b"identity"


def _judge(exchange: Exchange, data: bytes, is_last: bool) -> None:
    if is_last:
        try:
            orjson.loads(data)
        except orjson.JSONDecodeError:
            _fail(
                exchange, TRUNCATED, f"the service ended its answer, {len(data)} bytes of JSON, before it was complete"
            )
            return
    exchange.uncounted = exchange.response.status
    let_go(exchange, data, is_last)


def _fail(exchange: Exchange, place: int, detail: str) -> None:
    """What has come is no answer: the try has none, and its connection is closed."""
    exchange.uncounted = counters.ANSWER_AWAITED
    service = exchange.service
    exchange.plane.values[service.base + ANSWERS_MISFIT + place] += 1
    exchange.fail(UpstreamError(502, "bad_answer", detail, reason=f"{detail} (service {service.name!r})"))
