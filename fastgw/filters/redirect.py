"""``redirect``: who asks in one scheme is sent to another place, by default from http to the same of https."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastgw.core.exchange.reply import Reply
from fastgw.errors import DownstreamError
from fastgw.filters.variables import Template
from fastgw.wire.errors import WireError
from fastgw.wire.location import safe_location

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


class SchemeRedirect:
    """The filter."""

    __slots__ = ("_scheme", "_status", "_template", "name")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``to``, literal text and names of variables; ``scheme``: http, https or any; ``status``."""
        self.name = name
        self._scheme = b"" if options["scheme"] == "any" else options["scheme"].encode()
        self._template = Template(options["to"])
        self._status: int = options["status"]

    def request(self, exchange: Exchange) -> Reply | None:
        """Answer it, if it came in the scheme."""
        if self._scheme and self._scheme != (exchange.request.forwarded_proto.lower() or exchange.listener.scheme):
            return None
        try:
            location = safe_location(self._template.fill(exchange))
        except WireError as error:
            raise DownstreamError(error.status, error.code, error.detail) from None
        return Reply(self._status, headers=(("location", location.decode("ascii")),))
