"""What clients of models are told that a limit refuses, and the log, and the counters; it is not on the way of those that pass."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.exchange.about import report
from fastgw.core.limit_counters import REFUSED, TOO_LARGE
from fastgw.errors import DownstreamError, InternalError
from fastgw.filters import rate_fields, token_fields
from fastgw.filters.token_rates import AT_ONE_TIME, COST, REQUESTS, shown
from fastgw.wire.inference import dialect_of

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.filters.rate_fields import Told
    from fastgw.filters.token_limits import Counted

_RETRY: Final = (("retry-after", "1"),)


def refuse(
    exchange: Exchange,
    name: str,
    limits: Sequence[Counted],
    tabs: Sequence[Any],
    refusing: Sequence[Any],
    wall: float,
    *,
    is_dry: bool,
) -> None:
    """The filter ``name`` refuses, as those ``refusing`` of the ``tabs`` at its ``limits`` do.  ``wall``: seconds since 1970.

    Raises:
        GatewayError: unless the filter ``is_dry``.
    """
    waits = {place: limits[place].limit.wait(tabs[place]) for place in map(tabs.index, refusing)}
    slowest = max(waits, key=lambda place: waits[place])
    one, wait = limits[slowest], waits[slowest]
    count(exchange, REFUSED, one)
    if is_dry:
        return
    if one.shared is not None and all(tab.is_gone for tab in refusing):
        detail = "nobody knows at the moment how much is left of a limit"
        reason = f"{detail}: the Redis of the filter {name!r} cannot be asked, and what was leased of {one.kind.text} is spent"
        raise InternalError(503, "limit_unknown", detail, reason=reason, headers=_RETRY)
    headers = token_fields.refused(asked_dialect(exchange), told(limits, tabs), wait, wall)
    seconds = rate_fields.seconds(wait)
    reason = f"more than {one.kind.text}, says the filter {name!r}"
    if one.unit == AT_ONE_TIME:
        detail = f"as many requests are under way as may be, {one.kind.text}"
        raise DownstreamError(429, "too_many_requests", detail, reason=f"{detail}: {reason}", headers=headers)
    if one.shared is not None and tabs[slowest].is_awaited:  # no budget is spent, so who is told to come back may
        detail = (
            f"what this gateway holds of {one.kind.text} is spent, and it has asked for more; try again in {seconds} s"
        )
        raise DownstreamError(429, "rate_limit_exceeded", detail, reason=f"{detail}: {reason}", headers=headers)
    if one.unit == COST:
        word = one.kind.word
        back = f"; the next {word} begins in {seconds} s" if word else f"; some of it is back in {seconds} s"
        detail = f"the budget of {shown(one.kind.rate.burst, COST)} is spent{back}"
        raise DownstreamError(429, "insufficient_quota", detail, reason=f"{detail}: {reason}", headers=headers)
    amount = "" if one.unit == REQUESTS else f", and this request is counted as {tabs[slowest].needs}"
    detail = f"the limit of {one.kind.text} is reached{amount}; try again in {seconds} s"
    raise DownstreamError(429, "rate_limit_exceeded", detail, reason=f"{detail}: {reason}", headers=headers)


def refuse_too_large(exchange: Exchange, name: str, one: Counted, amount: int, *, is_dry: bool) -> None:
    """The request asks for ``amount`` of a limit that never has so much.

    Raises:
        DownstreamError: unless the filter ``is_dry``.
    """
    count(exchange, TOO_LARGE, one)
    if is_dry:
        return
    asked, most = shown(amount, one.unit), shown(one.burst, one.unit)
    detail = (
        f"the request asks for up to {asked} {one.unit}, its prompt included, and the limit is {most}: it can never be "
        "admitted; ask for less by max_tokens, or send less"
    )
    reason = f"{detail}: {one.kind.text}, says the filter {name!r}"
    raise DownstreamError(400, "request_over_limit", detail, reason=reason)


def refuse_uncounted(exchange: Exchange, name: str, *, is_let_through: bool) -> None:
    """The board has no room for a key of it.

    Raises:
        InternalError: unless it ``is_let_through``.
    """
    exchange.plane.values[counters.BOARD_FULL] += 1
    what = "is let through" if is_let_through else "is refused"
    report(exchange, "warning", f"the board has no room for a key, so its request {what}", filter=name)
    if not is_let_through:
        raise InternalError(503, "board_full", "too many clients are being counted", headers=_RETRY)


def count(exchange: Exchange, row: int, one: Counted) -> None:
    """Note the limit, and count what it did."""
    exchange.note("token_limit", one.kind.text)
    if one.base:
        exchange.plane.values[one.base + row] += 1


def told(limits: Sequence[Counted], tabs: Sequence[Any]) -> list[Told]:
    """What is known of those limits of which clients are told how much is left."""
    return [one.limit.told(tab) for one, tab in zip(limits, tabs, strict=True) if one.unit != AT_ONE_TIME]


def asked_dialect(exchange: Exchange) -> str:
    """In which API ``exchange`` is asked."""
    request = exchange.request
    return dialect_of(request.matched_path, request.header(b"anthropic-version"))
