"""Copies for versions that get nothing else: a mirror that belongs to a service, for each route that leads there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.mirror.client import MirrorClient
    from fastgw.core.mirror.mirror import Mirror
    from fastgw.core.snapshot.snapshot import Service


class Shadows:
    """The shadows of the services that one route leads to."""

    __slots__ = ("_mirrors",)

    def __init__(self, mirrors: Mapping[str, Mirror]) -> None:
        """``mirrors``: by the name of the service, a version, that the original goes to."""
        self._mirrors = dict(mirrors)

    @property
    def services(self) -> tuple[Service, ...]:
        """See ``Copier``."""
        return tuple(service for mirror in {*self._mirrors.values()} for service in mirror.services)

    def copy(self, exchange: Exchange) -> MirrorClient | None:
        """See ``Copier``."""
        mirror = self._mirrors.get(exchange.service.name)
        return None if mirror is None else mirror.copy(exchange)
