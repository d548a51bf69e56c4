"""What the file says of sending requests twice: again, where nothing came of the first time, or beside it, where that takes too long.

Annotations are not postponed here (``from __future__``): pydantic would compile and evaluate each of them at the start.
"""

import re
from typing import Annotated, Any, Final

from pydantic import BeforeValidator, GetJsonSchemaHandler
from pydantic_core import CoreSchema

from fastgw.config.model import Model, alternative, off_is_none, setting
from fastgw.config.source import Document, TreePath
from fastgw.config.types import Duration, Method, Parsed, Percentage, count, size
from fastgw.config.unsound import is_missing, is_unsound
from fastgw.config.values import one_of, scalar, shown
from fastgw.wire.grpc import CODES, PASSING

CAUSES: Final = ("connect", "reset", "timeout")
UNBOUNDED: Final = 3  #: attempts without a budget, at most

#: What is not the same for another member, or a moment later: time-outs, conflicts, locks, too many requests.
_PASSING: Final = (408, 409, 421, 423, 425, 429)
#: No member has what it is asked for, and none will.
_LASTING: Final = (501, 505)


def _cause(value: object) -> str:
    """One of the causes, or a status or a class of them that may have another answer the next time."""
    found = scalar(value, "connect, reset, timeout, 5xx or a status")
    if found in (*CAUSES, "5xx"):
        return found
    if not re.fullmatch(r"[1-9][0-9x]{2}", found):
        return one_of(*CAUSES, "5xx", "a status such as 503")(value)
    if found.endswith("xx"):
        raise ValueError(f"{found}: most of these answers are the same the next time; 5xx, or the statuses themselves")
    if not found.isdigit() or not (500 <= int(found) <= 599 or int(found) in _PASSING) or int(found) in _LASTING:
        listed = ", ".join(map(str, _PASSING))
        reason = f"an answer of {shown(value)} is the same the next time; expected 5xx but 501 and 505, or {listed}"
        raise ValueError(reason)
    return found


def _passing_code(value: object) -> str:
    """The name of a code that may be another one the next time."""
    return one_of(*(CODES[one] for one in PASSING))(value)


_CAUSE_SCHEMA = [{"enum": [*CAUSES, "5xx"]}, {"type": "integer", "minimum": 408, "maximum": 599}, {"type": "string"}]
Cause = Annotated[str, Parsed(_cause, anyOf=_CAUSE_SCHEMA)]


PassingCode = Annotated[str, Parsed(_passing_code, enum=[CODES[one] for one in PASSING])]


class Backoff(Model):
    """How long a request waits that is sent again: a part, by chance, of a time that doubles."""

    base: Duration = setting("25ms", "The longest before the second try; doubled for every further one. 0: no wait.")
    max: Duration = setting("250ms", "The longest before any.")


class RetryBudget(Model):
    """What may be sent again; ``off`` instead of a mapping: anything."""

    share: Percentage = setting("20%", "Of the requests of the last 10 s.")
    floor: Annotated[int, count(0, 1_000_000)] = setting(
        10, "A second beyond it, all workers together, so that a service with few requests has retries too."
    )

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return alternative({"enum": [False, "off"]}, schema, handler)


class Retry(Model):
    """When an exchange goes to another endpoint; only before the head of an answer was passed on."""

    attempts: Annotated[int, count(1, 10)] = setting(
        2, "Endpoints tried at most, the first included. 1: no other endpoint."
    )
    on: list[Cause] = setting(
        ["connect", "reset"],
        "connect: no connection was made. reset: it broke before the answer began. timeout: no answer in time. 503, 5xx: answers.",
    )
    grpc_statuses: list[PassingCode] = setting(
        [], "Codes of gRPC, such as UNAVAILABLE, of answers that say nothing else: trailers-only."
    )
    methods: list[Method] = setting(
        [], "Of requests that may be sent twice. Default: those that change nothing, and PUT and DELETE."
    )
    max_body: Annotated[int, size(0, 1 << 30)] = setting(
        "64KiB", "Bytes of a body that are kept to be sent again; a request with more is sent once."
    )
    try_timeout: Duration = setting("0", "From the end of the request to the head of the answer, of each try. 0: off.")
    backoff: Backoff = setting({}, "How long a request waits that is sent again.")
    max_retry_after: Duration = setting(
        "1s", "The longest that an answer may ask to wait (Retry-After); one that asks for more is passed on."
    )
    budget: Annotated[RetryBudget | None, BeforeValidator(off_is_none)] = setting({}, "What may be sent again.")


def check_retry(document: Document, where: TreePath, retry: Retry) -> None:
    """Report what cannot work together."""
    if is_unsound(retry):
        return
    budget, backoff, is_known = retry.budget, retry.backoff, not is_unsound(retry.on, *retry.on)
    if budget is None and retry.attempts > UNBOUNDED:
        reason = (
            f"without a budget at most {UNBOUNDED}: a service in trouble would get each request {retry.attempts} times"
        )
        document.report((*where, "attempts"), reason)
    if budget is not None and is_missing(budget.share) and is_missing(budget.floor):
        document.report((*where, "budget"), "nothing could be sent again; on: [connect] says that")
    if backoff.base > backoff.max:
        document.report((*where, "backoff", "base"), f"is longer than max ({backoff.max:g} s)")
    if retry.try_timeout and is_known and "timeout" not in retry.on:
        document.report((*where, "try_timeout"), "has no effect without timeout in on")
    codes = retry.grpc_statuses
    if codes and not is_unsound(retry.methods) and "POST" not in retry.methods:
        document.report(
            (*where, "grpc_statuses"), "has no effect: calls are POST, which is not among methods", at_key=True
        )
    if codes and retry.attempts == 1:
        document.report((*where, "grpc_statuses"), "has no effect with attempts: 1", at_key=True)
    if retry.methods and is_known and not codes and not set(retry.on) - {"connect"}:
        document.report((*where, "methods"), "has no effect: on has nothing that a sent request is sent again for")
    if retry.attempts == 1:
        for place, one in enumerate(retry.on):
            if not is_unsound(one) and one not in ("connect", "reset"):
                document.report((*where, "on", place), f"{one} has no effect with attempts: 1")
