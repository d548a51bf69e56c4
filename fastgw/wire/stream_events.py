"""Streams of model servers: in what form they come, how far an event says that an answer is, and how one says that it broke off.

    events   ``text/event-stream``, as OpenAI and Anthropic have them
    lines    of JSON, as Ollama has them

A stream *begins* with what says nothing yet: its role, its number, a sign of life.  Its *content* is whatever comes behind that: text,
reasoning, a call of a tool, a reason to stop.  A service that has said 200 and then cannot go on says so in an event of its own.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import orjson

from fastgw.wire import sse
from fastgw.wire.inference import ANTHROPIC, OLLAMA, OPENAI
from fastgw.wire.media_types import EVENT_STREAM, JSON_LINES, media_type
from fastgw.wire.ndjson import LineReader, lines
from fastgw.wire.sse import EventReader
from fastgw.wire.usage import content_size

EVENTS, LINES = "events", "lines"
COMMENT: Final = b": keep-alive\n\n"  #: an event that says nothing (HTML, section 9.2.6)
_FORMS: Final = {EVENT_STREAM: EVENTS, **dict.fromkeys(JSON_LINES, LINES)}
_DONE: Final = b"[DONE]"
#: Types of events that come in front of the content, and have none: of Anthropic, and of OpenAI's Responses.
_BEGINNINGS: Final = frozenset({"message_start", "ping", "content_block_start", "content_block_delta"}) | {
    f"response.{one}"
    for one in (
        "created",
        "queued",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "reasoning_summary_part.added",
    )
}
_LIFE_MAX: Final = 512  #: bytes of the longest block that may be a sign of life and nothing else
_MESSAGE_MAX: Final = 300  #: characters of what a service says of its error
#: What services call their errors, in letters alone, and the status of an answer that says the same.
_STATUSES: Final = {
    "overloadederror": 529,
    "overloaded": 503,
    "engineoverloaded": 503,
    "serviceunavailable": 503,
    "serviceunavailableerror": 503,
    "unavailable": 503,
    "resourceexhausted": 429,
    "ratelimiterror": 429,
    "ratelimitexceeded": 429,
    "insufficientquota": 429,
    "apierror": 500,
    "servererror": 500,
    "internalerror": 500,
    "internalservererror": 500,
    "timeouterror": 504,
    "invalidrequesterror": 400,
    "badrequesterror": 400,
    "contextlengthexceeded": 400,
    "authenticationerror": 401,
    "permissionerror": 403,
    "notfounderror": 404,
    "modelnotfound": 404,
    "requesttoolarge": 413,
    "validation": 422,
    "unprocessableentityerror": 422,
}
_UNKNOWN: Final = 502
_PASSING: Final = (408, 429)  #: of the faults of clients those that another service may not find


class EventError(NamedTuple):
    """What an event says that the service could not do."""

    status: int  #: of an answer that says the same
    message: str  #: of the service, in one line

    @property
    def is_of_service(self) -> bool:
        """Whether another service may do better; else the request is at fault, and nobody can answer it."""
        return self.status >= 500 or self.status in _PASSING


def form_of(content_type: bytes | None) -> str:
    """``EVENTS`` or ``LINES``; empty: an answer of this type is no stream."""
    return "" if content_type is None else _FORMS.get(media_type(content_type), "")


def reader_of(form: str) -> EventReader | LineReader:
    """What cuts a stream of this form into whole events, or lines."""
    return EventReader() if form == EVENTS else LineReader()


def parts(form: str, block: bytes, begin: int) -> list[tuple[bytes, bytes]]:
    """The type and the data of each event of ``block`` from ``begin`` on, or of each line."""
    if form == LINES:
        return [(b"", one) for one in lines(block, begin)]
    return [(one.kind, one.data) for one in sse.events(block, begin)]


def read(kind: bytes, data: bytes) -> bool | EventError:
    """Whether an event has content, or is the end; or the error that it tells.  What nobody here understands has content."""
    if data == _DONE:
        return True
    try:
        said = orjson.loads(data)
    except orjson.JSONDecodeError:
        return EventError(_UNKNOWN, _line(data.decode("utf-8", "replace"))) if kind == b"error" else True
    if not isinstance(said, dict):
        return True
    told = _error(kind, said)
    return told if told is not None else not _is_beginning(said)


def _is_beginning(said: dict[str, Any]) -> bool:
    """Whether an event without an error has nothing to say yet."""
    if content_size(said):
        return False
    choices = said.get("choices")
    if isinstance(
        choices, list
    ):  # of OpenAI; one without choices tells of its filters in front, and of its usage behind
        if said.get("usage"):
            return False
        return not any(not isinstance(one, dict) or one.get("finish_reason") for one in choices)
    kind = said.get("type")
    if isinstance(kind, str):
        return kind in _BEGINNINGS
    return said.get("done") is False  # of Ollama


def _error(kind: bytes, said: dict[str, Any]) -> EventError | None:
    """The error that an event tells: its own, or of OpenAI's Responses that of the whole answer."""
    found = said.get("error")
    if said.get("type") == "response.failed":
        response = said.get("response")
        found = (response.get("error") if isinstance(response, dict) else None) or found or {}
    elif not found and (kind == b"error" or said.get("type") == "error" or said.get("object") == "error"):
        found = said
    if isinstance(found, dict):
        names = [found.get(key) for key in ("status_code", "status", "code", "type")]
        message = found.get("message")
    elif isinstance(found, str) and found:
        names = [said.get(key) for key in ("status_code", "code", "error_type")]
        message = found
    else:
        return None
    return EventError(_status(names), _line(message if isinstance(message, str) else ""))


