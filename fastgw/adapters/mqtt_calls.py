"""Requests that come by MQTT: a device publishes to a topic, and is answered on another, by a service behind a route.

    $share/…/devices/+/ask ──▶ ``MqttCalls`` ── a request of HTTP ──▶ a listener: routes, filters, limits, services
    the response topic     ◀── publish ◀── the answer, whole

All workers subscribe as one shared subscription, so each message is one request.  The broker gets its PUBACK when it has acknowledged the
answer: what was under way to a worker that dies is given to another, and a request may be asked twice.  No more are under way than
``concurrency``, as the broker sends no more (Receive Maximum) and those beyond wait.

Where the answer goes is a client's word: it must match ``reply_to``, in which the levels of the request's own topic stand.
"""

from __future__ import annotations

import re
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote_from_bytes

from fastgw.adapters.mqtt_broker import BrokerConnection, BrokerTerms
from fastgw.adapters.mqtt_link import MqttLink, Outgoing
from fastgw.adapters.mqtt_session import PACKET_MORE
from fastgw.adapters.own_client import OwnAnswer, OwnConnection
from fastgw.core import bridge_counters as rows
from fastgw.wire.mqtt_topics import TopicError, TopicFilter, check_topic, fill_topic

if TYPE_CHECKING:
    import asyncio
    import ssl

    from fastgw.adapters.mqtt_broker import BrokerError, Delivery
    from fastgw.core.bridge_settings import MqttCallSettings, TopicParts
    from fastgw.core.dataplane import DataPlane

BEGIN_SECONDS: Final = 0.1  #: between two looks whether the configuration is in use
AGAIN_SECONDS: Final = 10.0  #: behind which a broker is looked for again that was given up
WAITING_MOST: Final = 1024  #: messages that wait for a place; more are answered 503
TOPIC_FIELD: Final = b"x-mqtt-topic"  #: of each request: where it came from
_PATH: Final = "path."
_VALUE: Final = re.compile(r"[\t\x20-\x7e\x80-\xff]*").fullmatch
_BUSY: Final = OwnAnswer(503, ((b"content-type", b"text/plain"),), b"too many requests are under way")
_FAILED: Final = OwnAnswer(502, ((b"content-type", b"text/plain"),), b"there is no answer, or it is too large")

_WRONG_TOPIC: Final = rows.REFUSED + rows.WRONGS.index("topic")


