"""Requests that no route takes: their errors are those of the routes they are nearest to, and ``OPTIONS *`` is answered here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.core.exchange.reply import Reply
from fastgw.errors import DownstreamError
from fastgw.routing.nearest import Nearest
from fastgw.routing.rule import accepted

if TYPE_CHECKING:
    from collections.abc import Callable

    from fastgw.core.exchange.relay import Exchange
    from fastgw.core.snapshot.snapshot import Route
    from fastgw.routing import Router


class Fallbacks:
    """The routes of a listener for what matches none: one for each way its routes tell errors, alike but for that."""

    __slots__ = ("_by_format", "_nearest", "first")

    def __init__(self, router: Router[Route], make: Callable[[str], Route]) -> None:
        """``make``: the fallback route with the error format it is given."""
        rules = [(rule.host, rule.path, rule.payload.settings.errors) for rule in router.rules]
        formats = {word for _, _, word in rules} or {"problem"}
        self._by_format = {word: make(word) for word in formats}
        self._nearest = Nearest(rules) if len(formats) > 1 else None
        #: Of what has no path either: the format of all routes, or a problem document.
        self.first = next(iter(self._by_format.values())) if len(formats) == 1 else self._by_format["problem"]

    def find(self, host: bytes, path: bytes) -> Route:
        """The route of a request that no rule matches."""
        if self._nearest is None:
            return self.first
        return self._by_format[self._nearest.find(host, path)]


def allowed(router: Router[Route], served: frozenset[bytes]) -> str:
    """The methods that some path of a listener takes, as ``Allow`` lists them: the answer to ``OPTIONS *`` (RFC 9110 section 9.3.7)."""
    if any(not rule.methods for rule in router.rules):
        names = {method.decode() for method in served}
    else:
        names = {"OPTIONS"}.union(*(accepted(rule.methods) for rule in router.rules))
    return ", ".join(sorted(names))


def answer(exchange: Exchange) -> None:
    """Answer a request that no route takes: 204 to ``OPTIONS *``, else 405 where another method would have been taken, or 404."""
    request = exchange.request
    listener = exchange.listener
    if request.path == b"*":
        exchange.reply(Reply(204, headers=(("allow", listener.allow),)))
        return
    methods = listener.router.allowed(request.host, request.original_path or request.path)
    if methods:
        allow = ", ".join(methods)
        headers = (("allow", allow),)
        exchange.fail(DownstreamError(405, "method_not_allowed", f"this path takes {allow}", headers=headers))
    else:
        exchange.fail(DownstreamError(404, "no_route", "no route matches this request"))
