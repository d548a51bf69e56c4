"""A route's mirror: which of its requests are copied to another service, and how many at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from fastgw.core import counters
from fastgw.core.mirror.client import IN_FLIGHT, TOO_LARGE, MirrorClient
from fastgw.core.snapshot.snapshot import Route
from fastgw.routing.split import Split
from fastgw.routing.sticky import sticky_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.settings import MirrorSettings, RouteSettings
    from fastgw.core.snapshot.roles import Destination
    from fastgw.core.snapshot.snapshot import Service

_SALT: Final = (
    b"mirror "  #: a split is chosen by the key alone; by the same number one part of it would be copied first
)


class Mirror:
    """Where copies of one route's requests go, and how many are under way."""

    __slots__ = ("_settings", "_sticky", "in_flight", "route")

    def __init__(self, name: str, slot: int, service: Destination, of: RouteSettings, settings: MirrorSettings) -> None:
        """``name``, ``slot``: by which its exchanges are counted; ``of``: the settings of the route that is copied."""
        self.route = Route(name, slot, of._replace(upgrades=()), service.without_retries())  #: its exchanges go by it
        self._settings = settings
        self.in_flight = 0
        self._sticky = of.sticky

    @property
    def services(self) -> Sequence[Service]:
        """See ``Copier``."""
        return self.route.services

    def copy(self, exchange: Exchange) -> MirrorClient | None:
        """See ``Copier``."""
        plane = exchange.plane
        if exchange.request.upgrade or plane.is_draining or not self._is_chosen(exchange):
            return None
        base = exchange.route.base
        plane.values[base + counters.ROUTE_MIRRORED] += 1
        if self.in_flight >= self._settings.max_in_flight:
            plane.values[base + counters.ROUTE_MIRROR_DROPPED + IN_FLIGHT] += 1
            return None
        if exchange.body.announced > self._settings.max_body:
            plane.values[base + counters.ROUTE_MIRROR_DROPPED + TOO_LARGE] += 1
            return None
        self.in_flight += 1
        return MirrorClient(exchange, self.route, self._settings, self._on_end)

    def _on_end(self) -> None:
        self.in_flight -= 1

    def _is_chosen(self, exchange: Exchange) -> bool:
        share = self._settings.share
        if share >= 1:
            return True
        key = sticky_key(exchange.request.header, self._sticky) if self._sticky else b""
        return (Split.sticky_fraction(_SALT + key) if key else exchange.plane.random()) < share
