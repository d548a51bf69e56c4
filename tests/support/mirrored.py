"""An Edge whose route has a mirror: a second service, which gets copies."""

from __future__ import annotations

from typing import Any

from fastgw.core import counters
from fastgw.core.labels import MIRROR_CAUSES
from fastgw.core.mirror.mirror import Mirror
from fastgw.core.settings import MirrorSettings
from fastgw.testing import usual
from fastgw.testing.edge import Edge
from fastgw.testing.mock import MockTransport

SLOT = 20  #: counters of what is sent to the mirror
SHADOW = 9500  #: port of its service

USUAL = MirrorSettings(share=1.0, max_body=64 * 1024, max_in_flight=64, credentials="drop")


class MirroredEdge(Edge):
    """``edge.shadow()`` is the connection that the mirror's service gets, as ``edge.original()`` is that of the route's."""

    def __init__(self, *, mirror: dict[str, Any] | None = None, pool: Any = None, **options: Any) -> None:
        super().__init__(pool=pool, **options)
        self.endpoints.append(self.endpoint(SHADOW, len(self.endpoints), pool))
        self.shadow_service = usual.service("shadow", (self.endpoints[-1],), balancer=self.service.balancer)
        self.mirror = Mirror(
            "all:mirror", SLOT, self.shadow_service, self.route.settings, USUAL._replace(**(mirror or {}))
        )
        object.__setattr__(self.route, "mirror", self.mirror)
        self.install(self.listener, self.service, self.shadow_service)

    def original(self) -> MockTransport:
        """The next connection to the service of the route is there."""
        return self.connect(port=9000)

    def shadow(self) -> MockTransport:
        """The next connection to the service of the mirror is there."""
        return self.connect(port=SHADOW)

    def refuse_shadow(self) -> None:
        """It is not."""
        next(one for one in self.attempts if one.target.get("port") == SHADOW).fail(ConnectionRefusedError("refused"))
        self.run()

    @property
    def wants_shadow(self) -> bool:
        """Whether a connection to the service of the mirror is asked for."""
        return any(one.target.get("port") == SHADOW for one in self.attempts)

    @property
    def mirrored(self) -> int:
        """Requests that were to be copied."""
        return self.of_route(counters.ROUTE_MIRRORED)

    @property
    def dropped(self) -> dict[str, int]:
        """Copies that got no answer, by cause, where there are any."""
        found = {
            cause: self.of_route(counters.ROUTE_MIRROR_DROPPED + place) for place, cause in enumerate(MIRROR_CAUSES)
        }
        return {cause: number for cause, number in found.items() if number}

    def end(self) -> None:
        super().end()
        assert self.mirror.in_flight == 0
