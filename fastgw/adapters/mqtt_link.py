"""What a client, or several, has of a broker for as long as it wants it: one connection after the other, and what is under way over all.

    publish ──▶ waiting ──▶ (connected) in flight ── PUBACK ──▶ ``on_acknowledged``
                   ▲────────── connection lost ──┘
    ``on_message`` ◀── the broker        acknowledge ──▶ PUBACK, if it is still that connection

A message is in flight until the broker has acknowledged it, and is sent again on the next connection if it has not: at least once, as QoS 1
is.  Whoever publishes asks ``has_room`` first; the library under this would take more than there are numbers for.  A broker that is gone is
looked for with a growing pause, each of those that are named in turn, for ``reconnect_for`` seconds; then ``on_ended`` says so, once.
"""

from __future__ import annotations

import asyncio
import zlib
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from fastgw.adapters.mqtt_broker import REFUSED, TAKEN_OVER, BrokerConnection, BrokerError, BrokerTerms
from fastgw.core import bridge_counters as rows

if TYPE_CHECKING:
    import ssl

    from fastgw.adapters.mqtt_broker import Delivery
    from fastgw.core.bridge_settings import MqttBridgeSettings
    from fastgw.core.plane import Plane

PAUSE_LEAST: Final = 0.2  #: seconds between two rounds of asking brokers
PAUSE_MOST: Final = 5.0
SETTLED: Final = 10.0  #: seconds behind which a connection counts as one that works; more than ``PAUSE_MOST``


class Outgoing(NamedTuple):
    """A message to be published."""

    topic: str
    payload: bytes
    qos: int
    is_retained: bool
    properties: Mapping[str, Any]
    token: object = None  #: what its owner knows it by


class LinkOwner(Protocol):
    """Who has a link; all of these are called from the loop."""

    def on_up(self, is_resumed: bool) -> None:
        """There is a broker.  ``is_resumed``: it had kept the session, and sends again what was not acknowledged."""

    def on_message(self, delivery: Delivery, serial: int) -> None:
        """The broker has sent it; ``serial``: of the connection, for ``acknowledge``."""

    def on_acknowledged(self, message: Outgoing, reason: int) -> None:
        """The broker has taken it, or (``mqtt_broker.REFUSED`` and more) has not.  With QoS 0: it is written."""

    def on_ended(self, error: BrokerError) -> None:
        """There is no broker, and nobody looks for one any more."""


