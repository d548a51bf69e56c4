"""Brokers of MQTT, each asked once whether it accepts the gateway."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Final

from fastgw.cli.tries import FailedError, Referred, Usable
from fastgw.config.source import TreePath
from fastgw.config.spec import GatewaySpec
from fastgw.core.bridge_settings import BrokerAddress, MqttBridgeSettings

SECONDS: Final = 5.0  #: for its answer


def broker_references(spec: GatewaySpec) -> Iterator[Referred]:
    """Those of adapters of routes, and those whose messages are requests; each address once for each user."""
    links: list[tuple[MqttBridgeSettings, TreePath]] = [
        (one.adapter, ("routes", place, "adapter", "mqtt"))
        for place, one in enumerate(spec.routes)
        if one.adapter is not None
    ]
    links += [(one.link, ("mqtt", one.name)) for one in spec.mqtt]
    found: dict[tuple[BrokerAddress, object], tuple[MqttBridgeSettings, list[TreePath]]] = {}
    for link, where in links:
        who = link.version, link.username, link.password, link.tls
        for address in link.brokers:
            found.setdefault((address, who), (link, []))[1].append(where)
    for (address, _), (link, paths) in found.items():
        yield Referred("mqtt", str(address), tuple(paths), partial(_try_broker, address, link))


async def _try_broker(address: BrokerAddress, link: MqttBridgeSettings) -> Usable:
    import secrets

    from fastgw.adapters.mqtt_broker import BrokerConnection, BrokerError, BrokerTerms
    from fastgw.config.tls import client_context

    client_id = f"fastgw-{secrets.token_hex(15)}"
    terms = BrokerTerms(link.version, client_id, link.username, link.password, link.keep_alive, 0, 1, 65536, None, ())
    connection = BrokerConnection(terms, _Nobody(), is_new=True)
    try:
        await connection.connect(address, None if link.tls is None else client_context(link.tls, ()), SECONDS)
    except BrokerError as error:
        raise FailedError(error.cause, str(error)) from None
    most = connection.offer.qos_most
    connection.close()
    warnings = (f"it takes QoS {most} and no more, and {link.qos} is asked for",) if most < link.qos else ()
    return Usable(f"accepts this gateway by MQTT {'5' if link.version == 5 else '3.1.1'}", warnings)


class _Nobody:
    """Who has the connection for a moment."""

    def on_message(self, delivery: object) -> None:
        """Nothing is subscribed to."""

    def on_acknowledged(self, mid: int, reason: int) -> None:
        """Nothing is published."""

    def on_subscribed(self, mid: int, reasons: object) -> None:
        """As above."""

    def on_lost(self, reason: int) -> None:
        """It was accepted, which is all."""
