"""Why a service has no answer, in the few words by which a fallback is chosen; from the codes of errors (``docs/errors.md``)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

#: What each word is of the codes.  What none of them has is no reason for a fallback: the client's own fault, or a bug.
CODES: Final = {
    "connect": (
        "connect_refused",
        "unreachable",
        "connect_timeout",
        "connect_failed",
        "tls_failed",
        "name_not_found",
        "name_failed",
        "name_timeout",
        "no_subset",
        "no_member",
    ),
    "reset": (
        "upstream_reset",
        "bad_answer",
        "stream_refused",
        "service_failed",
        "service_unhealthy",
        "service_credentials",
    ),
    "timeout": ("answer_timeout", "first_token_timeout", "timeout"),
    "breaker_open": ("breaker_open",),
    "queue_full": ("pool_full", "pending_timeout", "no_resources", "over_limit", "queue_full", "queue_timeout"),
}
CAUSES: Final = tuple(CODES)
STATUS: Final = "status"  #: beside those: the service has answered, with a status that counts as none
#: An error that was told in the first event of a stream has a status too, but no cause: nothing was wrong on the way.
_CAUSE_OF: Final = {code: cause for cause, codes in CODES.items() for code in codes} | {"error_event": STATUS}


def cause_of(code: str) -> str:
    """The word for an error with this ``code``; empty: it is no reason for a fallback."""
    return _CAUSE_OF.get(code, "")


def is_meant(on: Collection[str], statuses: Collection[int], cause: str, status: int) -> bool:
    """Whether a fallback for the causes ``on`` and these ``statuses`` is one for an error of this ``cause``, which the client would get as
    ``status``; or, where ``cause`` is ``STATUS``, for the service's own answer."""
    return bool(cause) and (cause in on or status in statuses)
