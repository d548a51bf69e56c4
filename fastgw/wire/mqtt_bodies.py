"""What stands in packets of MQTT behind CONNECT: messages, subscriptions and acknowledgements, as far as a gateway must know them.

Section numbers are those of MQTT 5.0.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from fastgw.wire.mqtt_fields import (
    ALIAS,
    AUTH,
    DISCONNECT,
    FILTER_INVALID,
    PINGREQ,
    PINGRESP,
    PROTOCOL_ERROR,
    PUBLISH,
    RESPONSE_TOPIC,
    SUBACK,
    SUBSCRIBE,
    SUBSCRIPTION_ID,
    UNSUBACK,
    UNSUBSCRIBE,
    PacketError,
    malformed,
    number_of,
    packet_of,
    read_properties,
    read_text,
    read_two,
    text_in,
)
from fastgw.wire.mqtt_packets import NAMES, V3, V5, Packet
from fastgw.wire.mqtt_topics import TopicError, TopicFilter

FILTERS_MOST: Final = 1024  #: of one SUBSCRIBE or UNSUBSCRIBE
_DUP, _QOS = 0x08, 0x06


class Publish(NamedTuple):
    """What the variable header of a PUBLISH says (section 3.3)."""

    topic: bytes  #: empty: that of the alias
    qos: int
    packet_id: int  #: 0: QoS 0 has none
    alias: int  #: 0: none
    response_topic: str  #: empty: none


def read_publish(data: bytes, packet: Packet, version: int, *, is_client: bool = True) -> Publish:
    """Read a PUBLISH up to its payload; the topic has not been looked at, see ``read_topic``.

    Raises:
        PacketError: against the rules.
    """
    first, _, at, end = packet
    qos = (first & _QOS) >> 1
    if qos == 3 or (not qos and first & _DUP):
        raise malformed("a PUBLISH with a QoS of 3, or one with a QoS of 0 that is sent again")
    if at + 2 > end:
        raise malformed("a packet that ends inside a field")
    topic_at = at + 2
    at = topic_at + (data[at] << 8 | data[at + 1])
    if at > end:
        raise malformed("a packet that ends inside a field")
    topic = data[topic_at:at]
    packet_id = 0
    if qos:
        packet_id, at = read_two(data, at, end)
        if not packet_id:
            raise malformed("a packet with the id 0")
    if version == V3:
        return Publish(topic, qos, packet_id, 0, "")
    if at < end and not data[at]:
        return Publish(topic, qos, packet_id, 0, "")
    properties, _ = read_properties(data, at, end, PUBLISH)
    if is_client and SUBSCRIPTION_ID in properties:
        raise PacketError(PROTOCOL_ERROR, "a PUBLISH of a client with the id of a subscription")
    return Publish(topic, qos, packet_id, number_of(properties, ALIAS, 0), text_in(properties, RESPONSE_TOPIC))


class WantedFilter(NamedTuple):
    """One filter of a SUBSCRIBE."""

    filter: TopicFilter
    raw: bytes  #: with its options, as it came


class Subscribe(NamedTuple):
    """A SUBSCRIBE (section 3.8)."""

    packet_id: int
    head: bytes  #: of its body, up to the filters
    wanted: tuple[WantedFilter, ...]

    def with_only(self, kept: list[WantedFilter]) -> bytes:
        """The packet with fewer filters."""
        return packet_of(SUBSCRIBE << 4 | 2, self.head + b"".join([one.raw for one in kept]))


def read_subscribe(data: bytes, packet: Packet, version: int) -> Subscribe:
    """Read a SUBSCRIBE.

    Raises:
        PacketError: against the rules.
    """
    packet_id, at = _read_head(data, packet, version, SUBSCRIBE)
    head = data[packet.body : at]
    wanted: list[WantedFilter] = []
    while at < packet.end:
        begin = at
        found, at = _read_filter(data, at, packet.end)
        if at >= packet.end:
            raise malformed("a filter without its options")
        _check_options(data[at], version, found)
        at += 1
        wanted.append(WantedFilter(found, data[begin:at]))
        _check_count(len(wanted))
    if not wanted:
        raise PacketError(PROTOCOL_ERROR, "a SUBSCRIBE without a filter")
    return Subscribe(packet_id, head, tuple(wanted))


def _check_options(options: int, version: int, found: TopicFilter) -> None:
    """Section 3.8.3.1; 3.1.1 has the QoS alone."""
    if options & 3 == 3 or options & (0xC0 if version == V5 else 0xFC) or (options >> 4) & 3 == 3:
        raise malformed("options of a subscription that do not exist")
    if found.share and options & 4 and version == V5:
        raise PacketError(PROTOCOL_ERROR, "a shared subscription that is not to get what its client has sent itself")


def check_unsubscribe(data: bytes, packet: Packet, version: int) -> None:
    """Refuse an UNSUBSCRIBE that breaks a rule (section 3.10).

    Raises:
        PacketError: it does.
    """
    _, at = _read_head(data, packet, version, UNSUBSCRIBE)
    count = 0
    while at < packet.end:
        _, at = _read_filter(data, at, packet.end)
        count += 1
        _check_count(count)
    if not count:
        raise PacketError(PROTOCOL_ERROR, "an UNSUBSCRIBE without a filter")


def _check_count(count: int) -> None:
    if count > FILTERS_MOST:
        raise PacketError(PROTOCOL_ERROR, f"a packet with more than {FILTERS_MOST} filters")


def _read_head(data: bytes, packet: Packet, version: int, kind: int) -> tuple[int, int]:
    packet_id, at = read_two(data, packet.body, packet.end)
    if not packet_id:
        raise malformed("a packet with the id 0")
    if version == V5:
        _, at = read_properties(data, at, packet.end, kind)
    return packet_id, at


def _read_filter(data: bytes, at: int, end: int) -> tuple[TopicFilter, int]:
    text, at = read_text(data, at, end)
    try:
        return TopicFilter(text), at
    except TopicError as error:
        raise PacketError(FILTER_INVALID, str(error)) from None


def check_rest(data: bytes, packet: Packet, version: int) -> None:
    """Refuse a packet of any other type that breaks a rule: PUBACK and its like, PINGREQ, PINGRESP, DISCONNECT, SUBACK, UNSUBACK and AUTH.

    Raises:
        PacketError: it does.
    """
    kind = packet.first >> 4
    at, end = packet.body, packet.end
    name = NAMES[kind].upper()
    if kind in (PINGREQ, PINGRESP) or (kind == DISCONNECT and version == V3):
        if at != end:
            raise malformed(f"{name} with a body")
        return
    if kind == AUTH:
        raise PacketError(PROTOCOL_ERROR, "AUTH without an authentication under way")
    if kind in (SUBACK, UNSUBACK):
        _read_head(data, packet, version, kind)
        return
    if kind != DISCONNECT:
        packet_id, at = read_two(data, at, end)
        if not packet_id:
            raise malformed("a packet with the id 0")
        if version == V3 and at != end:
            raise malformed(f"{name} with something behind its id")
    if at < end:  # a reason code
        at += 1
    if at < end:
        _, at = read_properties(data, at, end, kind)
    if at != end:
        raise malformed(f"{name} with something behind its properties")


class Suback(NamedTuple):
    """What a SUBACK says (section 3.9)."""

    packet_id: int
    head: bytes  #: of its body, up to the codes
    codes: bytes


def read_suback(data: bytes, packet: Packet, version: int) -> Suback:
    """Read a SUBACK; raises PacketError: against the rules."""
    packet_id, at = _read_head(data, packet, version, SUBACK)
    return Suback(packet_id, data[packet.body : at], data[at : packet.end])


def merged_suback(found: Suback, refused: tuple[int, ...], code: int) -> bytes:
    """The SUBACK to a SUBSCRIBE of which the broker has not seen the filters at the places ``refused``, which get ``code``; ``found`` has
    one code for each of the others."""
    codes = bytearray()
    left = iter(found.codes)
    for place in range(len(found.codes) + len(refused)):
        codes.append(code if place in refused else next(left))
    return packet_of(SUBACK << 4, found.head + codes)
