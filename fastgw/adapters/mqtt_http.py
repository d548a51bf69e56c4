"""Requests of HTTP to a broker of MQTT: a POST is published, a GET of ``text/event-stream`` listens.

POST body ──▶ ``mqtt_shared.Publisher``     202 when the broker has acknowledged it
GET       ──▶ ``mqtt_shared.TopicFeed``          events, each an envelope with the id by which the next request goes on behind it
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote_to_bytes

import orjson

from fastgw.adapters import mqtt_envelope as envelopes
from fastgw.adapters.local import UNKNOWN, LocalCarrier
from fastgw.adapters.mqtt_broker import SAID
from fastgw.adapters.mqtt_envelope import EnvelopeError
from fastgw.adapters.mqtt_link import Outgoing
from fastgw.adapters.mqtt_shared import TopicFeed, unavailable
from fastgw.core import bridge_counters as rows
from fastgw.core.exchange import arriving
from fastgw.errors import DownstreamError
from fastgw.wire.mqtt_topics import TopicError

if TYPE_CHECKING:
    from fastgw.adapters.mqtt_broker import BrokerError
    from fastgw.adapters.mqtt_session import Bridge
    from fastgw.adapters.mqtt_shared import Publisher
    from fastgw.core.exchange.ends import Exchange
    from fastgw.errors import GatewayError

EVENTS: Final = b"text/event-stream"
_HEAD: Final = b"content-type: text/event-stream\r\ncache-control: no-cache\r\n"
_GAP: Final = b"event: gap\ndata: {}\n\n"
_BEAT: Final = b":\n\n"
_WRONG: Final = {name: rows.REFUSED + place for place, name in enumerate(rows.WRONGS)}


class PostCarrier(LocalCarrier):
    """Carries one exchange whose body is published."""

    __slots__ = ("_body", "_bridge", "_publisher", "_size", "is_waiting")

    def __init__(self, bridge: Bridge, publisher: Publisher) -> None:
        LocalCarrier.__init__(self)
        self._bridge = bridge
        self._publisher = publisher
        self._body: list[bytes] = []
        self._size = 0
        self.is_waiting = False

    def carry(self, exchange: Exchange) -> None:
        """See ``Carrier``."""
        self.exchange = exchange
        most = self._bridge.settings.max_message
        if exchange.body.announced > most:
            exchange.body.take()
            self._refuse(exchange)
            return
        self._keep(exchange.body.take())
        if exchange.body.is_done:
            self.answer_soon(exchange)
        else:
            arriving.ask_for_more(exchange)

    def send_body(self, data: bytes, is_last: bool) -> None:
        """See ``Carrier``."""
        exchange = self.exchange
        if exchange is None or self._size > self._bridge.settings.max_message:
            return
        self._keep(data)
        if self._size > self._bridge.settings.max_message:
            self._refuse(exchange)
        elif is_last:
            exchange.plane.loop.call_soon(self._answer)

    def _keep(self, data: bytes) -> None:
        if data:
            self._body.append(data)
            self._size += len(data)

    def _refuse(self, exchange: Exchange) -> None:
        """In a later turn: the exchange is just telling us something."""
        self._body.clear()
        exchange.plane.values[_WRONG["too_large"]] += 1
        if not exchange.body.is_done:
            exchange.body.refuse()
        most = self._bridge.settings.max_message
        error = DownstreamError(413, "content_too_large", f"the message has more than {most} bytes")
        exchange.plane.loop.call_soon(self._fail, error)

    def _fail(self, error: GatewayError) -> None:
        if self.exchange is not None:
            self.exchange.fail(error)

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``.

        Raises:
            GatewayError: 400, it cannot be published; 503, too many wait.
        """
        message = self._message(exchange, b"".join(self._body))
        self._body.clear()
        self.is_waiting = True
        self._publisher.publish(message)

    def _message(self, exchange: Exchange, payload: bytes) -> Outgoing:
        settings, request = self._bridge.settings, exchange.request
        if self._size > settings.max_message:
            raise DownstreamError(413, "content_too_large", f"the message has more than {settings.max_message} bytes")
        session = self._bridge.session(exchange)
        asked = _parameters(request.query)
        try:
            topic = session.topic_of(asked.get("topic"), lambda: envelopes.read_object(payload))
        except TopicError as error:
            exchange.plane.values[_WRONG["topic"]] += 1
            raise DownstreamError(400, "topic_refused", f"it is not published: {error}") from None
        except EnvelopeError as error:
            exchange.plane.values[_WRONG["malformed"]] += 1
            raise DownstreamError(400, "message_malformed", f"the topic is made of the message, but {error}") from None
        retain = {"true": True, "false": False}.get(asked.get("retain", ""), settings.retain)
        properties: dict[str, Any] = {}
        if settings.version == 5:
            properties = {"user_property": list(session.about)} if session.about else {}
            kind = request.header(b"content-type")
            if kind:
                properties["content_type"] = kind.decode("latin-1")
        return Outgoing(topic, payload, settings.qos, retain, properties, self)

    # --- what the publisher tells

    def published(self) -> None:
        """See ``mqtt_shared.Post``."""
        self.is_waiting = False
        if self.exchange is not None:
            self.send_head(self.exchange, 202, b"", 0)

    def not_published(self, error: GatewayError) -> None:
        """See ``mqtt_shared.Post``."""
        is_told, self.is_waiting = self.is_waiting, False
        if is_told:
            self._fail(error)

    def leave(self) -> None:
        """See ``Carrier``."""
        self.is_waiting = False
        LocalCarrier.leave(self)