class MqttCalls:
    """The requests of one entry of ``mqtt``, in one worker."""

    def __init__(
        self,
        settings: MqttCallSettings,
        plane: DataPlane,
        make_client: Callable[[], Any],
        tls: ssl.SSLContext | None,
        make: Callable[..., Any] = BrokerConnection,
    ) -> None:
        """``make_client``: makes a connection of a client of the listener; ``make``: one to the broker, or in tests what plays it."""
        self.name = f"mqtt.{settings.name}"
        self._settings = settings
        self._plane = plane
        self._make_client = make_client
        self._tls = tls
        self._make = make
        filters = "/".join("+" if isinstance(level, str) else level.decode() for level in settings.topic)
        self._filter = f"$share/{settings.share}/{filters}" if settings.share else filters
        self._link: MqttLink | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._idle: list[OwnConnection] = []
        self._waiting: deque[tuple[Delivery, int]] = deque()
        self._under_way = 0
        self._is_over = False

    # --- as filters are started and stopped

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """The configuration is about to be used."""
        self._timer = loop.call_later(BEGIN_SECONDS, self._begin)

    def stop(self) -> None:
        """Another has taken its place: what is under way is answered yet."""
        self._is_over = True
        if self._timer is not None:
            self._timer.cancel()
        if not self._under_way:
            self._leave()

    def _begin(self) -> None:
        plane = self._plane
        if self._settings.listener not in plane.listeners:
            self._timer = plane.loop.call_later(BEGIN_SECONDS, self._begin)
            return
        link = self._settings.link
        terms = BrokerTerms(
            version=link.version,
            client_id=f"fastgw-{secrets.token_hex(15)}",
            username=link.username,
            password=link.password,
            keep_alive=link.keep_alive,
            session_expiry=0,  # what was sent to a worker that is gone is another's
            receive_most=self._settings.concurrency,
            packet_most=link.max_message + PACKET_MORE,
            will=None,
            user_properties=(),
        )
        self._link = MqttLink(plane, link, terms, (self._filter,), self._tls, self, self._make)
        self._link.open()

    def _leave(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()
        self._waiting.clear()
        for one in self._idle:
            one.close()
        self._idle.clear()

    # --- what the link tells

    def on_up(self, is_resumed: bool) -> None:
        """See ``LinkOwner``."""

    def on_ended(self, error: BrokerError) -> None:
        """See ``LinkOwner``: it is looked for as long as the configuration says so."""
        self._link = None
        self._waiting.clear()
        self._plane.report(
            "warning", "a broker cannot be used", mqtt=self._settings.name, cause=error.cause, reason=str(error)
        )
        if not self._is_over:
            self._timer = self._plane.loop.call_later(AGAIN_SECONDS, self._begin)

    def on_message(self, delivery: Delivery, serial: int) -> None:
        """See ``LinkOwner``."""
        if self._is_over or self._plane.is_draining:
            if not self._under_way:
                self._leave()  # so that another worker gets it
            return
        if self._under_way >= self._settings.concurrency:
            if len(self._waiting) >= WAITING_MOST:
                self._answer(delivery, serial, _BUSY)
            else:
                self._waiting.append((delivery, serial))
            return
        self._ask(delivery, serial)

    def on_acknowledged(self, message: Outgoing, reason: int) -> None:
        """See ``LinkOwner``: the broker has the answer, or will not have it."""
        if self._link is not None:
            self._link.acknowledge(*message.token)  # type: ignore[misc]

    # --- a request

    def _ask(self, delivery: Delivery, serial: int) -> None:
        settings = self._settings
        values = _levels(settings.topic, delivery.topic)
        if len(delivery.payload) > settings.link.max_message:
            self._plane.values[rows.REFUSED + rows.WRONGS.index("too_large")] += 1
            self._acknowledge(delivery, serial)
            return
        connection = self._idle.pop() if self._idle else None
        if connection is None or not connection.is_free:
            connection = OwnConnection(self._plane, self._make_client, settings.max_answer)
        asked = connection
        self._under_way += 1

        def on_answer(answer: OwnAnswer | None) -> None:
            self._under_way -= 1
            if asked.is_free:
                self._idle.append(asked)
            self._answer(delivery, serial, answer or _FAILED)
            self._go_on()

        asked.ask(self._request(delivery, values), on_answer)

    def _go_on(self) -> None:
        while self._waiting and self._under_way < self._settings.concurrency and not self._is_over:
            delivery, serial = self._waiting.popleft()
            if self._link is not None and serial == self._link.serial:  # else the broker has given it to another
                self._ask(delivery, serial)
        if self._is_over and not self._under_way:
            link = self._link
            if link is None or not link.in_flight:
                self._leave()
            elif self._timer is None or self._timer.cancelled():
                self._timer = self._plane.loop.call_later(self._settings.link.ack_timeout, self._leave)

    def _request(self, delivery: Delivery, values: Mapping[str, bytes]) -> bytes:
        settings = self._settings
        path = b"".join(
            part if isinstance(part, bytes) else quote_from_bytes(values[part], safe="").encode()
            for part in settings.path
        )
        kind = next(iter(delivery.properties.get("content_type", [])), "") or settings.content_type
        lines = [
            b"%b %b HTTP/1.1" % (settings.method.encode(), path),
            b"host: " + settings.host.encode(),
            b"%b: %b" % (TOPIC_FIELD, quote_from_bytes(delivery.topic.encode(), safe="/").encode()),
            b"content-length: %d" % len(delivery.payload),
        ]
        lines += [b"content-type: " + kind.encode("latin-1")] if _fits(kind) else []
        for name, value in delivery.properties.get("user_property", ()):
            if name.lower() in settings.headers and _fits(value):
                lines.append(b"%b: %b" % (name.lower().encode(), value.encode("latin-1")))
        return b"\r\n".join([*lines, b"", b""]) + delivery.payload

    # --- its answer

    def _answer(self, delivery: Delivery, serial: int, answer: OwnAnswer) -> None:
        link = self._link
        if link is None or serial != link.serial:
            return  # the broker gives the message to another
        try:
            topic = self._reply_topic(delivery)
        except TopicError:
            self._plane.values[_WRONG_TOPIC] += 1
            self._acknowledge(delivery, serial)
            return
        properties: dict[str, Any] = {}
        if self._settings.link.version == 5:
            fields = dict(answer.fields)
            pairs = [("status", str(answer.status))]
            pairs += [(name.decode(), fields[name].decode("latin-1")) for name in (b"x-request-id",) if name in fields]
            properties["user_property"] = pairs
            kind = fields.get(b"content-type")
            if kind:
                properties["content_type"] = kind.decode("latin-1")
            for correlation in delivery.properties.get("correlation_data", ())[:1]:
                properties["correlation_data"] = correlation
        token = delivery.mid, serial
        link.publish(Outgoing(topic, answer.body, self._settings.link.qos, False, properties, token))

    def _reply_topic(self, delivery: Delivery) -> str:
        """Where the answer goes.

        Raises:
            TopicError: nowhere, or where this client may not have it.
        """
        settings = self._settings
        values = _levels(settings.topic, delivery.topic)
        asked: str = next(iter(delivery.properties.get("response_topic", [])), "")
        if not asked:
            if not settings.reply:
                raise TopicError("no response topic")
            return fill_topic(settings.reply, values.__getitem__)
        check_topic(asked)
        for parts in settings.reply_to:
            if TopicFilter(fill_topic(parts, values.__getitem__)).matches(asked):
                return asked
        raise TopicError(f"{asked!r} is no topic for answers")

    def _acknowledge(self, delivery: Delivery, serial: int) -> None:
        if self._link is not None:
            self._link.acknowledge(delivery.mid, serial)


def _levels(pattern: TopicParts, topic: str) -> dict[str, bytes]:
    """The levels of ``topic``, one of ``pattern``, that have a name."""
    return {
        name: level.encode() for name, level in zip(pattern, topic.split("/"), strict=False) if isinstance(name, str)
    }


def _fits(value: str) -> bool:
    """Whether it can be the value of a field."""
    return bool(value) and _VALUE(value) is not None and value == value.strip()
