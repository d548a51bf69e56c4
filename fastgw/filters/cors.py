"""``cors``: which pages of other origins may read the answers (the CORS protocol of the Fetch standard).

A preflight is answered here, and no service sees it.  Every other answer says what this filter says, and nothing of what a service, or
whoever answers in its place, says of CORS.  The origin is that of the head as the client sent it, whatever other filters make of it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from fastgw.core import counters
from fastgw.core.exchange.mending import vary_by
from fastgw.core.exchange.reply import Reply
from fastgw.core.labels import DENIERS
from fastgw.errors import DownstreamError
from fastgw.wire.fields import find_field

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_DENIED = counters.ROUTE_DENIED + DENIERS.index("cors")
_ALLOW_ORIGIN: Final = b"access-control-allow-origin"
_LONGEST: Final = 300  #: bytes of an origin: a scheme, a name of 253, a port
_LABELS = re.compile(rb"[a-z0-9_-]+(\.[a-z0-9_-]+)*").fullmatch  # each byte has one reading: nothing is tried again
#: What an answer says of CORS.
_FIELDS: Final = (
    _ALLOW_ORIGIN,
    b"access-control-allow-credentials",
    b"access-control-allow-headers",
    b"access-control-allow-methods",
    b"access-control-expose-headers",
    b"access-control-max-age",
)


class Origins:
    """Origins that are allowed: some, and some with all names below a domain."""

    __slots__ = ("_below", "_exact", "is_any")

    def __init__(self, origins: Sequence[str]) -> None:
        """``origins``: as browsers write them, ``https://*.example.org``, or ``*`` alone."""
        self.is_any = "*" in origins
        self._exact = frozenset(one.encode() for one in origins if "*" not in one)
        wild = (one.encode().split(b"*") for one in origins if "://*." in one)
        self._below = tuple((begin, end) for begin, end in wild)

    def __contains__(self, origin: bytes) -> bool:
        if self.is_any or origin in self._exact:
            return True
        if len(origin) > _LONGEST:
            return False
        return any(
            origin.startswith(begin) and origin.endswith(end) and _LABELS(origin[len(begin) : -len(end)])
            for begin, end in self._below
        )


class Cors:
    """The filter."""

    __slots__ = ("_exposes", "_has_credentials", "_origins", "_preflight", "_refuses", "name")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``origins``, ``methods``, ``headers`` and ``expose``, texts; ``credentials``; ``max_age``, seconds;
        ``refuse_others``.
        """
        self.name = name
        self._origins = Origins(options["origins"])
        self._has_credentials: bool = options["credentials"]
        self._exposes = ", ".join(options["expose"]).encode()
        self._refuses: bool = options["refuse_others"]
        fields = [("access-control-allow-methods", ", ".join(options["methods"]))]
        if options["headers"]:
            fields.append(("access-control-allow-headers", ", ".join(options["headers"])))
        fields.append(("access-control-max-age", str(int(options["max_age"]))))
        self._preflight = Reply(204, headers=tuple(fields))

    def request(self, exchange: Exchange) -> Reply | None:
        """Answer a preflight; refuse other origins, if that is wanted."""
        head = exchange.request.head
        origin = find_field(head, b"origin")
        if origin is None:
            return None
        is_preflight = (
            exchange.request.method == b"OPTIONS" and find_field(head, b"access-control-request-method") is not None
        )
        if origin in self._origins:
            return self._preflight if is_preflight else None
        if is_preflight or self._refuses:
            exchange.plane.values[exchange.route.base + _DENIED] += 1
            detail = "pages of this origin may not ask here"
            reason = f"{detail}: {origin[:_LONGEST].decode('latin-1')!r}, says the filter {self.name!r}"
            raise DownstreamError(403, "origin_denied", detail, reason=reason)
        return None

    def response(self, exchange: Exchange) -> None:
        """Say who may read it, whoever has made it."""
        response = exchange.response
        if exchange.replied is not self._preflight and b"access-control-" in (response.fields + response.extra).lower():
            response.edit(_FIELDS, ())
        origins = self._origins
        if origins.is_any:
            allowed = b"*"
        else:
            origin = find_field(exchange.request.head, b"origin")
            allowed = origin if origin is not None and origin in origins else b""
            vary_by(response, (b"origin",))
        if not allowed:
            return
        response.add_header(_ALLOW_ORIGIN, allowed)
        if self._has_credentials:
            response.add_header(b"access-control-allow-credentials", b"true")
        if self._exposes and exchange.replied is not self._preflight:
            response.add_header(b"access-control-expose-headers", self._exposes)
