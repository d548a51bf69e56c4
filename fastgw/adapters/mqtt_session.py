"""What one client of a broker of MQTT is there, and may say and hear, out of its request.

    request ──▶ ``Bridge.session``: client id, filters, topics      or 400, where a value of the request cannot be a part of a topic

Topics are literal text of the configuration and values of the request, each of which is a part of one level and can be no more
(``wire.mqtt_topics``): what a client says never becomes a wildcard, another level, or a topic of the broker's own.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple
from urllib.parse import unquote_to_bytes

from fastgw.adapters.mqtt_broker import BrokerConnection, BrokerTerms, BrokerWill
from fastgw.errors import DownstreamError
from fastgw.wire.mqtt_topics import TopicError, TopicFilter, check_topic, fill_topic

if TYPE_CHECKING:
    import ssl

    from fastgw.adapters.mqtt_envelope import Envelope
    from fastgw.core.bridge_settings import MqttBridgeSettings, TopicParts
    from fastgw.core.exchange.ends import Exchange

VariableReader = Callable[[str], Callable[[Any], bytes]]  #: of a variable, by its name

MESSAGE: Final = "message."  #: what variables begin with that are of each message, and not of the request
_ESCAPED: Final = ("path.", "query.")  #: those whose values are as they are written in a target
CLIENT_ID_MOST: Final = 256  #: bytes; brokers must take 23, and take more ([MQTT-3.1.3-5])
PACKET_MORE: Final = 65536  #: bytes of a packet beside its payload: a topic, and some properties
_CHANCE: Final = 15  #: bytes of a client id that nobody guesses


class Session(NamedTuple):
    """What one client is, and may, at the broker."""

    terms: BrokerTerms
    filters: tuple[str, ...]
    subscribed: tuple[TopicFilter, ...]  #: the same, read
    topic: TopicParts  #: that is published to: only variables of messages are left in it; (): none
    allowed: tuple[TopicFilter, ...]  #: more topics that a message may name
    heard: tuple[TopicFilter, ...]  #: where an answer may be asked to: what is subscribed to, and ``allowed``
    about: tuple[tuple[str, str], ...]  #: user properties of everything that is published

    def topic_of(self, named: str | None, fields: Callable[[], Mapping[str, Any]]) -> str:
        """Where a message goes that names a topic, or does not; ``fields``: gives its own.

        Raises:
            TopicError: it may not be published there, or a field of it cannot be a part of a topic.
        """
        if named is not None:
            check_topic(named)
            if not any(one.matches(named) for one in self.allowed) and self.topic != (named.encode(),):
                raise TopicError(f"nothing may be published to {named!r} here")
            return named
        if not self.topic:
            raise TopicError("a topic is to be named here")
        if len(self.topic) == 1 and isinstance(self.topic[0], bytes):
            return self.topic[0].decode()
        said = fields()
        found = fill_topic(self.topic, lambda name: _field(said, name[len(MESSAGE) :]))
        check_topic(found)
        return found

    def properties_of(self, found: Envelope) -> dict[str, Any]:
        """Of a message of MQTT 5.

        Raises:
            TopicError: an answer is asked to where the client could not hear it.
        """
        pairs = [*found.user, *self.about]
        out: dict[str, Any] = {"user_property": pairs} if pairs else {}
        if found.is_text:
            out["payload_format_id"] = 1
        if found.content_type:
            out["content_type"] = found.content_type
        if found.response_topic:
            self.check_response(found.response_topic)
            out["response_topic"] = found.response_topic
        if found.correlation:
            out["correlation_data"] = found.correlation
        return out

    def check_response(self, topic: str) -> None:
        """Refuse a response topic on which the client could not hear.

        Raises:
            TopicError: it is such.
        """
        check_topic(topic)
        if not any(one.matches(topic) for one in self.heard):
            raise TopicError(f"{topic!r} is nothing that this client hears")


class Bridge:
    """What a route says of a broker."""

    __slots__ = ("_readers", "make", "settings", "tls")

    def __init__(
        self,
        settings: MqttBridgeSettings,
        reader: VariableReader,
        tls: ssl.SSLContext | None,
        make: Callable[..., Any] = BrokerConnection,
    ) -> None:
        """``reader``: gives what reads a variable; ``tls``: for brokers with TLS; ``make``: a connection, or in tests what plays one."""
        self.make = make
        self.settings = settings
        self.tls = tls
        templates = [settings.client_id, settings.publish, *settings.allow, *settings.subscribe]
        templates += [settings.will.topic] if settings.will is not None else []
        names = {part for parts in templates for part in parts if isinstance(part, str)}
        self._readers = {name: reader(name) for name in names if not name.startswith(MESSAGE)}

    @property
    def takes_messages(self) -> bool:
        """Whether anything of clients is published."""
        return bool(self.settings.publish or self.settings.allow)

    def session(self, exchange: Exchange) -> Session:
        """Of the client that asks.

        Raises:
            DownstreamError: 400 ``topic_refused``, a value of the request cannot be a part of a topic or of the client id.
        """
        settings = self.settings
        try:
            filters = tuple(self._filled(parts, exchange) for parts in settings.subscribe)
            allowed = tuple(TopicFilter(self._filled(parts, exchange)) for parts in settings.allow)
            client_id = self._filled(settings.client_id, exchange) if settings.client_id else ""
            if len(client_id.encode()) > CLIENT_ID_MOST:
                raise TopicError(f"the client id has more than {CLIENT_ID_MOST} bytes")
            topic = self._partly(settings.publish, exchange)
            subscribed = tuple(map(TopicFilter, filters))
            heard = (*subscribed, *allowed)
            terms = self._terms(exchange, client_id)
        except TopicError as error:
            raise DownstreamError(400, "topic_refused", f"no topic can be made of this request: {error}") from None
        return Session(terms, filters, subscribed, topic, allowed, heard, _about(exchange))

    def shared_terms(self) -> BrokerTerms:
        """Of a connection that many requests share: nobody's session, and nobody's will."""
        settings = self.settings
        return BrokerTerms(
            version=settings.version,
            client_id=f"fastgw-{secrets.token_hex(_CHANCE)}",
            username=settings.username,
            password=settings.password,
            keep_alive=settings.keep_alive,
            # for as long as a broker that is gone is looked for; 3.1.1 has no such time
            session_expiry=int(settings.reconnect_for) + 1 if settings.version == 5 else 0,
            receive_most=settings.queue,
            packet_most=settings.max_message + PACKET_MORE,
            will=None,
            user_properties=(),
        )

    def _terms(self, exchange: Exchange, client_id: str) -> BrokerTerms:
        settings, will = self.settings, None
        if settings.will is not None:
            topic = self._filled(settings.will.topic, exchange)
            check_topic(topic)
            will = BrokerWill(topic, settings.will.payload, settings.will.qos, settings.will.retain)
        shared = self.shared_terms()
        expiry = settings.session_expiry if settings.client_id else 0
        return shared._replace(
            client_id=client_id or shared.client_id,
            session_expiry=max(expiry, shared.session_expiry),
            will=will,
            user_properties=_about(exchange) if settings.version == 5 else (),
        )

    def _filled(self, parts: TopicParts, exchange: Exchange) -> str:
        return fill_topic(parts, lambda name: self._value(name, exchange))

    def _partly(self, parts: TopicParts, exchange: Exchange) -> TopicParts:
        """With what is known now; what is of each message stays a variable."""
        out: list[bytes | str] = []
        for part in parts:
            is_later = isinstance(part, str) and part.startswith(MESSAGE)
            found = part if is_later else self._filled((part,), exchange).encode()
            if isinstance(found, bytes) and out and isinstance(out[-1], bytes):
                found = out.pop() + found  # type: ignore[operator]
            out.append(found)
        return tuple(out)

    def _value(self, name: str, exchange: Exchange) -> bytes:
        value = self._readers[name](exchange)
        return unquote_to_bytes(value) if name.startswith(_ESCAPED) and b"%" in value else value


def _field(fields: Mapping[str, Any], name: str) -> bytes:
    """A field of a message as a part of a topic: a text or a whole number; empty, which is refused, where it is neither."""
    value = fields.get(name)
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass")
    return b"%d" % value if isinstance(value, int) and not isinstance(value, bool) else b""


def _about(exchange: Exchange) -> tuple[tuple[str, str], ...]:
    """By what a message is found again: the id of the request, and its trace."""
    request = exchange.request
    found = (("x-request-id", request.request_id), ("traceparent", request.forwarded(b"traceparent") or b""))
    return tuple((name, value.decode("latin-1")) for name, value in found if value)
