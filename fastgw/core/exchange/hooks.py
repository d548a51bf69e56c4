"""Walking a route's filters: in with the request, out with the answer.

A hook that returns an awaitable suspends its exchange, not the connection: a Task waits for it and then walks on.  Body bytes that arrive
meanwhile are held (bounded, the sender is paused).  A client that goes away cancels the Task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from fastgw.core.exchange.reply import Reply
from fastgw.core.net.connection import HOLD_PENDING
from fastgw.errors import GatewayError, InternalError, UpstreamError
from fastgw.wire.messages import BODY_CHUNKED

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


Hooks = tuple[Callable[[Any], Any], ...]


def enter_and_dispatch(exchange: Exchange, index: int) -> None:
    """Run the request hooks from ``index`` on, then send the request to its service."""
    hooks = exchange.route.chain.request
    while index < len(hooks):
        exchange.entered = index + 1
        try:
            outcome = hooks[index](exchange)
        except Exception as error:  # noqa: BLE001 - whatever a filter raises ends this exchange, not the worker
            failed(exchange, hooks[index], "request", error)
            return
        index += 1
        if outcome is not None:
            if isinstance(outcome, Reply):
                exchange.reply(outcome)
            else:
                _suspend(exchange, outcome, hooks, index, "request")
            return
    exchange.entered = len(hooks) + 1
    exchange.dispatch()


def leave_and_send(exchange: Exchange, hooks: Hooks, index: int) -> bool:
    """Run the response hooks from ``index`` on, then let the answer go; False: it does not go yet, or not this one."""
    exchange.is_leaving = True
    while index < len(hooks):
        try:
            outcome = hooks[index](exchange)
        except Exception as error:  # noqa: BLE001 - as above
            failed(exchange, hooks[index], "response", error)
            return False
        index += 1
        if outcome is not None:
            if exchange.response.status == 101 and exchange.replied is None:
                _refuse_to_wait(exchange, outcome)
                return False
            if exchange.withheld is None:
                exchange.withheld = []
                if exchange.route.chain.response_body and exchange.response.body == BODY_CHUNKED:
                    exchange.response.lose_length()  # what comes meanwhile is to be seen by them
            if exchange.carrier is not None:
                exchange.carrier.hold(HOLD_PENDING)
            _suspend(exchange, outcome, hooks, index, "response")
            return False
    exchange.answer_is_ready()
    return True


def _refuse_to_wait(exchange: Exchange, outcome: Awaitable[Any]) -> None:
    """Bytes of both sides would come before anybody knows whether there is a tunnel."""
    if asyncio.iscoroutine(outcome):
        outcome.close()
    exchange.fail(UpstreamError(502, "bad_upgrade", "a filter of this route cannot wait on an upgraded connection"))


def _suspend(exchange: Exchange, outcome: Awaitable[Any], hooks: Hooks, index: int, kind: str) -> None:
    """Let a Task wait for ``outcome`` of the hook before ``index``, and then go on with the others."""
    task = exchange.task = exchange.plane.loop.create_task(
        _resume(exchange, exchange.serial, outcome, hooks, index, kind)
    )
    exchange.set_deadline(exchange.route.answer_timeout)
    if asyncio.iscoroutine(outcome):
        # When the Task is cancelled before its first step, nobody has begun the coroutine, and Python would complain.
        task.add_done_callback(lambda _: outcome.close())


async def _resume(
    exchange: Exchange, serial: int, outcome: Awaitable[Any], hooks: Hooks, index: int, kind: str
) -> None:
    reply = None
    problem: Exception | None = None
    try:
        reply = await outcome
    except Exception as error:  # noqa: BLE001 - as above
        problem = error
    if exchange.serial != serial:
        return  # it went on without this Task, whose hook did not let itself be cancelled
    exchange.task = None
    if problem is not None:
        failed(exchange, hooks[index - 1], kind, problem)
    elif kind == "response":
        _go_on_leaving(exchange, hooks, index)
    elif reply is not None:
        exchange.reply(reply)
    else:
        exchange.sent = 0.0
        enter_and_dispatch(exchange, index)


def _go_on_leaving(exchange: Exchange, hooks: Hooks, index: int) -> None:
    serial = exchange.serial
    if exchange.carrier is not None:
        exchange.carrier.release(HOLD_PENDING)
    if not leave_and_send(exchange, hooks, index) or exchange.serial != serial:
        return
    withheld, exchange.withheld = exchange.withheld or [], None
    for data, payload, is_last in withheld:
        if is_last:
            exchange.on_last_body(data, payload)
        else:
            exchange.on_body(data, payload)


def failed(exchange: Exchange, hook: Callable[[Any], Any], kind: str, error: Exception) -> None:
    """End ``exchange`` over ``error``, which ``hook``, of this ``kind``, raised.

    A request may be refused by a ``GatewayError``; anything else, and anything behind the answer's head, is a bug of the filter.
    """
    if kind == "request" and isinstance(error, GatewayError):
        exchange.fail(error)
        return
    name = report_broken(exchange, hook, kind, error)
    where = "the request id finds the reason in the log" if exchange.request.request_id else "its log has the reason"
    exchange.fail(InternalError(500, "internal", f"the filter {name!r} of the gateway failed; {where}"))


def report_broken(exchange: Exchange, hook: Callable[[Any], Any], kind: str, error: Exception) -> str:
    """Let the log tell ``error``, and where it was; return the filter's name."""
    name = exchange.route.chain.name_of(hook)
    exchange.plane.report(
        "error",
        "a filter failed",
        filter=name,
        hook=kind,
        route=exchange.route.name,
        request_id=exchange.request.request_id.decode("latin-1"),
        error=error,
    )
    return name
