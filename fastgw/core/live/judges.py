"""Several policies that ask how tries end, as one: ``Members`` know one ``Judge``, or none."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from fastgw.core.live.roles import Judge
    from fastgw.errors import GatewayError

T = TypeVar("T")

#: Codes of requests that nobody was asked with, for reasons that asking less does not mend.
_UNASKED = frozenset(
    {
        *(
            "pool_full",
            "pending_timeout",
            "service_unhealthy",
            "name_not_found",
            "name_timeout",
            "name_failed",
            "no_member",
        ),
        "stream_refused",
    }
)


class Judges:
    """Tells each of its judges, in their order."""

    __slots__ = ("all",)

    def __init__(self, judges: Iterable[Judge]) -> None:
        self.all = tuple(judges)

    def settle(self, endpoint: Any, outcome: GatewayError | int, seconds: float) -> None:
        """See ``Members.settle``."""
        for one in self.all:
            one.settle(endpoint, outcome, seconds)


def joined(judges: Iterable[Judge]) -> Judge | None:
    """One that stands for all of ``judges``; None: there are none."""
    found = tuple(judges)
    if len(found) < 2:
        return found[0] if found else None
    return Judges(found)


def judge_of(judge: Judge | None, kind: type[T]) -> T | None:
    """The judge of just this kind that ``judge`` is or stands for; None: there is none."""
    for one in judge.all if isinstance(judge, Judges) else (judge,):
        if type(one) is kind:
            return one
    return None


def is_failure(error: GatewayError, seconds: float) -> bool:
    """Whether ``error``, after ``seconds`` from the request, is one of the endpoint that was asked."""
    if error.fault != "upstream" or error.code in _UNASKED:
        return False
    return seconds > 0 or error.code != "timeout"  # of the whole exchange, which was not sent yet