class MqttLink:
    """A session at a broker, or what is one as far as that can be had."""

    __slots__ = (
        "_addresses",
        "_connection",
        "_down_since",
        "_filters",
        "_is_closed",
        "_is_known",
        "_is_resumed",
        "_make",
        "_most",
        "_owner",
        "_pause",
        "_settings",
        "_subscribed",
        "_task",
        "_terms",
        "_timer",
        "_tls",
        "_unacknowledged",
        "_up_since",
        "_waiting",
        "is_up",
        "plane",
        "serial",
    )

    def __init__(
        self,
        plane: Plane,
        settings: MqttBridgeSettings,
        terms: BrokerTerms,
        filters: Sequence[str],
        tls: ssl.SSLContext | None,
        owner: LinkOwner,
        make: Callable[..., Any] = BrokerConnection,
    ) -> None:
        """``filters``: subscribed to on every connection; ``make``: a ``BrokerConnection``, or in tests what plays one."""
        first = zlib.crc32(terms.client_id.encode()) % len(settings.brokers)  # where its session is, if it has one
        self._addresses = settings.brokers[first:] + settings.brokers[:first]
        self.plane = plane
        self._settings = settings
        self._terms = terms
        self._filters = tuple(filters)
        self._tls = tls
        self._owner: LinkOwner | None = owner
        self._make = make
        self._connection: Any = None
        self._task: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None  # while an acknowledgement is awaited
        self._waiting: deque[Outgoing] = deque()
        self._unacknowledged: dict[int, tuple[Outgoing, float]] = {}  # and when each was sent, oldest first
        self._subscribed = 0  # number of the SUBSCRIBE whose answer is awaited; 0: of none
        self._most = settings.window  # in flight on this connection
        self._down_since: float | None = None  # loop time since which nothing has worked
        self._up_since = 0.0
        self._pause = PAUSE_LEAST
        self._is_known = False  # a broker had accepted us
        self._is_resumed = False  # the session of this connection was there
        self._is_closed = False
        self.is_up = False
        self.serial = 0  #: of the connection

    @property
    def in_flight(self) -> int:
        """Messages that the broker has not acknowledged."""
        return len(self._waiting) + len(self._unacknowledged)

    @property
    def has_room(self) -> bool:
        """Whether one more may be published."""
        return self.in_flight < self._settings.window

    @property
    def is_ready(self) -> bool:
        """Whether messages go on at once: there is a broker, and it has said that it has the subscriptions."""
        return self.is_up and not self._subscribed

    # --- what its owner says

    def open(self) -> None:
        """Look for a broker."""
        self._task = self.plane.loop.create_task(self._look())

    def publish(self, message: Outgoing) -> None:
        """Send it, now or when there is a broker."""
        self.plane.values[rows.PUBLISHED] += 1
        self._waiting.append(message)
        self._flush()

    def withdraw(self, message: Outgoing) -> None:
        """Forget it, if it was not sent yet."""
        if message in self._waiting:
            self._waiting.remove(message)

    def acknowledge(self, mid: int, serial: int) -> None:
        """The message is where it was to go.  On another connection than its own the broker would take that for another's."""
        if mid and serial == self.serial and self.is_up:
            self._connection.acknowledge(mid)

    def close(self, *, publishes_will: bool = False) -> None:
        """Nobody wants it any more."""
        self._is_closed = True
        self._owner = None
        if self._task is not None:
            self._task.cancel()
        self._stop_timer()
        self._waiting.clear()
        self._unacknowledged.clear()
        connection = self._drop()
        if connection is not None:
            forgets = not (self._settings.session_expiry and self._settings.client_id)
            connection.close(publishes_will=publishes_will, forgets_session=forgets)

    def _drop(self) -> Any:
        """The connection, which is ours no longer."""
        connection, self._connection = self._connection, None
        if self.is_up:
            self.is_up = False
            self.plane.values[rows.CONNECTIONS_OPEN] -= 1
        return connection

    # --- finding a broker

    async def _look(self) -> None:
        """Ask each in turn until one accepts us, or it is of no use."""
        loop = self.plane.loop
        while True:
            error = await self._ask_all()
            self._task = None if error is None else self._task
            if error is None or self._is_closed:
                return
            if self._down_since is None:
                self._down_since = loop.time()
            over = loop.time() - self._down_since + self._pause > self._settings.reconnect_for
            if error.is_final or over or not self._is_known:
                self._end(error)
                return
            await asyncio.sleep(self._pause * (0.5 + self.plane.random()))
            self._pause = min(2 * self._pause, PAUSE_MOST)

    async def _ask_all(self) -> BrokerError | None:
        """Why none has accepted us; None: one has."""
        error: BrokerError | None = None
        for address in self._addresses:
            is_new = not (self._terms.session_expiry and (self._is_known or self._keeps_session))
            connection = self._make(self._terms, self, is_new=is_new)
            try:
                is_resumed = await connection.connect(address, self._tls, self._settings.connect_timeout)
                _check_offer(connection, self._settings)
            except BrokerError as found:
                self.plane.values[rows.FAILURES + rows.CAUSES.index(found.cause)] += 1
                error = found
                connection.abort()
                continue
            except asyncio.CancelledError:
                connection.abort()
                raise
            self._begin(connection, is_resumed)
            return None
        return error

    @property
    def _keeps_session(self) -> bool:
        """Whether the session outlives the client's own connection."""
        return bool(self._settings.session_expiry and self._settings.client_id)

    def _begin(self, connection: Any, is_resumed: bool) -> None:
        self._connection = connection
        self._is_known = True
        self.is_up = True
        self.serial += 1
        self._up_since = self.plane.loop.time()
        self._most = min(self._settings.window, connection.offer.in_flight_most)
        self.plane.values[rows.CONNECTIONS] += 1
        self.plane.values[rows.CONNECTIONS_OPEN] += 1
        if self._filters:
            self._subscribed = connection.subscribe(self._filters, self._settings.qos)
            self._start_timer(self._settings.ack_timeout)
        self._is_resumed = is_resumed
        self._flush()
        if not self._subscribed and self._owner is not None:
            self._owner.on_up(is_resumed)

    def _end(self, error: BrokerError) -> None:
        owner, self._owner = self._owner, None
        self.close()
        if owner is not None:
            owner.on_ended(error)

    def _fail(self, error: BrokerError) -> None:
        """The connection is of no use any more."""
        self.plane.values[rows.FAILURES + rows.CAUSES.index(error.cause)] += 1
        connection = self._drop()
        if connection is not None:
            connection.abort()
        self._stop_timer()
        self._subscribed = 0
        # In the order in which they were published, in front of those that were not sent yet ([MQTT-4.6.0-1]).
        self._waiting.extendleft(reversed([message for message, _ in self._unacknowledged.values()]))
        self._unacknowledged.clear()
        now = self.plane.loop.time()
        if now - self._up_since >= SETTLED or self._down_since is None:
            self._down_since, self._pause = now, PAUSE_LEAST
        if error.is_final:
            self._end(error)
        else:
            self.open()

    # --- messages

    def _flush(self) -> None:
        """Send what waits, as far as the broker takes it.  Nothing goes before its word on the subscriptions: they have a number, too."""
        connection, values = self._connection, self.plane.values
        while self._waiting and not self._subscribed and len(self._unacknowledged) < self._most and self.is_up:
            message = self._waiting.popleft()
            mid = connection.publish(
                message.topic,
                message.payload,
                message.qos,
                is_retained=message.is_retained,
                properties=message.properties,
            )
            if mid:
                self._unacknowledged[mid] = message, self.plane.loop.time()
                if self._timer is None:
                    self._start_timer(self._settings.ack_timeout)
            else:
                values[rows.ACKNOWLEDGED] += 1
                if self._owner is not None:
                    self._owner.on_acknowledged(message, 0)

    def on_message(self, delivery: Delivery) -> None:
        """See ``mqtt_broker.BrokerOwner``."""
        self.plane.values[rows.RECEIVED] += 1
        if self._owner is not None:
            self._owner.on_message(delivery, self.serial)

    def on_acknowledged(self, mid: int, reason: int) -> None:
        """See ``mqtt_broker.BrokerOwner``."""
        found = self._unacknowledged.pop(mid, None)
        if found is None:
            return
        self._down_since, self._pause = None, PAUSE_LEAST
        self.plane.values[rows.REJECTED if reason >= REFUSED else rows.ACKNOWLEDGED] += 1
        self._flush()
        if self._owner is not None:
            self._owner.on_acknowledged(found[0], reason)

    def on_subscribed(self, mid: int, reasons: Sequence[int]) -> None:
        """See ``mqtt_broker.BrokerOwner``."""
        if mid != self._subscribed:
            return
        self._subscribed = 0
        refused = [one for one, reason in zip(self._filters, reasons, strict=False) if reason >= REFUSED]
        if refused or len(reasons) != len(self._filters):
            told = (
                f"the broker refused to subscribe to {refused[0]!r}" if refused else "the broker's SUBACK is not ours"
            )
            self._fail(BrokerError("subscription", told, is_final=True))
            return
        if not self._unacknowledged:
            self._stop_timer()
        self._flush()
        if self._owner is not None:
            self._owner.on_up(self._is_resumed)

    def on_lost(self, reason: int) -> None:
        """See ``mqtt_broker.BrokerOwner``."""
        if reason == TAKEN_OVER:
            told = f"another connection has the client id {self._terms.client_id!r} now"
            self._fail(BrokerError("taken_over", told, is_final=True))
        else:
            told = f" with the reason 0x{reason:02x}" if reason else ""
            self._fail(BrokerError("lost", f"the broker ended the connection{told}"))

    # --- time

    def _start_timer(self, seconds: float) -> None:
        self._stop_timer()
        self._timer = self.plane.loop.call_later(seconds, self._watch)

    def _stop_timer(self) -> None:
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()

    def _watch(self) -> None:
        """Is what the broker owes us older than it may be?"""
        self._timer = None
        seconds = self._settings.ack_timeout
        oldest = next((sent for _, sent in self._unacknowledged.values()), None)
        since = self._up_since if self._subscribed else oldest
        if since is None:
            return
        left = since + seconds - self.plane.loop.time()
        if left > 0.0:
            self._start_timer(left)
        else:
            self._fail(BrokerError("stalled", f"the broker acknowledged nothing for {seconds:g} s"))


def _check_offer(connection: Any, settings: MqttBridgeSettings) -> None:
    """Refuse a broker that takes less than the configuration asks for.

    Raises:
        BrokerError: it does.
    """
    offer = connection.offer
    if offer.qos_most < settings.qos:
        raise BrokerError("refused", f"the broker takes QoS {offer.qos_most} and no more", is_final=True)
    if settings.retain and not offer.retains:
        raise BrokerError("refused", "the broker keeps no retained messages", is_final=True)
