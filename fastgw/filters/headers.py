"""``headers``: fields of requests and answers are set, added and removed, their values made of variables where they have some.

A field whose value is empty, because its variables are, is not sent; what ``set`` would have replaced is not either.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from fastgw.filters.variables import Template

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


class _Changes:
    """What is done to the fields of one message."""

    __slots__ = ("_added", "_removed")

    def __init__(self, pairs: Iterable[tuple[str, Any]]) -> None:
        """``pairs``: of ``set`` and ``add``, which have pairs of lower-case names and values, and of ``remove``, names."""
        options = dict(pairs)
        given, more = dict(options.get("set", ())), dict(options.get("add", ()))
        self._removed = tuple(name.encode() for name in (*options.get("remove", ()), *given))
        self._added = [(name.encode(), Template(value)) for name, value in given.items()]
        self._added += [(name.encode(), Template(value)) for name, values in more.items() for value in values]

    def __bool__(self) -> bool:
        return bool(self._removed or self._added)

    def make(self, exchange: Exchange, message: Any) -> None:
        """Change ``message``, the request or the answer of ``exchange``; raise ValueError for a value that no field can have."""
        filled = [(name, template.fill(exchange)) for name, template in self._added]
        message.edit(self._removed, [line for line in filled if line[1]])


class Headers:
    """Changes the fields of requests, or answers, or both."""

    __slots__ = ("_request", "_response", "name", "request", "response")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``request`` and ``response``, as pairs of ``set``, ``add`` and ``remove`` and what they say."""
        self.name = name
        self._request = _Changes(options.get("request", ()))
        self._response = _Changes(options.get("response", ()))
        # A hook that has nothing to do is none.
        self.request = self._change_request if self._request else None
        self.response = self._change_response if self._response else None

    def _change_request(self, exchange: Exchange) -> None:
        self._request.make(exchange, exchange.request)

    def _change_response(self, exchange: Exchange) -> None:
        self._response.make(exchange, exchange.response)
