"""Links to a broker that many requests of a worker share: one to publish by, and one for each set of filters that is listened to.

    POST ──▶ Publisher ── window ──▶ MqttLink                   one connection, while there is something to do
    GET  ──▶ TopicFeed ◀── messages ── MqttLink                      the last messages, in a ring; each stream has a place in it

A stream costs no queue: it takes what is behind its place in the ring when its client takes it, and one that the ring has overtaken has
lost something, which it is told.  A message is acknowledged when it is in the ring.  Links end ``IDLE_SECONDS`` after their last use, so
that nothing of a configuration that is gone stays.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from typing import TYPE_CHECKING, Final, Protocol

from fastgw.adapters import mqtt_envelope as envelopes
from fastgw.adapters.mqtt_broker import REFUSED, SAID
from fastgw.adapters.mqtt_link import MqttLink, Outgoing
from fastgw.core import bridge_counters as rows
from fastgw.errors import RETRY_ALWAYS, UpstreamError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastgw.adapters.mqtt_broker import BrokerError, Delivery
    from fastgw.adapters.mqtt_session import Bridge
    from fastgw.core.plane import Plane
    from fastgw.errors import GatewayError

IDLE_SECONDS: Final = 60.0
WAITING_MOST: Final = 1024  #: messages of a worker that wait for a place in the window; more are refused
BEAT_SECONDS: Final = 15.0  #: silence behind which a comment says that a stream is there


def unavailable(error: BrokerError) -> UpstreamError:
    """What a request is told for which there is no broker."""
    return UpstreamError(503, "broker_unavailable", SAID[error.cause], reason=str(error), retry=RETRY_ALWAYS)


class Post(Protocol):
    """A request that waits for an acknowledgement."""

    @property
    def is_waiting(self) -> bool:
        """Whether anybody still does."""

    def published(self) -> None:
        """The broker has the message."""

    def not_published(self, error: GatewayError) -> None:
        """It has not, or nobody knows."""


class Publisher:
    """The connection by which the requests of a route publish."""

    __slots__ = ("_bridge", "_due", "_link", "_plane", "_timer", "_used", "_waiting")

    def __init__(self, bridge: Bridge, plane: Plane) -> None:
        self._bridge = bridge
        self._plane = plane
        self._link: MqttLink | None = None
        self._waiting: deque[Outgoing] = deque()  # for a place in the window
        self._due: deque[tuple[float, Outgoing]] = deque()  # loop time at which each is given up, soonest first
        self._used = 0.0  # loop time of the last message
        self._timer: asyncio.TimerHandle | None = None

    def publish(self, message: Outgoing) -> None:
        """``message``, whose token is a ``Post``.

        Raises:
            UpstreamError: 503, too many wait.
        """
        if len(self._waiting) >= WAITING_MOST:
            detail = "too many messages wait for the broker"
            raise UpstreamError(503, "broker_unavailable", detail, retry=RETRY_ALWAYS)
        link = self._link
        if link is None:
            bridge = self._bridge
            terms = bridge.shared_terms()
            link = self._link = MqttLink(self._plane, bridge.settings, terms, (), bridge.tls, self, bridge.make)
            link.open()
        self._waiting.append(message)
        self._used = self._plane.loop.time()
        self._due.append((self._used + self._bridge.settings.ack_timeout, message))
        self._fill(link)
        if self._timer is None:
            self._look_later()

    def _fill(self, link: MqttLink) -> None:
        while self._waiting and link.has_room:
            message = self._waiting.popleft()
            if message.token.is_waiting:  # type: ignore[attr-defined]
                link.publish(message)

    # --- what the link tells

    def on_up(self, is_resumed: bool) -> None:
        """See ``LinkOwner``."""

    def on_message(self, delivery: Delivery, serial: int) -> None:
        """See ``LinkOwner``: nothing is subscribed to."""

    def on_acknowledged(self, message: Outgoing, reason: int) -> None:
        """See ``LinkOwner``."""
        post: Post = message.token  # type: ignore[assignment]
        if reason >= REFUSED:
            why = f"it said 0x{reason:02x}"
            post.not_published(UpstreamError(502, "broker_refused", "the broker refused the message", reason=why))
        else:
            post.published()
        while self._due and not self._due[0][1].token.is_waiting:  # type: ignore[attr-defined]
            self._due.popleft()
        if self._link is not None:
            self._fill(self._link)

    def on_ended(self, error: BrokerError) -> None:
        """See ``LinkOwner``."""
        self._link = None
        self._waiting.clear()
        due, self._due = self._due, deque()
        for _, message in due:
            message.token.not_published(unavailable(error))  # type: ignore[attr-defined]

    # --- time

    def _look_later(self) -> None:
        when = self._due[0][0] if self._due else self._used + IDLE_SECONDS
        self._timer = self._plane.loop.call_at(when, self._look)

    def _look(self) -> None:
        """Give up what is due; end a link that nobody has used."""
        self._timer = None
        now, link = self._plane.loop.time(), self._link
        while self._due and (self._due[0][0] <= now or not self._due[0][1].token.is_waiting):  # type: ignore[attr-defined]
            message = self._due.popleft()[1]
            if message in self._waiting:
                self._waiting.remove(message)
            elif link is not None:
                link.withdraw(message)
            message.token.not_published(  # type: ignore[attr-defined]
                UpstreamError(
                    504, "broker_timeout", "the broker has not acknowledged the message in time; it may have it"
                )
            )
        if self._due or now < self._used + IDLE_SECONDS:
            self._look_later()
        elif link is not None:
            self._link = None
            link.close()


class FeedStream(Protocol):
    """A stream of a feed."""

    def begin(self) -> None:
        """There is a broker."""

    def pump(self) -> None:
        """There is something behind its place."""

    def beat(self) -> None:
        """Nothing was said for a while."""

    def broken(self, error: BrokerError) -> None:
        """There is no broker any more."""


class TopicFeed:
    """What is heard of one set of filters, and the last of it."""

    __slots__ = (
        "_bridge",
        "_bytes",
        "_feeds",
        "_filters",
        "_idle_since",
        "_link",
        "_plane",
        "_ring",
        "_streams",
        "_timer",
        "epoch",
        "last",
    )

    def __init__(
        self, feeds: dict[tuple[str, ...], TopicFeed], bridge: Bridge, plane: Plane, filters: Sequence[str]
    ) -> None:
        """``feeds``: of the route, where it stands while it lives."""
        self._bridge = bridge
        self._plane = plane
        self._feeds = feeds
        self._filters = tuple(filters)
        self._ring: deque[bytes] = deque()
        self._bytes = 0
        self._streams: set[FeedStream] = set()
        self._idle_since = 0.0
        self.epoch = secrets.token_hex(4)  #: ids of events of another feed are none of this one
        self.last = 0  #: number of the newest event
        feeds[self._filters] = self
        terms = bridge.shared_terms()
        self._link: MqttLink = MqttLink(plane, bridge.settings, terms, self._filters, bridge.tls, self, bridge.make)
        self._timer = plane.loop.call_later(BEAT_SECONDS, self._beat)
        self._link.open()

    @property
    def is_ready(self) -> bool:
        """Whether the broker has the subscriptions."""
        return self._link.is_ready

    @property
    def first(self) -> int:
        """Number of the oldest event that is kept; one more than the newest where there is none."""
        return self.last - len(self._ring) + 1

    def join(self, stream: FeedStream) -> None:
        """One more listens; ``begin`` follows, or has."""
        self._streams.add(stream)
        if self.is_ready:
            stream.begin()

    def leave(self, stream: FeedStream) -> None:
        """One less."""
        self._streams.discard(stream)
        self._idle_since = self._plane.loop.time()

    def event(self, number: int) -> bytes:
        """That of ``number``, which is kept."""
        return self._ring[number - self.first]

    def number_of(self, id: bytes) -> int | None:  # noqa: A002 - the word of the protocol
        """Of the event with this id; None: it is none of this feed's."""
        epoch, dash, number = id.partition(b"-")
        is_ours = dash and epoch.decode("latin-1") == self.epoch and number.isdigit() and len(number) < 20
        return int(number) if is_ours and int(number) <= self.last else None

    # --- what the link tells

    def on_up(self, is_resumed: bool) -> None:
        """See ``LinkOwner``."""
        for stream in tuple(self._streams):
            stream.begin()

    def on_message(self, delivery: Delivery, serial: int) -> None:
        """See ``LinkOwner``."""
        settings = self._bridge.settings
        self._link.acknowledge(delivery.mid, serial)
        if len(delivery.payload) > settings.max_message:
            self._plane.values[rows.DROPPED + rows.LOSSES.index("too_large")] += 1
            return
        self.last += 1
        event = b"id: %b-%d\ndata: %b\n\n" % (self.epoch.encode(), self.last, envelopes.told(delivery))
        self._ring.append(event)
        self._bytes += len(event)
        while len(self._ring) > settings.history or (self._bytes > settings.queue_bytes and len(self._ring) > 1):
            self._bytes -= len(self._ring.popleft())
        for stream in tuple(self._streams):
            stream.pump()

    def on_acknowledged(self, message: Outgoing, reason: int) -> None:
        """See ``LinkOwner``: nothing is published."""

    def on_ended(self, error: BrokerError) -> None:
        """See ``LinkOwner``."""
        self._end()
        streams, self._streams = self._streams, set()
        for stream in streams:
            stream.broken(error)

    # --- time

    def _end(self) -> None:
        self._timer.cancel()
        self._feeds.pop(self._filters, None)

    def _beat(self) -> None:
        loop = self._plane.loop
        if not self._streams and loop.time() - self._idle_since >= IDLE_SECONDS:
            self._end()
            self._link.close()
            return
        self._timer = loop.call_later(BEAT_SECONDS, self._beat)
        for stream in tuple(self._streams):
            stream.beat()
