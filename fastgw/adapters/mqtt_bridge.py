"""A route that leads to a broker of MQTT: who carries what asks there.

a WebSocket ──▶ ``mqtt_socket``: messages both ways
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.adapters.local import LocalCarrier, LocalPool, pooled_service
from fastgw.adapters.mqtt_session import Bridge
from fastgw.adapters.mqtt_socket import BridgeSocket
from fastgw.errors import DownstreamError

if TYPE_CHECKING:
    import ssl

    from fastgw.adapters.mqtt_session import VariableReader
    from fastgw.core.bridge_settings import MqttBridgeSettings
    from fastgw.core.exchange.ends import Exchange
    from fastgw.core.snapshot.snapshot import Service


class BridgePool(LocalPool):
    """The endpoint that a broker is."""

    __slots__ = ("_bridge",)

    def __init__(self, bridge: Bridge) -> None:
        LocalPool.__init__(self, _Refusal)
        self._bridge = bridge

    def acquire(self, exchange: Exchange) -> LocalCarrier:
        """See ``Pool``."""
        if exchange.request.upgrade == b"websocket":
            return BridgeSocket(self._bridge)
        return _Refusal()


class _Refusal(LocalCarrier):
    """Carries an exchange that asks for nothing that is here."""

    __slots__ = ()

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``.

        Raises:
            DownstreamError: 426, it asks for no WebSocket.
        """
        headers = (("upgrade", "websocket"),)
        raise DownstreamError(426, "upgrade_required", "this route speaks WebSocket alone", headers=headers)


def mqtt_service(settings: MqttBridgeSettings, reader: VariableReader, tls: ssl.SSLContext | None) -> Service:
    """What a route with ``adapter: {mqtt: ...}`` leads to."""
    return pooled_service("mqtt", BridgePool(Bridge(settings, reader, tls)))
