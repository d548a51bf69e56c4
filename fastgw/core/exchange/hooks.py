"""Walking a route's filters: in with the request, out with the answer.

A hook that returns an awaitable suspends its exchange, not the connection: a Task waits for it and then walks on.  Body bytes that arrive
meanwhile are held (bounded, the sender is paused).  A client that goes away cancels the Task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from fastgw.core.exchange.reply import Reply
from fastgw.core.net.connection import HOLD_PENDING
from fastgw.errors import GatewayError, InternalError

if TYPE_CHECKING:
    from fastgw.core.exchange.relay import Exchange


def enter(exchange: Exchange, index: int) -> None:
    """Run the request hooks from ``index`` on, then send the request to its service."""
    hooks = exchange.route.chain.request
    while index < len(hooks):
        exchange.entered = index + 1
        try:
            outcome = hooks[index](exchange)
        except GatewayError as error:
            exchange.fail(error)
            return
        except Exception:  # noqa: BLE001 - whatever a filter raises ends this exchange, not the worker
            broken(exchange, hooks[index], "request")
            return
        index += 1
        if outcome is not None:
            if isinstance(outcome, Reply):
                exchange.reply(outcome)
            else:
                _suspend(exchange, outcome, _resume_entering(exchange, outcome, index))
            return
    exchange.entered = len(hooks) + 1
    exchange.dispatch()


def leave(exchange: Exchange, hooks: tuple[Callable[[Any], Any], ...], index: int) -> bool:
    """Run the response hooks from ``index`` on, then let the answer go; False: it does not go yet, or not this one."""
    exchange.is_leaving = True
    while index < len(hooks):
        try:
            outcome = hooks[index](exchange)
        except Exception:  # noqa: BLE001 - as above
            broken(exchange, hooks[index], "response")
            return False
        index += 1
        if outcome is not None:
            if exchange.early is None:
                exchange.early = []
            if exchange.upstream is not None:
                exchange.upstream.hold(HOLD_PENDING)
            _suspend(exchange, outcome, _resume_leaving(exchange, outcome, hooks, index))
            return False
    exchange.answer_is_ready()
    return True


def _suspend(exchange: Exchange, outcome: Awaitable[Any], resume: Coroutine[Any, Any, None]) -> None:
    task = exchange.task = exchange.plane.loop.create_task(resume)
    exchange.set_deadline(exchange.route.answer_timeout)
    if asyncio.iscoroutine(outcome):
        # When the Task is cancelled before its first step, nobody has begun the coroutine, and Python would complain.
        task.add_done_callback(lambda _: outcome.close())


def _is_over(exchange: Exchange) -> bool:
    """Whether the exchange went on without this Task: its hook did not let itself be cancelled, and comes back when the exchange may
    already be another request's."""
    return exchange.task is not asyncio.current_task()


async def _resume_entering(exchange: Exchange, outcome: Awaitable[Reply | None], index: int) -> None:
    try:
        reply = await outcome
    except GatewayError as error:
        if not _is_over(exchange):
            exchange.task = None
            exchange.fail(error)
        return
    except Exception:  # noqa: BLE001 - as above
        if not _is_over(exchange):
            exchange.task = None
            broken(exchange, exchange.route.chain.request[index - 1], "request")
        return
    if _is_over(exchange):
        return
    exchange.task = None
    if reply is not None:
        exchange.reply(reply)
    else:
        enter(exchange, index)


async def _resume_leaving(
    exchange: Exchange, outcome: Awaitable[None], hooks: tuple[Callable[[Any], Any], ...], index: int
) -> None:
    try:
        await outcome
    except Exception:  # noqa: BLE001 - as above
        if not _is_over(exchange):
            exchange.task = None
            broken(exchange, hooks[index - 1], "response")
        return
    if _is_over(exchange):
        return
    exchange.task = None
    upstream = exchange.upstream
    if upstream is not None:
        upstream.release(HOLD_PENDING)
    if not leave(exchange, hooks, index):
        return
    early = exchange.early or []
    exchange.early = None
    for data, payload, is_last, clean in early:
        if is_last:
            exchange.on_last_body(data, payload, clean)
        else:
            exchange.on_body(data, payload)


def broken(exchange: Exchange, hook: Callable[[Any], Any], kind: str) -> None:
    """End ``exchange`` over the exception being handled: a bug of the filter whose ``hook``, of this ``kind``, raised it."""
    name = report_broken(exchange, hook, kind)
    where = "the request id finds the reason in the log" if exchange.request.request_id else "its log has the reason"
    exchange.fail(InternalError(500, "internal", f"the filter {name!r} of the gateway failed; {where}"))


def report_broken(exchange: Exchange, hook: Callable[[Any], Any], kind: str) -> str:
    """Let the log tell the exception being handled, and where it was; return the filter's name."""
    name = exchange.route.chain.name_of(hook)
    exchange.plane.log_exception(
        "a filter failed",
        filter=name,
        hook=kind,
        route=exchange.route.name,
        request_id=exchange.request.request_id.decode("latin-1"),
    )
    return name
