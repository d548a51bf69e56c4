"""The connections of one worker to an endpoint that speaks WebSocket only: ``Http1Pool``, whose connections carry one exchange each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from fastgw.core.http1.connecting import open_carrier
from fastgw.core.http1.pool import Http1Pool
from fastgw.core.websocket.carrier import WebSocketCarrier

if TYPE_CHECKING:
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.plane import Plane


class WebSocketPool(Http1Pool):
    """Those of one endpoint; at rest are only those that were opened beforehand."""

    __slots__ = ("_for",)

    def __init__(self, endpoint: Endpoint, plane: Plane) -> None:
        Http1Pool.__init__(self, endpoint, plane)
        self.takes_chunks = False
        self._for = endpoint, plane  # once more: those of the base are for C alone

    def on_leaving(self, carrier: WebSocketCarrier) -> None:
        """``carrier`` has had its exchange, and waits for the service to end the connection: another may be opened in its place."""
        if carrier.is_member:
            carrier.is_member = False
            self.size -= 1
            self._open_if_needed()

    async def open_connection(self) -> Any:
        """See ``Http1Pool``."""
        return await open_carrier(self, *self._for, WebSocketCarrier)
