"""CONNECT of MQTT 3.1.1 and 5.0 (section 3.1), and its answer: who a client says that it is, and what it wants."""

from __future__ import annotations

from typing import Final, NamedTuple

from fastgw.wire.mqtt_fields import (
    ALIAS_MAXIMUM,
    ASSIGNED_ID,
    BAD_METHOD,
    CLIENT_ID_INVALID,
    CONNACK,
    CONNECT,
    METHOD,
    NONE,
    PACKET_MAXIMUM,
    PROTOCOL_ERROR,
    RESPONSE_TOPIC,
    SERVER_KEEP_ALIVE,
    UNSUPPORTED_VERSION,
    WILL,
    PacketError,
    binary,
    malformed,
    number_of,
    packet_of,
    read_binary,
    read_properties,
    read_text,
    read_topic,
    read_two,
    text_in,
)
from fastgw.wire.mqtt_packets import V3, V5, Packet

_NAME: Final = b"\0\x04MQTT"
_OLD_NAME: Final = b"\0\x06MQIsdp"
_USER, _PASSWORD, _WILL_RETAIN, _WILL_QOS, _WILL_FLAG, _CLEAN, _RESERVED = 0x80, 0x40, 0x20, 0x18, 0x04, 0x02, 0x01


class Will(NamedTuple):
    """The message that the broker publishes when the client is lost."""

    topic: str
    qos: int
    response_topic: str  #: empty: there is none


class MqttConnect(NamedTuple):
    """What a CONNECT says."""

    version: int  #: 4: MQTT 3.1.1, 5: MQTT 5.0
    flags: int
    keep_alive: int  #: seconds; 0: none
    client_id: str
    will: Will | None
    user: str | None
    password: bytes | None
    packet_maximum: int  #: bytes that the client takes at once; 0: any
    login_at: int  #: in the packet's body, where user and password begin


def read_connect(data: bytes, packet: Packet) -> MqttConnect:
    """Read a CONNECT.

    Raises:
        PacketError: another packet, another version, or against the rules of section 3.1.
    """
    at, end = packet.body, packet.end
    if packet.first >> 4 != CONNECT:
        raise PacketError(PROTOCOL_ERROR, "the first packet is no CONNECT")
    if data[at : min(at + len(_NAME), end)] != _NAME:
        if data[at : min(at + len(_OLD_NAME), end)] == _OLD_NAME:
            raise PacketError(UNSUPPORTED_VERSION, "MQTT 3.1; 3.1.1 and 5.0 are spoken here")
        raise PacketError(UNSUPPORTED_VERSION, "a CONNECT of another protocol than MQTT")
    at += len(_NAME)
    if at + 2 > end:
        raise malformed("a packet that ends inside a field")
    version, flags = data[at], data[at + 1]
    if version not in (V3, V5):
        raise PacketError(UNSUPPORTED_VERSION, f"MQTT of the level {version}; 3.1.1 and 5.0 are spoken here")
    _check_flags(version, flags)
    keep_alive, at = read_two(data, at + 2, end)
    properties = NONE
    if version == V5:
        properties, at = read_properties(data, at, end, CONNECT)
        if METHOD in properties:
            raise PacketError(BAD_METHOD, "extended authentication, which is not passed on")
        if 0x16 in properties:
            raise PacketError(PROTOCOL_ERROR, "data of an authentication without its method")
    client_id, at = read_text(data, at, end)
    if not client_id and version == V3 and not flags & _CLEAN:
        raise PacketError(CLIENT_ID_INVALID, "an empty client id with a session that is to be kept")
    will, at = _read_will(data, at, end, version, flags) if flags & _WILL_FLAG else (None, at)
    login_at = at - packet.body
    user: str | None = None
    password: bytes | None = None
    if flags & _USER:
        user, at = read_text(data, at, end)
    if flags & _PASSWORD:
        password, at = read_binary(data, at, end)
    if at != end:
        raise malformed("a CONNECT with something behind its last field")
    most = number_of(properties, PACKET_MAXIMUM, 0)
    return MqttConnect(version, flags, keep_alive, client_id, will, user, password, most, login_at)


def _check_flags(version: int, flags: int) -> None:
    if flags & _RESERVED:
        raise malformed("a CONNECT whose reserved flag is set")
    if flags & _WILL_QOS == _WILL_QOS:
        raise malformed("a will with a QoS of 3")
    if not flags & _WILL_FLAG and flags & (_WILL_QOS | _WILL_RETAIN):
        raise malformed("a CONNECT that says how its will is sent, and has none")
    if version == V3 and flags & _PASSWORD and not flags & _USER:
        raise malformed("a password without a user")


def _read_will(data: bytes, at: int, end: int, version: int, flags: int) -> tuple[Will, int]:
    properties = NONE
    if version == V5:
        properties, at = read_properties(data, at, end, WILL)
    found, at = read_binary(data, at, end)
    topic = read_topic(found)
    _, at = read_binary(data, at, end)
    response = properties.get(RESPONSE_TOPIC)
    return Will(topic, (flags & _WILL_QOS) >> 3, response if isinstance(response, str) else ""), at


def with_login(body: bytes, connect: MqttConnect, user: str | None, password: bytes | None) -> bytes:
    """The CONNECT whose body that is, with another user and password, or none; MQTT 3.1.1 has no password without a user."""
    flags = connect.flags & ~(_USER | _PASSWORD)
    login = b""
    if user is not None:
        flags |= _USER
        login += binary(user.encode())
    if password is not None:
        flags |= _PASSWORD
        login += binary(password)
    place = len(_NAME) + 1
    return packet_of(CONNECT << 4, body[:place] + bytes((flags,)) + body[place + 1 : connect.login_at] + login)


class Connack(NamedTuple):
    """What a broker answers to a CONNECT."""

    code: int  #: reason code of MQTT 5, or return code of 3.1.1; 0: the client is let in
    keep_alive: int  #: seconds that the broker wants in the place of the client's; -1: it says nothing
    client_id: str  #: that the broker has given; empty: none
    alias_maximum: int  #: topic aliases that the client may use


def read_connack(data: bytes, packet: Packet, version: int) -> Connack:
    """Read a CONNACK (section 3.2).

    Raises:
        PacketError: another packet, or against the rules.
    """
    at, end = packet.body, packet.end
    if packet.first >> 4 != CONNACK:
        raise PacketError(PROTOCOL_ERROR, "the first packet of the broker is no CONNACK")
    if at + 2 > end or data[at] > 1:
        raise malformed("a CONNACK without flags and a code, or with reserved flags")
    code = data[at + 1]
    at += 2
    properties = NONE
    if version == V5:
        properties, at = read_properties(data, at, end, CONNACK)
    if at != end or (version == V3 and code > 5):
        raise malformed("a CONNACK with something behind its last field, or with a code that does not exist")
    keep_alive = number_of(properties, SERVER_KEEP_ALIVE, -1)
    return Connack(code, keep_alive, text_in(properties, ASSIGNED_ID), number_of(properties, ALIAS_MAXIMUM, 0))
