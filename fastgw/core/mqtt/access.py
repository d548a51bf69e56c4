"""What one client of MQTT may do: the rules of a route, filled in with who it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from fastgw.errors import DownstreamError
from fastgw.wire.mqtt_fields import read_topic
from fastgw.wire.mqtt_topics import TopicError, TopicFilter, fill_topic

if TYPE_CHECKING:
    from fastgw.core.bridge_settings import TopicParts
    from fastgw.core.exchange.ends import Exchange
    from fastgw.wire.mqtt_connect import MqttConnect

TOPICS_KNOWN: Final = 32  #: of one client, of which it is known whether it may publish to them

ValueOf = Callable[[str], bytes]


class AccessRules:
    """What the clients of a route may do, with variables in it."""

    __slots__ = ("_client_ids", "_publish", "_readers", "_shared", "_subscribe", "drain_grace", "max_packet", "rate")

    def __init__(self, options: Mapping[str, Any], readers: Mapping[str, Callable[[Any], bytes]], rate: Any) -> None:
        """``options``: ``client_id``, ``publish`` and ``subscribe``, each some templates, ``max_packet``, bytes, and
        ``drain_grace``, seconds; ``readers``: of the
        variables in them, by name; ``rate``: of messages, a ``policy.gcra.Rate``, or None."""
        self._client_ids: tuple[TopicParts, ...] = options["client_id"]
        self._publish: tuple[TopicParts, ...] = options["publish"]
        self._subscribe: tuple[TopicParts, ...] = options["subscribe"]
        self._readers = readers
        self.max_packet: int = options["max_packet"]
        self.drain_grace: float = options["drain_grace"]
        self.rate = rate
        is_same = not any(isinstance(part, str) for one in (*self._publish, *self._subscribe) for part in one)
        # Where nothing depends on who it is all clients have the same filters.
        self._shared = self._filters(_nothing) if is_same else None

    def admitted(self, exchange: Exchange, connect: MqttConnect) -> Access:
        """What the client of ``exchange``, which has passed all filters, may do.

        Raises:
            DownstreamError: 403, it may not have its client id, or its will.
        """

        def value_of(name: str) -> bytes:
            return self._readers[name](exchange)

        if self._client_ids and not any(_is_id(one, value_of, connect.client_id) for one in self._client_ids):
            said = f"the client id {connect.client_id[:64]!r} is not that of who asks"
            raise DownstreamError(403, "client_id_refused", "the client id is not one of whoever asks", reason=said)
        access = Access(*(self._shared or self._filters(value_of)))
        will = connect.will
        if will is not None and not access.may_publish(will.topic.encode()):
            raise _refused_topic("the will", will.topic)
        if will is not None and will.response_topic and not access.may_be_answered(will.response_topic):
            raise _refused_topic("the response topic of the will", will.response_topic)
        return access

    def _filters(self, value_of: ValueOf) -> tuple[tuple[TopicFilter, ...], tuple[TopicFilter, ...]]:
        return _filled(self._publish, value_of), _filled(self._subscribe, value_of)


def _nothing(_: str) -> bytes:
    return b""


def _refused_topic(what: str, topic: str) -> DownstreamError:
    said = f"{what} is for the topic {topic[:128]!r}, which the client may not use"
    return DownstreamError(403, "will_refused", f"{what} is for a topic that the client may not use", reason=said)


def _filled(templates: tuple[TopicParts, ...], value_of: ValueOf) -> tuple[TopicFilter, ...]:
    """The filters that can be filled in: one whose variable has no value, or none that can be a part of a topic, allows nothing."""
    found = []
    for parts in templates:
        try:
            found.append(TopicFilter(fill_topic(parts, value_of)))
        except TopicError:
            continue
    return tuple(found)


def _is_id(parts: TopicParts, value_of: ValueOf, client_id: str) -> bool:
    """Whether a client may have this id; where the template ends in ``*`` anything may stand there."""
    out = []
    for part in parts:
        value = part if isinstance(part, bytes) else value_of(part)
        if not value:
            return False
        out.append(value)
    last = parts[-1]
    wanted, said = b"".join(out), client_id.encode()
    if isinstance(last, bytes) and last.endswith(b"*"):
        return said.startswith(wanted[:-1]) and len(said) >= len(wanted)
    return said == wanted


class Access:
    """What one client may do."""

    __slots__ = ("_known", "_publish", "_subscribe")

    def __init__(self, publish: tuple[TopicFilter, ...], subscribe: tuple[TopicFilter, ...]) -> None:
        """``publish``: filters of topics that it may publish to; ``subscribe``: those that it may subscribe to, and whatever is in them."""
        self._publish = publish
        self._subscribe = subscribe
        self._known: dict[bytes, bool] = {}

    def may_publish(self, topic: bytes) -> bool:
        """Whether it may publish to ``topic``.

        Raises:
            PacketError: that is none.
        """
        found = self._known.get(topic)
        if found is None:
            text = read_topic(topic)
            found = any(one.matches(text) for one in self._publish)
            if len(self._known) >= TOPICS_KNOWN:
                self._known.clear()
            self._known[topic] = found
        return found

    def may_subscribe(self, wanted: TopicFilter) -> bool:
        """Whether all that ``wanted`` matches is allowed by one filter."""
        return any(one.contains(wanted) for one in self._subscribe)

    def may_be_answered(self, topic: str) -> bool:
        """Whether it may have others publish to ``topic`` for it: it is one that it may subscribe to."""
        return any(one.matches(topic) for one in self._subscribe)
