"""``ip_rules``: which addresses may pass.  The first rule that has the address of the client decides, as in nginx."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from fastgw.core import counters
from fastgw.core.labels import DENIERS
from fastgw.errors import DownstreamError
from fastgw.filters.networks import Networks

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange

_DENIED = counters.ROUTE_DENIED + DENIERS.index("ip_rules")


class IpRules:
    """The filter."""

    __slots__ = ("_is_allowed", "_is_allowed_otherwise", "_networks", "_rules", "name")

    def __init__(self, name: str, options: Mapping[str, Any]) -> None:
        """``options``: ``rules``, each the word allow or deny and a network in CIDR form, or all; ``otherwise``: allow or deny."""
        self.name = name
        self._rules: tuple[tuple[str, str], ...] = options["rules"]
        self._networks = Networks([network for _, network in self._rules])
        self._is_allowed = [word == "allow" for word, _ in self._rules]
        self._is_allowed_otherwise = options["otherwise"] == "allow"

    def request(self, exchange: Exchange) -> None:
        """Let it pass, or refuse it."""
        place = self._networks.first(exchange.client.address)
        if self._is_allowed[place] if place >= 0 else self._is_allowed_otherwise:
            return
        exchange.plane.values[exchange.route.base + _DENIED] += 1
        rule = " ".join(self._rules[place]) if place >= 0 else "no rule has it"
        detail = "requests of this address are not accepted here"
        raise DownstreamError(403, "address_denied", detail, reason=f"{detail}: {rule}, says the filter {self.name!r}")
