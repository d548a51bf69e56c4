"""What the log is told about an exchange, with what it is found by elsewhere: the id of the request, and those of its trace."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

#: The note in which the trace of an exchange is that is recorded (``filters.trace``).
TRACE: Final = "trace"


def report(exchange: Exchange, level: str, event: str, /, **fields: Any) -> None:
    """As ``Plane.report``, of something that has to do with ``exchange``."""
    exchange.plane.report(level, event, **fields, **ids(exchange))


def ids(exchange: Exchange) -> dict[str, str]:
    """``request_id`` where the request has one, ``trace_id`` and ``span_id`` where there are traces."""
    found = {"request_id": exchange.request.request_id} if exchange.request.request_id else {}
    if exchange.route.chain.is_traced:
        found |= zip(("trace_id", "span_id"), trace_ids(exchange), strict=True)
    return {name: value.decode("latin-1") for name, value in found.items() if value}


def trace_ids(exchange: Exchange) -> tuple[bytes, bytes]:
    """The ids of the trace that ``exchange`` is part of, and of its span; empty: it is part of none.

    Of what is not recorded the span is the one that the service is told of: that of the caller, where there is one."""
    from fastgw.wire.trace_context import PARENT, read_parent  # which few workers need

    trace = None if exchange.notes is None else exchange.notes.get(TRACE)
    if trace is not None:
        return trace.id, trace.span
    found = read_parent(exchange.request.forwarded(PARENT) or b"")
    return (b"", b"") if found is None else found[:2]
