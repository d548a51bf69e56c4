"""The messages of a service as the answer to a request of HTTP: its form, and when it is over.

    single   the last message as the body: JSON, text or bytes, as it is
    array    a list of JSON: each message a value of it
    ndjson   each message a line, as soon as it is here
    sse      each message an event, as soon as it is here

A message of text that is JSON stands for its value where values are told, another one is a string, and one of bytes is a string of base64
(RFC 4648 section 4); as an event it says so by its type, ``binary``.
"""

from __future__ import annotations

from binascii import b2a_base64
from collections.abc import Mapping
from typing import Any, Final

import orjson

from fastgw.core.websocket_settings import WebSocketCalls
from fastgw.errors import UpstreamError

SINGLE, ARRAY, NDJSON, SSE = "single", "array", "ndjson", "sse"
_STREAMS: Final[Mapping[bytes, str]] = {
    b"text/event-stream": SSE,
    b"application/x-ndjson": NDJSON,
    b"application/ndjson": NDJSON,
    b"application/jsonl": NDJSON,
}
_JSON: Final = b"content-type: application/json\r\n"
_TEXT: Final = b"content-type: text/plain; charset=utf-8\r\n"
_BYTES: Final = b"content-type: application/octet-stream\r\n"
_LINES: Final = b"content-type: application/x-ndjson\r\n"
_EVENTS: Final = b"content-type: text/event-stream\r\ncache-control: no-cache\r\n"


def wanted(accept: bytes) -> str:
    """The stream that a request with this ``Accept`` likes best (RFC 9110 section 12.5.1); empty: none, or something else better."""
    best, found = 0.0, ""
    for item in accept.lower().split(b","):
        kind, *parameters = (part.strip() for part in item.split(b";"))
        weight = 1.0
        for one in parameters:
            if one[:2] == b"q=":
                try:
                    weight = float(one[2:])
                except ValueError:
                    weight = 0.0
        if weight > best:
            best, found = weight, _STREAMS.get(kind, "")
    return found


class MessageAnswers:
    """What the messages of one service become."""

    __slots__ = ("_items", "_most", "_settings", "_size", "count", "form", "is_over")

    def __init__(self, settings: WebSocketCalls, accept: bytes) -> None:
        """``accept``: of the request; empty: it says nothing."""
        self._settings = settings
        has_end = bool(settings.until) or settings.idle_timeout > 0
        form = settings.answer
        if form == "auto":
            ends_with_one = settings.messages == 1 or (settings.messages is None and not has_end)
            form = wanted(accept) or (SINGLE if ends_with_one else ARRAY)
        self.form = form
        most = settings.messages
        self._most = (1 if form == SINGLE and not has_end else 0) if most is None else most
        self._items: list[str | bytes] = []
        self._size = 0
        self.count = 0  #: messages so far
        self.is_over = False  #: the last one has ended it

    @property
    def is_stream(self) -> bool:
        """Whether each message goes out as soon as it is here."""
        return self.form in (NDJSON, SSE)

    @property
    def fields(self) -> bytes:
        """Of a stream: what its head says."""
        return _EVENTS if self.form == SSE else _LINES

    def take(self, message: str | bytes) -> bytes:
        """One more has come; what goes out of it now.

        Raises:
            UpstreamError: 502 ``answer_too_large``, more messages or bytes than are allowed.
        """
        settings = self._settings
        self.count += 1
        self._size += len(message) if isinstance(message, bytes) else len(message.encode())
        if self.count > settings.max_messages or self._size > settings.max_answer:
            most = f"{settings.max_messages} messages, or {settings.max_answer} bytes of them"
            raise UpstreamError(502, "answer_too_large", f"the service has said more than {most}")
        self.is_over = self.count == self._most or (bool(settings.until) and _has(message, settings.until))
        if self.form == SSE:
            return event_of(message)
        if self.form == NDJSON:
            return value_of(message) + b"\n"
        if self.form == SINGLE:
            self._items.clear()
        self._items.append(message)
        return b""

    def whole(self) -> tuple[bytes, bytes]:
        """Of an answer that is no stream: fields of its head, and its body.

        Raises:
            UpstreamError: 502 ``websocket_failed``, there is nothing to answer with.
        """
        if self.form == ARRAY:
            return _JSON, b"[" + b",".join(map(value_of, self._items)) + b"]"
        if not self._items:
            raise UpstreamError(502, "websocket_failed", "the service has closed the WebSocket without an answer")
        last = self._items[-1]
        if isinstance(last, bytes):
            return _BYTES, last
        return _TEXT if _loaded(last) is None else _JSON, last.encode()


def value_of(message: str | bytes) -> bytes:
    """The message as a value of JSON, on one line."""
    if isinstance(message, bytes):
        return b'"' + b2a_base64(message, newline=False) + b'"'
    if _loaded(message) is None:
        return orjson.dumps(message)
    return message.encode().replace(b"\r", b" ").replace(b"\n", b" ")  # which stand between its tokens only


def event_of(message: str | bytes) -> bytes:
    """The message as an event (WHATWG HTML, section 9.2.6): each line of it a line of data."""
    if isinstance(message, bytes):
        return b"event: binary\ndata: " + b2a_base64(message, newline=False) + b"\n\n"
    text = message.replace("\r\n", "\n").replace("\r", "\n")
    return b"".join([b"data: %b\n" % line.encode() for line in text.split("\n")]) + b"\n"


class _Null:
    """``null``, which is a value too."""


def _loaded(text: str) -> Any:
    """The value that ``text`` is in JSON; None: it is none."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return _Null if found is None else found


def _has(message: str | bytes, fields: tuple[tuple[str, object], ...]) -> bool:
    """Whether the message is an object with all of ``fields``."""
    value = _loaded(message) if isinstance(message, str) else None
    return isinstance(value, dict) and all(_field_is(value, name, wanted) for name, wanted in fields)


def _field_is(value: Any, name: str, wanted: object) -> bool:
    for key in name.split("."):
        if not isinstance(value, dict) or key not in value:
            return False
        value = value[key]
    among = wanted if isinstance(wanted, tuple) else (wanted,)
    return any(type(value) is type(one) and value == one for one in among)
