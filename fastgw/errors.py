"""Every error the gateway answers with, typed by whose fault it is and whether a retry is safe.

    GatewayError
    ├── DownstreamError     the client's fault: 4xx (and 501, 505), never retried
    ├── UpstreamError       the service's fault: 502, 503, 504; ``retry`` says when another endpoint may be tried
    └── InternalError       ours: 500 for a bug, always logged with its traceback; 503 where something of ours is used up
        └── FilterUnavailableError   a filter cannot do its work now: what follows, its ``on_failure`` says

The kinds are few and the statuses many, so a status is data, not a class.  ``code`` is a stable slug: it appears in the body
(RFC 9457 ``type`` and the OpenAI ``code``) and in the access log, and is documented in ``docs/errors.md``.
This module is the ground below floor 0: it imports nothing and every floor may import it.
"""

from __future__ import annotations

import re

_UNFIT = re.compile(r"[^\t\x20-\x7e\x80-\xff]").search  #: what no line of a head has (RFC 9110 section 5.5)

# When may an UpstreamError be answered by asking another endpoint?  (Before the response head only; RFC 9110 section 9.2.2.)
# The higher, the less the service can have seen.
RETRY_NEVER = 0  #: the service may have acted, or has answered
RETRY_SAFE = 1  #: the request left on a new connection, no byte came back: only safe methods without a body
RETRY_IDEMPOTENT = 2  #: the same on a reused connection, which its age may have ended: also other idempotent methods
RETRY_UNSEEN = 3  #: the service says that it has not acted on the request, and the gateway has all of it still (RFC 9113 section 8.7)
RETRY_ALWAYS = 4  #: nothing of the request left this process


class GatewayError(Exception):
    """An exchange cannot go on; ``status``, ``code`` and ``detail`` say what the client is told.

    ``reason`` is for the operator alone (access log and event log): it may name addresses, files and what a service sent.
    """

    fault = "internal"
    answer: object = (
        None  #: what the client gets, a ``Reply``, where a filter has made it; None: one is made of this error
    )
    param = ""  #: the parameter of the request that is wrong, for clients whose errors name one
    received = b""  #: of what was refused before it was a request: how it begins

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry: int = RETRY_NEVER,
        reason: str = "",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> None:
        """``retry``: one of ``RETRY_*``; ``reason``: empty where ``detail`` says it all; ``headers``: fields that the answer must have.

        Raises:
            ValueError: as ``refuse_unfit``.
        """
        super().__init__(detail)
        refuse_unfit(headers)
        self.status = status
        self.code = code
        self.detail = detail
        self.retry = retry
        self.reason = reason or detail
        self.headers = headers

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.status}, {self.code!r}, {self.detail!r})"


class DownstreamError(GatewayError):
    """The client sent something that cannot, or may not, be forwarded."""

    fault = "downstream"


class UpstreamError(GatewayError):
    """The service could not be reached, took too long, or answered with something that has no single reading."""

    fault = "upstream"


class InternalError(GatewayError):
    """Neither side's fault: a bug of the gateway or of a filter (the log has the traceback), or a limit of this process."""

    fault = "internal"


class FilterUnavailableError(InternalError):
    """A filter cannot do its work now, because what it asks does not answer, say: it has failed, and has not refused anybody.

    With ``on_failure: open`` the request goes on without it; else the client is told this error.
    """


class ConfigError(Exception):
    """The configuration cannot be used; ``problems`` lists every reason, each with its place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


def refuse_unfit(fields: tuple[tuple[str, str], ...]) -> None:
    """Raise ValueError if a name or a value of ``fields`` cannot stand in a head: it would end its line, or is no Latin-1."""
    for name, value in fields:
        if _UNFIT(name) or _UNFIT(value):
            raise ValueError(f"the field {name!r} has a character that no header field has")
