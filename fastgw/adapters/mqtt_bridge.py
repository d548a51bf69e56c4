"""A route that leads to a broker of MQTT: who carries what asks there.

a WebSocket ──▶ ``mqtt_socket``: messages both ways
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.adapters.local import LocalCarrier, LocalPool, pooled_service
from fastgw.adapters.mqtt_http import EVENTS, PostCarrier, StreamCarrier
from fastgw.adapters.mqtt_hub import Hub
from fastgw.adapters.mqtt_session import Bridge
from fastgw.adapters.mqtt_shared import Publisher
from fastgw.adapters.mqtt_socket import BridgeSocket
from fastgw.errors import DownstreamError

if TYPE_CHECKING:
    import ssl

    from fastgw.adapters.mqtt_session import VariableReader
    from fastgw.adapters.mqtt_shared import TopicFeed
    from fastgw.core.bridge_settings import MqttBridgeSettings
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.snapshot.snapshot import Service


class BridgePool(LocalPool):
    """The endpoint that a broker is, with what requests of a worker share there."""

    __slots__ = ("_bridge", "_feeds", "_hub", "_publisher")

    def __init__(self, bridge: Bridge) -> None:
        LocalPool.__init__(self, lambda: _Refusal(bridge))
        self._bridge = bridge
        self._publisher: Publisher | None = None  # from the first POST on
        self._hub: Hub | None = None  # from the first WebSocket on, where they share a connection
        self._feeds: dict[tuple[str, ...], TopicFeed] = {}  # by their filters, while anybody listens

    def acquire(self, exchange: Exchange) -> LocalCarrier:
        """See ``Pool``."""
        bridge, request = self._bridge, exchange.request
        if request.upgrade == b"websocket":
            if bridge.settings.connections == "shared" and self._hub is None:
                self._hub = Hub(bridge, exchange.plane)
            return BridgeSocket(bridge, self._hub)
        if request.method == b"POST" and bridge.takes_messages:
            if self._publisher is None:
                self._publisher = Publisher(bridge, exchange.plane)
            return PostCarrier(bridge, self._publisher)
        if request.method == b"GET" and EVENTS in (request.header(b"accept") or b"") and bridge.settings.subscribe:
            return StreamCarrier(bridge, self._feeds)
        return LocalPool.acquire(self, exchange)


class _Refusal(LocalCarrier):
    """Carries an exchange that asks for nothing that is here."""

    __slots__ = ("_bridge",)

    def __init__(self, bridge: Bridge) -> None:
        LocalCarrier.__init__(self)
        self._bridge = bridge

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``.

        Raises:
            DownstreamError: 405 or 426.
        """
        methods = ["GET"] + ["POST"] * self._bridge.takes_messages
        if exchange.request.method.decode("latin-1") not in methods:
            headers = (("allow", ", ".join(methods)),)
            raise DownstreamError(405, "method_not_allowed", "this is no way to a broker", headers=headers)
        spoken = "WebSocket" + ", or text/event-stream if it is accepted" * bool(self._bridge.settings.subscribe)
        detail = f"this route speaks {spoken}"
        raise DownstreamError(426, "upgrade_required", detail, headers=(("upgrade", "websocket"),))


def mqtt_service(settings: MqttBridgeSettings, reader: VariableReader, tls: ssl.SSLContext | None) -> Service:
    """What a route with ``adapter: {mqtt: ...}`` leads to."""
    return pooled_service("mqtt", BridgePool(Bridge(settings, reader, tls)))
