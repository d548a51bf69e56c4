"""Every error the gateway answers with, typed by whose fault it is and whether a retry is safe.

    GatewayError
    ├── DownstreamError     the client's fault: 4xx (and 501, 505), never retried
    ├── UpstreamError       the service's fault: 502, 503, 504; ``retry`` says when another endpoint may be tried
    └── InternalError       ours: 500; always a bug, always logged with its traceback

The kinds are few and the statuses many, so a status is data, not a class.  ``code`` is a stable slug: it appears in the body
(RFC 9457 ``type`` and the OpenAI ``code``) and in the access log, and is documented in ``docs/errors.md``.
This module is the ground below floor 0: it imports nothing and every floor may import it.
"""

from __future__ import annotations

# When may an UpstreamError be answered by asking another endpoint?  (Before the response head only; RFC 9110 section 9.2.2.)
RETRY_NEVER = 0  #: the service may have acted, or has answered
RETRY_IDEMPOTENT = (
    1  #: the request left on a reused connection, no byte came back: only idempotent methods without a body
)
RETRY_ALWAYS = 2  #: nothing of the request left this process


class GatewayError(Exception):
    """An exchange cannot go on; ``status`` and ``code`` say what the client is told."""

    fault = "internal"
    title = "Internal gateway error"

    def __init__(self, status: int, code: str, detail: str, *, retry: int = RETRY_NEVER) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.detail = detail
        self.retry = retry

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.status}, {self.code!r}, {self.detail!r})"


class DownstreamError(GatewayError):
    """The client sent something that cannot, or may not, be forwarded."""

    fault = "downstream"


class UpstreamError(GatewayError):
    """The service could not be reached, took too long, or answered with something that has no single reading."""

    fault = "upstream"


class InternalError(GatewayError):
    """A bug of the gateway or of a filter; the client learns no more than that, the log has the traceback."""

    fault = "internal"


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` lists every reason, each with its place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
