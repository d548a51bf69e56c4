"""The JSON that goes into a service written in Python, and what comes out of it (RFC 8259, and the event stream of the HTML standard)."""

from __future__ import annotations

from typing import Any

import orjson

from fastgw.errors import DownstreamError

_OPTIONS = orjson.OPT_SERIALIZE_NUMPY | orjson.OPT_NON_STR_KEYS


def type_problem(content_type: bytes | None) -> DownstreamError | None:
    """Why a body of this ``Content-Type`` is not read; None: it is JSON, or says nothing of itself."""
    if content_type is None:
        return None
    kind = content_type.partition(b";")[0].strip().lower()
    if kind == b"application/json" or (kind.startswith(b"application/") and kind.endswith(b"+json")):
        return None
    told = kind.decode("latin-1")[:100]
    return DownstreamError(415, "body_type_refused", f"the service takes application/json, and the request has {told}")


def decoded(body: bytes) -> dict[str, Any]:
    """The input that ``body`` is; without a body it is empty.

    Raises:
        DownstreamError: 400, it is no JSON; 422, it is no object.
    """
    if not body:
        return {}
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise DownstreamError(400, "json_malformed", f"the request body is not JSON: {error}") from None
    if not isinstance(found, dict):
        raise DownstreamError(422, "json_unfit", "the request body is JSON, but not an object")
    return found


def encoded(value: object) -> bytes:
    """``value`` as JSON.

    Raises:
        TypeError: it cannot be said in JSON.
    """
    return orjson.dumps(value, option=_OPTIONS)


def event(value: object) -> bytes:
    """``value`` as one event of a stream: bytes are sent as they are, text line by line, everything else as JSON.

    Raises:
        TypeError: as ``encoded``.
    """
    if isinstance(value, bytes):
        return value
    if isinstance(value, str):
        return b"".join(b"data: %b\n" % line for line in value.encode().splitlines() or [b""]) + b"\n"
    return b"data: %b\n\n" % encoded(value)