def _parameters(query: bytes) -> dict[str, str]:
    """Those of a query, of which each name counts once, the first."""
    found: dict[str, str] = {}
    for pair in query[1:].split(b"&"):
        name, _, value = pair.partition(b"=")
        found.setdefault(name.decode("latin-1"), unquote_to_bytes(value).decode("utf-8", "replace"))
    return found


class StreamCarrier(LocalCarrier):
    """Carries one exchange whose answer is what a feed hears."""

    __slots__ = ("_at", "_bridge", "_feed", "_feeds", "_is_begun", "_is_due", "_is_told_gap")

    def __init__(self, bridge: Bridge, feeds: dict[tuple[str, ...], TopicFeed]) -> None:
        LocalCarrier.__init__(self)
        self._bridge = bridge
        self._feeds = feeds
        self._feed: TopicFeed | None = None
        self._at = 0  # number of the last event that it has
        self._is_begun = False
        self._is_due = False
        self._is_told_gap = False  # it is to be told that it has lost something

    def answer(self, exchange: Exchange) -> None:
        """See ``LocalCarrier``.

        Raises:
            DownstreamError: 400, see ``Bridge.session``.
        """
        filters = self._bridge.session(exchange).filters
        feed = self._feed = self._feeds.get(filters) or TopicFeed(self._feeds, self._bridge, exchange.plane, filters)
        self._at = feed.last
        last = exchange.request.header(b"last-event-id")
        if last:
            number = feed.number_of(last)
            self._is_told_gap = number is None
            self._at = feed.last if number is None else number
        feed.join(self)

    # --- what the feed tells

    def begin(self) -> None:
        """See ``mqtt_shared.FeedStream``."""
        exchange = self.exchange
        if exchange is None or self._is_begun:
            return
        self._is_begun = True
        if self.send_head(exchange, 200, _HEAD, UNKNOWN):
            self._send(_GAP if self._is_told_gap else _BEAT)  # so that the head goes, too
            self.pump()

    def pump(self) -> None:
        """See ``mqtt_shared.FeedStream``."""
        feed = self._feed
        while (
            self._is_begun
            and feed is not None
            and self._at < feed.last
            and not self.is_held
            and self.exchange is not None
        ):
            if self._at < feed.first - 1:
                if self._bridge.settings.overflow == "disconnect":
                    self._end(
                        b"event: error\ndata: %b\n\n" % _told("too_slow", "the client does not take its messages")
                    )
                    return
                self.exchange.plane.values[rows.DROPPED] += feed.first - 1 - self._at
                self._at = feed.first - 1
                self._send(_GAP)
                continue
            self._at += 1
            self.exchange.plane.values[rows.DELIVERED] += 1
            self._send(feed.event(self._at))

    def beat(self) -> None:
        """See ``mqtt_shared.FeedStream``."""
        if self._is_begun and not self.is_held:
            self._send(_BEAT)

    def broken(self, error: BrokerError) -> None:
        """See ``mqtt_shared.FeedStream``."""
        self._feed = None
        exchange = self.exchange
        if exchange is None:
            return
        if self._is_begun:
            self._end(b"event: error\ndata: %b\n\n" % _told("broker_unavailable", SAID[error.cause]))
        else:
            exchange.fail(unavailable(error))

    def _send(self, data: bytes) -> None:
        if self.exchange is not None:
            self.exchange.on_body(data, len(data))

    def _end(self, data: bytes) -> None:
        self._leave_feed()
        if self.exchange is not None:
            self.exchange.on_last_body(data, len(data))

    # --- a connection

    def release(self, bit: int) -> None:
        """See ``Connection``: it goes on in a later turn, for whoever lets go of it may not be done."""
        LocalCarrier.release(self, bit)
        if self.exchange is not None and not self._is_due and not self.is_held:
            self._is_due = True
            self.exchange.plane.loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._is_due = False
        self.pump()

    def leave(self) -> None:
        """See ``Carrier``."""
        self._leave_feed()
        LocalCarrier.leave(self)

    def _leave_feed(self) -> None:
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.leave(self)


def _told(code: str, detail: str) -> bytes:
    return orjson.dumps({"error": {"code": code, "detail": detail}})
