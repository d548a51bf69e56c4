"""Requests that no route takes: an error, and ``OPTIONS *`` is answered here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.core.exchange.reply import Reply
from fastgw.errors import DownstreamError

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


def answer(exchange: Exchange) -> None:
    """Answer a request that no route takes: 204 to ``OPTIONS *``, else 405 where another method would have been taken, or 404."""
    request = exchange.request
    listener = exchange.listener
    if request.path == b"*":
        exchange.reply(Reply(204, headers=(("allow", listener.allow),)))
        return
    methods = listener.router.allowed(request.host, request.matched_path)
    if methods:
        allow = ", ".join(methods)
        headers = (("allow", allow),)
        exchange.fail(DownstreamError(405, "method_not_allowed", f"this path takes {allow}", headers=headers))
    else:
        exchange.fail(DownstreamError(404, "no_route", "no route matches this request"))
