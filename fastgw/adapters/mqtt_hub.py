"""One connection to a broker for all WebSockets of a route in a worker (``connections: shared``), where one for each would be too many.

    HubClient ── publish ──▶ Hub ──▶ MqttLink        each within its own window, in the order in which they said it
              ◀── on_message ── by topic ◀──         subscribed to once: ``devices/{id}/down`` is ``devices/+/down``

Which of them hears a message is decided here, by the filters of each; those without a wildcard are found by a look-up.  The broker gets its
PUBACK when a message is given to them: would it wait for the slowest, that would hold up all.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from fastgw.adapters.mqtt_link import MqttLink, Outgoing
from fastgw.adapters.mqtt_shared import IDLE_SECONDS
from fastgw.wire.mqtt_topics import TopicFilter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastgw.adapters.mqtt_broker import BrokerError, Delivery
    from fastgw.adapters.mqtt_link import LinkOwner
    from fastgw.adapters.mqtt_session import Bridge
    from fastgw.core.bridge_settings import TopicParts
    from fastgw.core.plane import Plane

WINDOW: Final = 1024  #: messages of all clients together without an acknowledgement, as far as the broker takes them
_ANY: Final = "\0"


class Hub:
    """The connection, and who hears what of it."""

    __slots__ = ("_bridge", "_clients", "_exact", "_filters", "_link", "_timer", "_wild", "plane")

    def __init__(self, bridge: Bridge, plane: Plane) -> None:
        self._bridge = bridge
        self.plane = plane
        self._filters = tuple(dict.fromkeys(map(_for_all, bridge.settings.subscribe)))
        self._link: MqttLink | None = None
        self._clients: set[HubClient] = set()
        self._exact: dict[str, set[HubClient]] = {}  # by topics, which are filters without a wildcard
        self._wild: dict[HubClient, list[TopicFilter]] = {}
        self._timer: asyncio.TimerHandle | None = None  # while nobody is here

    @property
    def is_ready(self) -> bool:
        """Whether the broker has the subscriptions."""
        return self._link is not None and self._link.is_ready

    @property
    def serial(self) -> int:
        """Of the connection."""
        return self._link.serial if self._link is not None else 0

    def join(self, client: HubClient) -> None:
        """One more; ``on_up`` of its owner follows."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._clients.add(client)
        for one in client.filters:
            if set(one.text) & set("+#"):
                self._wild.setdefault(client, []).append(one)
            else:
                self._exact.setdefault(one.text, set()).add(client)
        if self._link is None:
            bridge, settings = self._bridge, self._bridge.settings._replace(window=WINDOW)
            self._link = MqttLink(
                self.plane, settings, bridge.shared_terms(), self._filters, bridge.tls, self, bridge.make
            )
            self._link.open()
        elif self.is_ready:
            self.plane.loop.call_soon(client.on_up)

    def leave(self, client: HubClient) -> None:
        """One less."""
        self._clients.discard(client)
        self._wild.pop(client, None)
        for one in client.filters:
            found = self._exact.get(one.text)
            if found is not None:
                found.discard(client)
                if not found:
                    del self._exact[one.text]
        if not self._clients and self._link is not None and self._timer is None:
            self._timer = self.plane.loop.call_later(IDLE_SECONDS, self._end)

    def _end(self) -> None:
        self._timer = None
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def publish(self, message: Outgoing) -> None:
        """``message``, whose token is the client's and what it knows it by."""
        if self._link is not None:
            self._link.publish(message)

    # --- what the link tells

    def on_up(self, is_resumed: bool) -> None:
        """See ``LinkOwner``."""
        for client in tuple(self._clients):
            client.on_up()

    def on_message(self, delivery: Delivery, serial: int) -> None:
        """See ``LinkOwner``."""
        if self._link is not None:
            self._link.acknowledge(delivery.mid, serial)
        given, topic = delivery._replace(mid=0), delivery.topic
        hearing = set(self._exact.get(topic, ()))
        hearing |= {client for client, filters in self._wild.items() if any(one.matches(topic) for one in filters)}
        for client in hearing:
            client.on_message(given, serial)

    def on_acknowledged(self, message: Outgoing, reason: int) -> None:
        """See ``LinkOwner``."""
        token: Any = message.token
        token[0].on_acknowledged(token[1], reason)

    def on_ended(self, error: BrokerError) -> None:
        """See ``LinkOwner``."""
        self._link = None
        for client in tuple(self._clients):
            client.on_ended(error)


class HubClient:
    """One client of it, to its owner as a ``MqttLink`` of its own."""

    __slots__ = ("_hub", "_most", "_owner", "filters", "in_flight", "plane")

    def __init__(self, hub: Hub, window: int, filters: Sequence[TopicFilter], owner: LinkOwner) -> None:
        self._hub = hub
        self._most = window
        self._owner: LinkOwner | None = owner
        self.filters = filters
        self.plane = hub.plane
        self.in_flight = 0  #: messages that the broker has not acknowledged

    @property
    def has_room(self) -> bool:
        """See ``MqttLink``."""
        return self.in_flight < self._most

    @property
    def is_ready(self) -> bool:
        """See ``MqttLink``."""
        return self._hub.is_ready

    @property
    def serial(self) -> int:
        """See ``MqttLink``."""
        return self._hub.serial

    def open(self) -> None:
        """See ``MqttLink``."""
        self._hub.join(self)

    def publish(self, message: Outgoing) -> None:
        """See ``MqttLink``."""
        self.in_flight += 1
        self._hub.publish(message._replace(token=(self, message)))

    def acknowledge(self, mid: int, serial: int) -> None:
        """See ``MqttLink``: the hub has."""

    def close(self, *, publishes_will: bool = False) -> None:
        """See ``MqttLink``; it has no will."""
        self._owner = None
        self._hub.leave(self)

    # --- what the hub tells

    def on_up(self) -> None:
        """There is a broker."""
        if self._owner is not None:
            self._owner.on_up(False)

    def on_message(self, delivery: Delivery, serial: int) -> None:
        """One that it hears."""
        if self._owner is not None:
            self._owner.on_message(delivery, serial)

    def on_acknowledged(self, message: Outgoing, reason: int) -> None:
        """One of its own."""
        self.in_flight -= 1
        if self._owner is not None:
            self._owner.on_acknowledged(message, reason)

    def on_ended(self, error: BrokerError) -> None:
        """There is no broker."""
        owner: Any = self._owner
        self.close()
        if owner is not None:
            owner.on_ended(error)


def _for_all(parts: TopicParts) -> str:
    """The filter that takes in those of all clients: any level in the place of one that has a variable."""
    text = "".join(part.decode() if isinstance(part, bytes) else _ANY for part in parts)
    return "/".join("+" if _ANY in level else level for level in text.split("/"))
