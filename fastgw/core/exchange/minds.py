"""Answers of a service that are a reason to ask again (``snapshot.Mind``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.core.exchange import arriving, grpc, retries, tries
from fastgw.wire.fields import find_field
from fastgw.wire.grpc import CODES, read_code
from fastgw.wire.media_types import USUAL_STREAMS
from fastgw.wire.messages import BODY_UNTIL_CLOSE

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.settings import RetrySettings, ServiceSettings
    from fastgw.core.snapshot.roles import Mind

_USUAL = b"application/json"
NOT_AGAIN = b"x-should-retry"  #: a field that says "false" where asking again is of no use, which some clients obey


def minds_of(settings: ServiceSettings) -> tuple[Mind, ...]:
    """Those of a service that says this: none, or one."""
    retry = settings.retry
    found = {int(one) for one in retry.on if one.isdigit()}
    if "5xx" in retry.on:
        found.update(range(500, 600))
    codes = frozenset(map(CODES.index, retry.grpc_statuses))
    return (Statuses(frozenset(found), retry, codes),) if (found or codes) and retry.attempts > 1 else ()


def refuses_misfit(exchange: Exchange) -> bool:
    """A ``Mind`` of a service that models lead to: its answers are what was asked for, or are failed (``exchange.answer_types``)."""
    response = exchange.response
    if exchange.notes is None or response.status >= 300:
        return False
    found = find_field(response.head, b"content-type")
    if found is None or (found == _USUAL and response.body != BODY_UNTIL_CLOSE) or found in USUAL_STREAMS:
        return False
    from fastgw.core.exchange.answer_types import is_misfit  # which a worker without such does not need

    return is_misfit(exchange, found)


class Statuses:
    """What a service says of answers with some statuses: a ``Mind`` that has them asked for again."""

    __slots__ = ("_budget", "_codes", "_statuses")

    def __init__(self, statuses: frozenset[int], retry: RetrySettings, codes: frozenset[int] = frozenset()) -> None:
        """``retry``: what the service says of it; ``codes``: of gRPC, in answers that say nothing else."""
        self._codes = codes
        self._statuses = statuses
        self._budget = retry.budget

    def __call__(self, exchange: Exchange) -> bool:
        """See ``Mind``.  Where it is not asked again the answer passes as it came."""
        return self._is_asked_again(exchange)

    def _is_asked_again(self, exchange: Exchange) -> bool:
        service = exchange.service
        budget = self._budget
        if budget is not None and service.members.budget is None:
            # Before it is needed, so that it knows what came.
            retries.open_budget(service, exchange.plane, budget.share)
        if exchange.attempts == 1:
            retries.count_asking(exchange)
        if not self._is_meant(exchange) or exchange.request.upgrade or not tries.may_repeat(exchange):
            if service.fallback is None:  # which may send the body yet
                arriving.forget(exchange)
            return False
        if exchange.attempts - exchange.is_spared >= service.settings.retry.attempts:
            _tell_not_again(exchange)
            return False
        head = exchange.response.head
        if (find_field(head, NOT_AGAIN) or b"").lower() == b"false":
            return False
        wait = _wait(exchange, head, bool(self._codes))
        if wait < 0.0:
            return False
        exchange.set_aside()
        tries.repeat(exchange, retries.STATUS, wait)
        return True

    def _is_meant(self, exchange: Exchange) -> bool:
        """Whether the answer is one of those.  With a code of gRPC in its head there is nothing else behind it."""
        response = exchange.response
        if response.status in self._statuses:
            return True
        return bool(self._codes) and response.status == 200 and read_code(response.header(grpc.STATUS)) in self._codes


def _tell_not_again(exchange: Exchange) -> None:
    """The gateway itself has asked as often as it may: a client that did the same would only multiply that."""
    response = exchange.response
    if exchange.attempts > 1 and response.header(grpc.STATUS) is not None:
        response.set_header(grpc.PUSHBACK, b"-1")
    elif exchange.attempts > 1 and find_field(response.head, NOT_AGAIN) is None:
        response.set_header(NOT_AGAIN, b"false")


def _wait(exchange: Exchange, head: bytes, has_calls: bool) -> float:
    """Seconds until the request may be sent again after an answer that begins with ``head``; below 0: it may not."""
    pushed = grpc.asked_to_wait(exchange.response) if has_calls else None
    asked = retries.asked_to_wait(head, exchange.plane.date) if pushed is None else pushed
    if asked < 0.0 or asked > exchange.service.settings.retry.max_retry_after:
        return retries.refuse(exchange, retries.ASKED_TO_WAIT)
    return retries.wait(exchange, asked)
