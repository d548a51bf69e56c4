"""Errors of model servers, in whichever shape they come, and in the shape of the dialect that a client speaks.

OpenAI      {"error": {"message", "type", "param", "code"}}; of vLLM also {"object": "error", "message", "type", "code"}
Anthropic   {"type": "error", "error": {"type", "message"}, "request_id"}
Ollama      {"error": "message"}
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from fastgw.wire.inference import ANTHROPIC, OLLAMA

_MESSAGE_MAX: Final = 4096  #: characters of what a service says
#: What each status is called.
_ANTHROPIC_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_OPENAI_KINDS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
#: What an error in a stream would have had as its status, by how either calls it.
_STATUSES: Final = {
    **{kind: status for status, kind in _ANTHROPIC_KINDS.items()},
    "overloaded_error": 529,
    "api_error": 500,
    "server_error": 500,
    "internal_server_error": 500,
    "internalservererror": 500,
    "badrequesterror": 400,
    "insufficient_quota": 429,
    "rate_limit_exceeded": 429,
}
OVERLOADED: Final = 529  #: Anthropic's own status; others say 503


class FailureTold(NamedTuple):
    """What a service has said of an error."""

    message: str
    kind: str = ""  #: as it calls it; empty: it does not
    code: str = ""  #: the same
    param: str = ""  #: the field that was wrong

    @property
    def status(self) -> int:
        """Its status, where it comes without one: 500 if nobody knows."""
        if len(self.code) == 3 and self.code.isdigit() and "400" <= self.code <= "599":
            return int(self.code)
        return _STATUSES.get(self.code.lower()) or _STATUSES.get(self.kind.lower()) or 500


def read(document: Any) -> FailureTold | None:
    """What ``document``, a body or an event, says of an error; None: nothing."""
    if not isinstance(document, dict):
        return None
    error = document.get("error")
    if isinstance(error, dict):
        return _told(error)
    if isinstance(error, str) and error:
        return FailureTold(error[:_MESSAGE_MAX])
    if document.get("object") == "error" and isinstance(document.get("message"), str):
        return _told(document)
    detail = document.get("detail")  # FastAPI's
    return FailureTold(detail[:_MESSAGE_MAX]) if isinstance(detail, str) and detail else None


def _told(error: dict[str, Any]) -> FailureTold:
    message, code = error.get("message"), error.get("code")
    said = message if isinstance(message, str) and message else "the service says no more"
    number = str(code) if type(code) is int else code
    return FailureTold(said[:_MESSAGE_MAX], _text(error.get("type")), _text(number), _text(error.get("param")))


def _text(value: Any) -> str:
    return value[:256] if isinstance(value, str) else ""


def status_for(dialect: str, status: int) -> int:
    """The status that a client of ``dialect`` gets in the place of a service's ``status``."""
    return 503 if status == OVERLOADED and dialect != ANTHROPIC else status


def written(dialect: str, status: int, told: FailureTold, request_id: str) -> dict[str, Any]:
    """An error, whose status is that of the service, as clients of ``dialect`` read it."""
    if dialect == OLLAMA:
        return {"error": told.message}
    if dialect == ANTHROPIC:
        kind = _ANTHROPIC_KINDS.get(status, "invalid_request_error" if status < 500 else "api_error")
        shape: dict[str, Any] = {"type": "error", "error": {"type": kind, "message": told.message}}
        return shape | ({"request_id": request_id} if request_id else {})
    kind = _OPENAI_KINDS.get(status, "invalid_request_error" if status < 500 else "server_error")
    code = told.code or (told.kind if told.kind != kind else "")
    return {"error": {"message": told.message, "type": kind, "param": told.param or None, "code": code or None}}
