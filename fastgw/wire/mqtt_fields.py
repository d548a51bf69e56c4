"""Fields of MQTT packets: numbers, texts, and the properties of MQTT 5, each with the packets that may have it.

What is wrong is a ``PacketError`` with the reason code that the specification has for it.  Section numbers are those of MQTT 5.0; 3.1.1 has
the same fields, without properties.
"""

from __future__ import annotations

from typing import Final

from fastgw.wire.mqtt_topics import TopicError, check_topic

#: Types of packets (section 2.1.2).
CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = range(1, 8)
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT, AUTH = range(8, 16)
WILL: Final = 16  #: no type of its own: the properties of the will of a CONNECT

#: Reason codes (section 2.4).
UNSPECIFIED, MALFORMED, PROTOCOL_ERROR, UNSUPPORTED_VERSION = 0x80, 0x81, 0x82, 0x84
CLIENT_ID_INVALID, BAD_LOGIN, NOT_AUTHORIZED, UNAVAILABLE, BUSY = 0x85, 0x86, 0x87, 0x88, 0x89
SHUTTING_DOWN, BAD_METHOD, KEEP_ALIVE_TIMEOUT, TAKEN_OVER = 0x8B, 0x8C, 0x8D, 0x8E
FILTER_INVALID, TOPIC_INVALID, RECEIVE_MAXIMUM_EXCEEDED, ALIAS_INVALID = 0x8F, 0x90, 0x93, 0x94
TOO_LARGE, RATE_TOO_HIGH, QUOTA_EXCEEDED, ADMINISTRATIVE, RATE_EXCEEDED = 0x95, 0x96, 0x97, 0x98, 0x9F

TEXT_MOST: Final = 65535  #: bytes of a text or of binary data (section 1.5.4)
PROPERTIES_MOST: Final = 256  #: of one packet: user properties may stand there as often as the sender likes

#: Kinds of the values of properties (section 2.2.2.2).
_BYTE, _FLAG, _TWO, _FOUR, _VARIABLE, _TEXT, _BINARY, _PAIR, _TOPIC = range(9)
_ANY_ACK: Final = (CONNACK, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, DISCONNECT, AUTH)

RESPONSE_TOPIC, SUBSCRIPTION_ID, SESSION_EXPIRY, ASSIGNED_ID, SERVER_KEEP_ALIVE, METHOD = (
    0x08,
    0x0B,
    0x11,
    0x12,
    0x13,
    0x15,
)
REASON_STRING, RECEIVE_MAXIMUM, ALIAS_MAXIMUM, ALIAS, USER_PROPERTY, PACKET_MAXIMUM = 0x1F, 0x21, 0x22, 0x23, 0x26, 0x27

#: Identifier -> kind, the packets that may have it, and the least value (section 2.2.2.2 and those of the packets).
_PROPERTIES: Final[dict[int, tuple[int, tuple[int, ...], int]]] = {
    0x01: (_FLAG, (PUBLISH, WILL), 0),
    0x02: (_FOUR, (PUBLISH, WILL), 0),
    0x03: (_TEXT, (PUBLISH, WILL), 0),
    RESPONSE_TOPIC: (_TOPIC, (PUBLISH, WILL), 0),
    0x09: (_BINARY, (PUBLISH, WILL), 0),
    SUBSCRIPTION_ID: (_VARIABLE, (PUBLISH, SUBSCRIBE), 1),
    SESSION_EXPIRY: (_FOUR, (CONNECT, CONNACK, DISCONNECT), 0),
    ASSIGNED_ID: (_TEXT, (CONNACK,), 0),
    SERVER_KEEP_ALIVE: (_TWO, (CONNACK,), 0),
    METHOD: (_TEXT, (CONNECT, CONNACK, AUTH), 0),
    0x16: (_BINARY, (CONNECT, CONNACK, AUTH), 0),
    0x17: (_FLAG, (CONNECT,), 0),
    0x18: (_FOUR, (WILL,), 0),
    0x19: (_FLAG, (CONNECT,), 0),
    0x1A: (_TEXT, (CONNACK,), 0),
    0x1C: (_TEXT, (CONNACK, DISCONNECT), 0),
    REASON_STRING: (_TEXT, _ANY_ACK, 0),
    RECEIVE_MAXIMUM: (_TWO, (CONNECT, CONNACK), 1),
    ALIAS_MAXIMUM: (_TWO, (CONNECT, CONNACK), 0),
    ALIAS: (_TWO, (PUBLISH,), 1),
    0x24: (_FLAG, (CONNACK,), 0),  # Maximum QoS: 0 or 1, never 2
    0x25: (_FLAG, (CONNACK,), 0),
    USER_PROPERTY: (_PAIR, (CONNECT, WILL, PUBLISH, SUBSCRIBE, UNSUBSCRIBE, *_ANY_ACK), 0),
    PACKET_MAXIMUM: (_FOUR, (CONNECT, CONNACK), 1),
    0x28: (_FLAG, (CONNACK,), 0),
    0x29: (_FLAG, (CONNACK,), 0),
    0x2A: (_FLAG, (CONNACK,), 0),
}

PropertyValue = int | str | bytes | tuple[str, str]
Properties = dict[int, PropertyValue]  #: of what may stand in a packet several times the last

NONE: Final[Properties] = {}


