"""Answers of a service that are a reason to ask again (``snapshot.Mind``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.core.exchange import arriving, retries, tries
from fastgw.wire.fields import find_field

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.settings import RetrySettings, ServiceSettings
    from fastgw.core.snapshot.roles import Mind

NOT_AGAIN = b"x-should-retry"  #: a field that says "false" where asking again is of no use, which some clients obey


def minds_of(settings: ServiceSettings) -> tuple[Mind, ...]:
    """Those of a service that says this: none, or one."""
    retry = settings.retry
    found = {int(one) for one in retry.on if one.isdigit()}
    if "5xx" in retry.on:
        found.update(range(500, 600))
    return (Statuses(frozenset(found), retry),) if found and retry.attempts > 1 else ()


class Statuses:
    """What a service says of answers with some statuses: a ``Mind`` that has them asked for again."""

    __slots__ = ("_budget", "_statuses")

    def __init__(self, statuses: frozenset[int], retry: RetrySettings) -> None:
        """``retry``: what the service says of it."""
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
        if exchange.response.status not in self._statuses or exchange.request.upgrade or not tries.may_repeat(exchange):
            if service.fallback is None:  # which may send the body yet
                arriving.forget(exchange)
            return False
        if exchange.attempts - exchange.is_spared >= service.settings.retry.attempts:
            _tell_not_again(exchange)
            return False
        head = exchange.response.head
        if (find_field(head, NOT_AGAIN) or b"").lower() == b"false":
            return False
        wait = _wait(exchange, head)
        if wait < 0.0:
            return False
        exchange.set_aside()
        tries.repeat(exchange, retries.STATUS, wait)
        return True


def _tell_not_again(exchange: Exchange) -> None:
    """The gateway itself has asked as often as it may: a client that did the same would only multiply that."""
    if exchange.attempts > 1 and find_field(exchange.response.head, NOT_AGAIN) is None:
        exchange.response.set_header(NOT_AGAIN, b"false")


def _wait(exchange: Exchange, head: bytes) -> float:
    """Seconds until the request may be sent again after an answer that begins with ``head``; below 0: it may not."""
    asked = retries.asked_to_wait(head, exchange.plane.date)
    if asked > exchange.service.settings.retry.max_retry_after:
        return retries.refuse(exchange, retries.ASKED_TO_WAIT)
    return retries.wait(exchange, asked)
