"""Media types, as header fields have them (RFC 9110 section 8.3.1)."""

from __future__ import annotations

from typing import Final

EVENT_STREAM: Final = b"text/event-stream"  #: HTML, section 9.2
USUAL_STREAMS: Final = (EVENT_STREAM, EVENT_STREAM + b"; charset=utf-8")  #: as servers write it: compared as they are
#: Lines of JSON, as servers of models call them that stream them.
JSON_LINES: Final = (b"application/x-ndjson", b"application/ndjson", b"application/jsonl")
STREAMED_TYPES: Final = frozenset({EVENT_STREAM, *JSON_LINES})  #: of answers that come as they are made


def media_type(value: bytes | None) -> bytes:
    """The type in lower case, without parameters; empty: none is said."""
    return value.partition(b";")[0].strip(b" \t").lower() if value is not None else b""


def is_json(value: bytes | None) -> bool:
    """Is it JSON, or a format made of it (RFC 6839)?"""
    found = media_type(value)
    return found in (b"application/json", b"text/json") or (
        found.startswith(b"application/") and found.endswith(b"+json")
    )