class PacketError(ValueError):
    """A peer breaks the rules, or a limit: its connection ends with ``code``, one of the reason codes of MQTT 5, and ``reason``."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


def malformed(reason: str) -> PacketError:
    """What cannot be read."""
    return PacketError(MALFORMED, reason)


def read_two(data: bytes, at: int, end: int) -> tuple[int, int]:
    """The number of two bytes at ``at``, and where it ends; raises PacketError: it is not all there."""
    if at + 2 > end:
        raise malformed("a packet that ends inside a field")
    return data[at] << 8 | data[at + 1], at + 2


def read_binary(data: bytes, at: int, end: int) -> tuple[bytes, int]:
    """Bytes with their length in front (section 1.5.6), and where they end; raises as ``read_two``."""
    size, at = read_two(data, at, end)
    if at + size > end:
        raise malformed("a packet that ends inside a field")
    return data[at : at + size], at + size


def read_text(data: bytes, at: int, end: int) -> tuple[str, int]:
    """A text (section 1.5.4), and where it ends; raises as ``read_two``, and where it is no UTF-8 or has a NUL in it."""
    found, at = read_binary(data, at, end)
    return text_of(found), at


def text_of(found: bytes) -> str:
    """The text that these bytes are; raises PacketError: they are none that MQTT has."""
    try:
        text = found.decode()
    except UnicodeDecodeError:
        raise malformed("a text that is no UTF-8") from None
    if "\0" in text:
        raise malformed("a text with a NUL in it")
    return text


def read_topic(found: bytes) -> str:
    """The topic that these bytes are; raises PacketError: they are none that can be published to."""
    text = text_of(found)
    try:
        check_topic(text)
    except TopicError as error:
        raise PacketError(TOPIC_INVALID, str(error)) from None
    return text


def read_variable(data: bytes, at: int, end: int) -> tuple[int, int]:
    """A number of one to four bytes (section 1.5.5), and where it ends.

    Raises:
        PacketError: it is not all there, longer, or not in its shortest form.
    """
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if not byte and shift:
                raise malformed("a length that is not written in its shortest form")
            return value, at
        shift += 7
        if shift > 21:
            raise malformed("a length of more than four bytes")
    raise malformed("a packet that ends inside a field")


def read_properties(data: bytes, at: int, end: int, packet: int) -> tuple[Properties, int]:
    """The properties of a ``packet`` of this type, or ``WILL``, and where they end.

    Raises:
        PacketError: malformed, one that the packet may not have or has twice, or a value that it may not have.
    """
    size, at = read_variable(data, at, end)
    if not size:
        return NONE, at
    stop = at + size
    if stop > end:
        raise malformed("properties that are longer than their packet")
    found: Properties = {}
    count = 0
    while at < stop:
        count += 1
        if count > PROPERTIES_MOST:
            raise PacketError(QUOTA_EXCEEDED, f"a packet with more than {PROPERTIES_MOST} properties")
        name, at = read_variable(data, at, stop)
        kind, packets, least = _PROPERTIES.get(name, (-1, (), 0))
        if packet not in packets:
            # One that does not exist cannot be read; one that does is at the wrong place.
            raise malformed(f"the property 0x{name:02X}, which this packet cannot have")
        if name in found and kind != _PAIR and (name, packet) != (SUBSCRIPTION_ID, PUBLISH):
            raise PacketError(PROTOCOL_ERROR, f"the property 0x{name:02X} twice")
        found[name], at = _read_value(data, at, stop, kind, name, least)
    return found, stop


def _read_value(data: bytes, at: int, stop: int, kind: int, name: int, least: int) -> tuple[PropertyValue, int]:
    if kind == _PAIR:
        key, at = read_text(data, at, stop)
        value, at = read_text(data, at, stop)
        return (key, value), at
    if kind == _TEXT:
        return read_text(data, at, stop)
    if kind in (_BINARY, _TOPIC):
        found, at = read_binary(data, at, stop)
        return (read_topic(found) if kind == _TOPIC else found), at
    if kind == _VARIABLE:
        number, at = read_variable(data, at, stop)
    else:
        size = 4 if kind == _FOUR else 2 if kind == _TWO else 1
        if at + size > stop:
            raise malformed("a property that ends inside its value")
        number = int.from_bytes(data[at : at + size], "big")
        at += size
    if number < least or (kind == _FLAG and number > 1):
        code = ALIAS_INVALID if name == ALIAS else PROTOCOL_ERROR
        raise PacketError(code, f"the property 0x{name:02X} with the value {number}, which it cannot have")
    return number, at


def number_of(properties: Properties, name: int, default: int) -> int:
    """The value of a property that is a number."""
    found = properties.get(name, default)
    return found if isinstance(found, int) else default


def text_in(properties: Properties, name: int) -> str:
    """The value of a property that is a text; empty: there is none."""
    found = properties.get(name, "")
    return found if isinstance(found, str) else ""


def variable(value: int) -> bytes:
    """A number as ``read_variable`` reads it: at most 268,435,455."""
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | 0x80 if value else low)
        if not value:
            return bytes(out)


def binary(value: bytes) -> bytes:
    """Bytes with their length in front, at most ``TEXT_MOST``."""
    return len(value).to_bytes(2, "big") + value


def packet_of(first: int, body: bytes) -> bytes:
    """A packet: ``first``, its type and flags, then how long it is, then ``body``."""
    return bytes((first,)) + variable(len(body)) + body
