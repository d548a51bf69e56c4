"""``server_timing``: the answer says where its time went (``Server-Timing``, W3C Server Timing), for whoever measures from outside."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange


class ServerTiming:
    """The filter.  What comes behind the head of the answer nobody knows yet."""

    __slots__ = ("name",)

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: none."""
        self.name = name

    def response(self, exchange: Exchange) -> None:
        """Add the field; one of the service stays."""
        now = exchange.plane.clock()
        whole = now - exchange.started
        if exchange.asked and exchange.sent:  # else it was answered here
            before = exchange.sent - exchange.started
            told = b"gateway;dur=%.3f, service;dur=%.3f, total;dur=%.3f"
            value = told % (before * 1e3, (whole - before) * 1e3, whole * 1e3)
        else:
            value = b"total;dur=%.3f" % (whole * 1e3)
        exchange.response.edit((), [(b"server-timing", value)])
