"""Which protocols are spoken, to clients and to services: the one place that knows them all."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.core.http1.client import Http1Client
from fastgw.core.http1.pool import Http1Pool
from fastgw.core.settings import AUTO, HTTP1, MQTT, WEBSOCKET

if TYPE_CHECKING:
    from fastgw.core.dataplane import DataPlane
    from fastgw.core.exchange.ends import Client
    from fastgw.core.live.endpoint import Endpoint
    from fastgw.core.live.pool import Pool
    from fastgw.core.plane import Plane
    from fastgw.core.snapshot.snapshot import Listener


def _http2_client(plane: DataPlane, listener: Listener) -> Client:
    from fastgw.core.http2.client import Http2Client  # which a worker without it does not need

    return Http2Client(plane, listener)


def _mqtt_client(plane: DataPlane, listener: Listener) -> Client:
    from fastgw.core.mqtt.client import MqttClient  # which a worker without it does not need

    return MqttClient(plane, listener)


#: What clients may speak, by the names that ALPN has for it (RFC 7301 section 6); of what a client offers the first here is chosen.
CLIENTS: Final[Mapping[str, Callable[[DataPlane, Listener], Client]]] = {
    "h2": _http2_client,
    "http/1.1": Http1Client,
    "http/1.0": Http1Client,
    MQTT: _mqtt_client,
}
UNSAID: Final = "http/1.1"  #: what is spoken where a client has not said


def make_client(plane: DataPlane, listener: Listener, protocol: str | None) -> Client:
    """The end of a connection that ``listener`` has accepted, and on which ALPN has chosen ``protocol`` (None: there was no choice)."""
    plane.speak_http2 = speak_http2  # behind a PROXY header too
    return CLIENTS[protocol or (UNSAID if MQTT not in listener.protocols else MQTT)](plane, listener)


def client_factory(plane: DataPlane, name: str, protocols: Collection[str] = ()) -> Callable[[], Any]:
    """What makes the protocol of each connection that the plain listener ``name``, which speaks ``protocols``, accepts: a ``Client``, and
    for a loop what it asks of a protocol (a compiled class cannot derive from asyncio's)."""
    plane.speak_http2 = speak_http2
    if MQTT in protocols:
        return lambda: _mqtt_client(plane, plane.listeners[name])
    return lambda: Http1Client(plane, plane.listeners[name])


def speak_http2(first: Client, data: bytes) -> None:
    """``first`` has read the first line of HTTP/2's preface, and ``data`` behind it: go on with its connection (RFC 9113 section 3.3)."""
    plane: Any = first.plane  # type: ignore[attr-defined]
    made: Any = _http2_client(plane, first.listener)
    made.take_over(first, data)


def make_pool(endpoint: Endpoint, plane: Plane) -> Pool:
    """The pool of a new endpoint."""
    key = endpoint.key
    if key.protocol == HTTP1 or (key.protocol == AUTO and key.tls is None):
        return Http1Pool(endpoint, plane)
    if key.protocol == WEBSOCKET:
        from fastgw.core.websocket.pool import WebSocketPool  # as the next

        return WebSocketPool(endpoint, plane)
    if key.protocol == MQTT:
        from fastgw.core.mqtt.carrier import MqttPool  # as the next

        return MqttPool(endpoint, plane)
    from fastgw.core.http2.pool import Http2Pool  # which a worker without such a service does not need

    return Http2Pool(endpoint, plane)
