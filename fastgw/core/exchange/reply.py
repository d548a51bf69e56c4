"""An answer made by the gateway itself: by a filter, or for an error."""

from __future__ import annotations

import json

from fastgw.core import counters
from fastgw.errors import GatewayError, refuse_unfit
from fastgw.wire.serialize import REASONS, reply_fields, reply_head

_BODILESS = (204, 304)  #: statuses of answers that have no body


class Reply:
    """Status, body and fields of an answer that no service gave."""

    __slots__ = ("body", "close", "content_type", "headers", "status")

    def __init__(
        self,
        status: int,
        body: bytes = b"",
        content_type: str = "application/json",
        headers: tuple[tuple[str, str], ...] = (),
        *,
        close: bool = False,
    ) -> None:
        """``body``: left out where the status has none (RFC 9110 section 6.4.1).  ``close``: end the connection after it, because what the
        client still sends cannot be trusted or is not wanted.

        Raises:
            ValueError: a field has a character that no header field has.
        """
        refuse_unfit((("content-type", content_type), *headers))
        self.status = status
        self.body = (
            body if status not in _BODILESS and status >= 200 else b""
        )  # a client would take it for the next answer
        self.content_type = content_type
        self.headers = headers
        self.close = close

    @property
    def fields(self) -> bytes:
        """The field lines that tell of its content, each with its CRLF."""
        return reply_fields(self.status, self.content_type, len(self.body), self.headers)


#: Where a route counts an error, by whose fault it is.
FAULTS = {
    "downstream": counters.ROUTE_FAULT_DOWNSTREAM,
    "upstream": counters.ROUTE_FAULT_UPSTREAM,
    "internal": counters.ROUTE_FAULT_INTERNAL,
}
_OPENAI_TYPES = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 429: "rate_limit_error"}
_ANTHROPIC_TYPES = {**_OPENAI_TYPES, 413: "request_too_large", 529: "overloaded_error"}
_INVALID = "invalid_request_error"
_OPENAI_CODES = {"invalid_key": "invalid_api_key"}  #: what OpenAI has another word for


#: Answers of what is asked too often, or waits in a full line: a matter of moments (RFC 9110 section 10.2.3, in seconds).
_PASSING = (429, 503, 529)
_RETRY_AFTER = (("retry-after", "1"),)
_PATIENCE = 60  #: seconds: SDKs that are told of more ask again sooner, whatever they are told


def error_reply(
    error: GatewayError, error_format: str, request_id: str, headers: tuple[tuple[str, str], ...] = ()
) -> Reply:
    """The answer for ``error``: ``application/problem+json`` (RFC 9457), or, by ``error_format``, the shape that the SDKs of "openai" (that
    of "dialect" too, where no path is known) or "anthropic" read, or "ollama".  ``headers``: fields beside those that the error has."""
    status = error.status
    headers = error.headers + headers
    if error_format == "anthropic" and request_id:
        headers += (("request-id", request_id),)  # where its SDKs look for it
    if status in _PASSING:
        names = {name.lower() for name, _ in headers}
        headers += () if "retry-after" in names else _RETRY_AFTER
        headers += () if error_format in ("problem", "ollama") else _told_sdks(headers, names)
    if error_format != "problem":
        return Reply(
            status, json.dumps(_in_dialect(error, error_format, request_id)).encode(), "application/json", headers
        )
    problem = {
        "type": f"urn:fastgw:error:{error.code}",
        "title": REASONS.get(status, b"Error").decode(),
        "status": status,
        "detail": error.detail,
    }
    if request_id:
        problem["instance"] = f"urn:request:{request_id}"
    return Reply(status, json.dumps(problem).encode(), "application/problem+json", headers)


def _told_sdks(headers: tuple[tuple[str, str], ...], names: set[str]) -> tuple[tuple[str, str], ...]:
    """What the SDKs of OpenAI and Anthropic read beside ``retry-after`` of ``headers``: milliseconds, and whether to ask again at all."""
    after = next(value for name, value in headers if name.lower() == "retry-after")
    if not after.isdecimal():
        return ()
    told = (("retry-after-ms", f"{after}000"), ("x-should-retry", "true" if int(after) <= _PATIENCE else "false"))
    return tuple(one for one in told if one[0] not in names)


def _in_dialect(error: GatewayError, dialect: str, request_id: str) -> dict[str, object]:
    if dialect == "ollama":
        return {"error": error.detail}
    if dialect == "anthropic":
        kind = _ANTHROPIC_TYPES.get(error.status, _INVALID if error.status < 500 else "api_error")
        told: dict[str, object] = {"type": "error", "error": {"type": kind, "message": error.detail}}
        return told | ({"request_id": request_id} if request_id else {})
    kind = _OPENAI_TYPES.get(error.status, _INVALID if error.status < 500 else "server_error")
    if error.code == "model_not_found":
        kind = _INVALID  # as OpenAI has it
    elif error.code == "insufficient_quota":
        kind = error.code  # so, too
    return {
        "error": {
            "message": error.detail,
            "type": kind,
            "param": error.param or None,
            "code": _OPENAI_CODES.get(error.code, error.code),
        }
    }


def refusal(error: GatewayError, error_format: str, date: bytes, *, is_head: bool) -> bytes:
    """The last answer on a connection, to what did not become an exchange; one to HEAD has no body (RFC 9110 section 9.3.2).  ``date``: the
    field line."""
    reply = error_reply(error, error_format, "")
    head = reply_head(reply.status, reply.fields, len(reply.body), b"close")
    return head + date + b"\r\n" + (b"" if is_head else reply.body)
