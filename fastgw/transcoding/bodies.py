"""Bodies: the messages of gRPC behind their prefixes, and streams of JSON in the forms that clients read.

SSE (text/event-stream)            data: {...}\\n\\n        an error is an event of that name
NDJSON (application/x-ndjson)      {...}\\n               an error is a last line {"error": {...}}
a JSON list (application/json)     [{...},{...}]         an error breaks it off, so that nobody takes it for whole
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import orjson

from fastgw.wire.grpc import PREFIX

SSE: Final = b"text/event-stream"
NDJSON: Final = b"application/x-ndjson"
JSON: Final = b"application/json"
#: What clients call them.
_FORMS: Final = {
    SSE: SSE,
    NDJSON: NDJSON,
    b"application/ndjson": NDJSON,
    b"application/jsonl": NDJSON,
    b"application/x-jsonlines": NDJSON,
    b"application/jsonlines": NDJSON,
    JSON: JSON,
}


class BodyError(ValueError):
    """A body is not what it should be; says what it has."""


def framed(message: bytes) -> bytes:
    """A message behind its prefix, not compressed."""
    return b"\0%b%b" % (len(message).to_bytes(4, "big"), message)


class MessageReader:
    """Takes the messages out of one body, as it comes."""

    __slots__ = ("_most", "_needed", "_rest")

    def __init__(self, most: int) -> None:
        """``most``: bytes of a message."""
        self._most = most
        self._rest = bytearray()  # of a message, not all of it here
        self._needed = PREFIX  # bytes of that before there is anything to be said of it

    @property
    def is_between(self) -> bool:
        """Whether no message is under way."""
        return not self._rest

    def feed(self, data: bytes) -> list[bytes]:
        """The messages that are complete now.

        Raises:
            BodyError: one is compressed, which nobody has asked for, or too large.
        """
        rest = self._rest
        if rest:
            rest += data
            if len(rest) < self._needed:
                return []
            data = bytes(rest)
            rest.clear()
        found, at, size = [], 0, len(data)
        self._needed = PREFIX
        while size - at >= PREFIX:
            if data[at]:
                raise BodyError("has a message that is compressed, which it was asked not to have, or no gRPC")
            length = int.from_bytes(data[at + 1 : at + PREFIX], "big")
            if length > self._most:
                raise BodyError(f"has a message of {length} bytes, more than the {self._most} allowed here")
            end = at + PREFIX + length
            if end > size:
                self._needed = end - at
                break
            found.append(data[at + PREFIX : end])
            at = end
        rest += data[at:]
        return found


class JsonLines:
    """Takes the values out of one body of NDJSON, as it comes."""

    __slots__ = ("_most", "_rest", "count")

    def __init__(self, most: int) -> None:
        """``most``: bytes of a line."""
        self._most = most
        self._rest = bytearray()  # of a line, not all of it here
        self.count = 0  #: lines so far

    def feed(self, data: bytes, *, is_last: bool) -> list[bytes]:
        """The lines that are complete now, without those that are empty.

        Raises:
            BodyError: one is too large.
        """
        rest = self._rest
        rest += data
        lines: list[bytes] = []
        if is_last or b"\n" in data:
            lines = bytes(rest).split(b"\n")
            rest.clear()
            if not is_last:
                rest += lines.pop()
        if len(rest) > self._most or any(len(line) > self._most for line in lines):
            raise BodyError(f"has a line of more than the {self._most} bytes allowed here")
        return [line for line in lines if line.strip()]


def form_of(accept: bytes | None, default: bytes) -> bytes:
    """In which form a client wants a stream: of those it accepts the one it likes most (RFC 9110 section 12.5.1), else ``default``."""
    best, form = 0.0, default
    for one in (accept or b"").lower().split(b","):
        kind, *parameters = [part.strip() for part in one.split(b";")]
        known = _FORMS.get(kind)
        weight = _weight(parameters)
        if known is not None and weight > best:
            best, form = weight, known
    return form


def _weight(parameters: list[bytes]) -> float:
    for one in parameters:
        if one.startswith(b"q="):
            try:
                return float(one[2:])
            except ValueError:
                return 0.0
    return 1.0


class StreamWriter:
    """Writes the messages of one answer as JSON."""

    __slots__ = ("_count", "_document", "form")

    def __init__(self, form: bytes, document: Callable[[bytes], Any]) -> None:
        """``document``: what JSON has for a serialised message."""
        self.form = form
        self._document = document
        self._count = 0

    def feed(self, messages: list[bytes]) -> bytes:
        """More of the body."""
        return b"".join([self._one(orjson.dumps(self._document(one))) for one in messages])

    def _one(self, text: bytes) -> bytes:
        self._count += 1
        if self.form == SSE:
            return b"data: %b\n\n" % text
        if self.form == NDJSON:
            return text + b"\n"
        return (b"[" if self._count == 1 else b",") + text

    def finish(self, problem: Any = None) -> bytes | None:
        """The end of the body; ``problem``: what ended it, a value of JSON, or None.  None: that cannot be told, only shown by a cut."""
        if self.form == JSON:
            return None if problem is not None else b"]" if self._count else b"[]"
        if problem is None:
            return b""
        text = orjson.dumps(problem)
        return b"event: error\ndata: %b\n\n" % text if self.form == SSE else b'{"error":%b}\n' % text
