"""Walking a route's filters: in with the request, out with the answer.

A hook that returns an awaitable suspends its exchange, not the connection: a Task waits for it and then walks on.  Body bytes that arrive
meanwhile are held (bounded, the sender is paused).  A client that goes away cancels the Task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.exchange.about import TRACE, report
from fastgw.core.exchange.deadlines import HOOKS
from fastgw.core.exchange.reply import Reply
from fastgw.core.labels import FILTER_CAUSES
from fastgw.core.net.connection import HOLD_PENDING
from fastgw.errors import FilterUnavailableError, GatewayError, InternalError, UpstreamError
from fastgw.wire.messages import BODY_CHUNKED

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


Hooks = tuple[Callable[[Any], Any], ...]
_ERROR, _UNAVAILABLE, _TIMEOUT = range(len(FILTER_CAUSES))


#: What the awaitable of a hook of each kind may have as its result; that of a body hook: bytes.
_RESULTS: Final[dict[str, Any]] = {"request": Reply | None, "response": object}


class _Waiting:
    """A hook that has returned an awaitable, and what comes behind it."""

    __slots__ = ("go_on", "hook", "kind", "task")

    def __init__(self, hook: Callable[[Any], Any], kind: str, go_on: Callable[[Any], None]) -> None:
        """``go_on``: called with the result, or with None where the exchange goes on without it."""
        self.hook = hook
        self.kind = kind
        self.go_on = go_on
        self.task: asyncio.Task[None] | None = None

    def cancel(self) -> None:
        """It need not decide any more."""
        assert self.task is not None
        self.task.cancel()


def enter_and_dispatch(exchange: Exchange, index: int) -> None:
    """Run the request hooks from ``index`` on, then send the request to its service."""
    hooks = exchange.route.chain.request
    while index < len(hooks):
        exchange.entered = index + 1
        try:
            outcome = hooks[index](exchange)
        except Exception as error:  # noqa: BLE001 - whatever a filter raises ends this exchange, not the worker
            if not goes_on(exchange, hooks[index], "request", error):
                return
            outcome = None
        index += 1
        if outcome is not None:
            if isinstance(outcome, Reply):
                exchange.reply(outcome)
            else:
                wait(exchange, outcome, hooks[index - 1], "request", partial(_go_on_entering, exchange, index))
            return
    exchange.entered = len(hooks) + 1
    exchange.dispatch()


def trace_of(exchange: Exchange) -> Any:
    """The trace in which ``exchange`` is recorded; None: it is not."""
    notes = exchange.notes
    return None if notes is None else notes.get(TRACE)


def before_routing(exchange: Exchange) -> Reply | GatewayError | None:
    """Run the request hooks that a listener has before it looks for a route; None: all of them let the request on."""
    outcome: Any
    for index, hook in enumerate(exchange.listener.before or ()):
        exchange.entered = index + 1
        try:
            outcome = hook(exchange)
            if outcome is not None and not isinstance(outcome, Reply):
                if asyncio.iscoroutine(outcome):
                    outcome.close()
                raise TypeError("before routing a request hook returns a Reply or None, and cannot wait")
        except Exception as error:  # noqa: BLE001 - as above
            outcome = problem(exchange, hook, "request", error)
        if isinstance(outcome, Reply | GatewayError):
            return outcome
    return None


def leave_and_send(exchange: Exchange, hooks: Hooks, index: int) -> bool:
    """Run the response hooks from ``index`` on, then let the answer go; False: it does not go yet, or not this one."""
    exchange.is_leaving = True
    while index < len(hooks):
        try:
            outcome = hooks[index](exchange)
        except Exception as error:  # noqa: BLE001 - as above
            if not goes_on(exchange, hooks[index], "response", error):
                return False
            outcome = None
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
            exchange.phase = HOOKS  # what the client still sends does not change how long the hook may wait
            wait(exchange, outcome, hooks[index - 1], "response", partial(_go_on_leaving, exchange, hooks, index))
            return False
    exchange.answer_is_ready()
    return True


def _refuse_to_wait(exchange: Exchange, outcome: Awaitable[Any]) -> None:
    """Bytes of both sides would come before anybody knows whether there is a tunnel."""
    if asyncio.iscoroutine(outcome):
        outcome.close()
    exchange.fail(UpstreamError(502, "bad_upgrade", "a filter of this route cannot wait on an upgraded connection"))


def wait(
    exchange: Exchange,
    outcome: Awaitable[Any],
    hook: Callable[[Any], Any],
    kind: str,
    go_on: Callable[[Any], None],
) -> None:
    """Let a Task wait for ``outcome`` of ``hook``, as long as its filter may, then ``go_on``: see ``_Waiting``."""
    trace = trace_of(exchange)
    if trace is not None:
        go_on = trace.watched(exchange.route.chain.name_of(hook), kind, go_on)
    waiting = exchange.waiting = _Waiting(hook, kind, go_on)
    task = waiting.task = exchange.plane.loop.create_task(_resume(exchange, waiting, outcome))
    exchange.set_deadline(exchange.route.chain.mode_of(hook).settings.timeout)
    if asyncio.iscoroutine(outcome):
        # When the Task is cancelled before its first step, nobody has begun the coroutine, and Python would complain.
        task.add_done_callback(lambda _: outcome.close())


async def _resume(exchange: Exchange, waiting: _Waiting, outcome: Awaitable[Any]) -> None:
    result = None
    problem: Exception | None = None
    try:
        result = await outcome
        if not isinstance(result, _RESULTS.get(waiting.kind, bytes)):
            raise TypeError(f"what a {waiting.kind} hook returned has {type(result).__name__} as its result")
    except asyncio.CancelledError:
        if exchange.waiting is not waiting:
            raise
        problem = RuntimeError("what the hook waits for was cancelled")
    except Exception as error:  # noqa: BLE001 - as above
        problem = error
    if exchange.waiting is not waiting:
        return  # it went on without this Task, whose hook did not let itself be cancelled
    exchange.waiting = None
    if problem is None or goes_on(exchange, waiting.hook, waiting.kind, problem):
        waiting.go_on(result if problem is None else None)


def _go_on_entering(exchange: Exchange, index: int, reply: Reply | None) -> None:
    """The request hook before ``index`` has decided, or nobody waits for it any more."""
    if reply is not None:
        exchange.reply(reply)
    else:
        exchange.sent = 0.0
        enter_and_dispatch(exchange, index)


def _go_on_leaving(exchange: Exchange, hooks: Hooks, index: int, _: object) -> None:
    """The same of a response hook, whose result says nothing."""
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


def on_deadline(exchange: Exchange, now: float) -> bool:
    """A hook has waited for as long as its filter may: go on without it, if that is its failure mode.  False: it is over in another way."""
    waiting: _Waiting | None = exchange.waiting
    if waiting is None or (exchange.last and now >= exchange.last):
        return False
    hook, chain = waiting.hook, exchange.route.chain
    problem = TimeoutError(f"no decision within {chain.mode_of(hook).settings.timeout:g} s")
    report_broken(exchange, hook, waiting.kind, problem, _TIMEOUT)
    if not chain.mode_of(hook).is_open:
        return False
    exchange.waiting = None
    waiting.cancel()
    waiting.go_on(None)
    return True


def goes_on(exchange: Exchange, hook: Callable[[Any], Any], kind: str, error: Exception) -> bool:
    """``hook``, of this ``kind``, raised ``error``: whether ``exchange`` goes on without it, or has been ended over it."""
    found = problem(exchange, hook, kind, error)
    if found is not None:
        exchange.fail(found)
    return found is None


def problem(exchange: Exchange, hook: Callable[[Any], Any], kind: str, error: Exception) -> GatewayError | None:
    """What the client of ``exchange`` is told where ``hook``, of this ``kind``, raised ``error``; None: nothing, it goes on without it.

    A request, and a body that nothing has passed of, may be refused by a ``GatewayError``, and an answer by one that has another with it;
    anything else is a failure of the filter.
    """
    if isinstance(error, GatewayError) and not isinstance(error, FilterUnavailableError):
        if kind != "response" or error.answer is not None:
            return error
    if exchange.route.chain.mode_of(hook).is_open:
        report_broken(exchange, hook, kind, error)
        return None
    return failure(exchange, hook, kind, error)


def failure(exchange: Exchange, hook: Callable[[Any], Any], kind: str, error: Exception) -> GatewayError:
    """What the client is told where a filter has failed that nothing goes on without."""
    name = report_broken(exchange, hook, kind, error)
    if isinstance(error, FilterUnavailableError):
        return error
    where = "the request id finds the reason in the log" if exchange.request.request_id else "its log has the reason"
    return InternalError(500, "internal", f"the filter {name!r} of the gateway failed; {where}")


def report_broken(
    exchange: Exchange, hook: Callable[[Any], Any], kind: str, error: Exception, cause: int = _ERROR
) -> str:
    """Count that the filter with ``hook`` failed, and let the log tell ``error``, and where it was; return the filter's name."""
    if isinstance(error, FilterUnavailableError):
        cause = _UNAVAILABLE
    chain = exchange.route.chain
    name, mode = chain.name_of(hook), chain.mode_of(hook)
    exchange.plane.values[mode.base + counters.FILTER_FAILURES + cause] += 1
    report(
        exchange,
        "error",
        "a filter failed",
        filter=name,
        hook=kind,
        route=exchange.route.name,
        cause=FILTER_CAUSES[cause],
        on_failure=mode.settings.on_failure,
        error=error.reason if isinstance(error, FilterUnavailableError) else error,
    )
    return name