def _status(names: list[Any]) -> int:
    """The first that is a status, or is called as something that is one."""
    for one in names:
        if type(one) is int and 400 <= one <= 599:
            return one
        if isinstance(one, str):
            if len(one) == 3 and one.isdecimal() and one.isascii() and "400" <= one <= "599":
                return int(one)
            found = _STATUSES.get("".join(filter(str.isalpha, one[:64])).lower())
            if found is not None:
                return found
    return _UNKNOWN


def _line(text: str) -> str:
    """``text`` in one line that may be printed, not too long."""
    shown = "".join(one if one.isprintable() else " " for one in text[: _MESSAGE_MAX + 1])
    return shown if len(shown) <= _MESSAGE_MAX else shown[:_MESSAGE_MAX] + "..."


def is_life_alone(form: str, block: bytes, begin: int) -> bool:
    """Whether ``block`` has no event but signs of life: comments, and what Anthropic calls ``ping``."""
    if form == LINES or len(block) > _LIFE_MAX:
        return False
    if block.find(b"data:", begin) >= 0 and block.find(b"ping", begin) < 0:
        return False
    found = sse.events(block, begin)
    return all(b"ping" in one.data and one.kind in (b"", b"ping") and _is_ping(one.data) for one in found)


def _is_ping(data: bytes) -> bool:
    try:
        said = orjson.loads(data)
    except orjson.JSONDecodeError:
        return False
    return isinstance(said, dict) and said.get("type") == "ping"


def dialect_in(form: str, block: bytes, otherwise: str) -> str:
    """The dialect that the first events of a stream, in ``block``, are of; ``otherwise``: of what was asked for, where nobody can tell."""
    if form == LINES:
        return OLLAMA
    if b'"message_start"' in block:
        return ANTHROPIC
    return OPENAI if b'"choices"' in block or b'"response.' in block else otherwise


def error_event(form: str, dialect: str, body: bytes) -> bytes:
    """The last event of a stream that broke off; ``body``: the error, in the JSON of ``dialect``."""
    if form == LINES:
        return body + b"\n"
    return (b"event: error\ndata: " if dialect == ANTHROPIC else b"data: ") + body + b"\n\n"
