"""Packets of MQTT 3.1.1 and 5.0: where one ends, and those that the gateway sends of its own.

    type flags │ remaining length │ variable header │ payload
     4    4    │    1 to 4 bytes  │

A packet is judged by its fixed header before the rest of it is here: its type and flags (section 2.1 of MQTT 5.0), who may send it, and how
large it is.  What its body means is read where somebody wants to know: ``mqtt_connect``, ``mqtt_bodies``.  A version stands for two things
here: 4 is MQTT 3.1.1, 5 is MQTT 5.0, as in a CONNECT.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from fastgw.wire.mqtt_fields import (
    AUTH,
    BAD_LOGIN,
    CLIENT_ID_INVALID,
    CONNACK,
    CONNECT,
    DISCONNECT,
    NOT_AUTHORIZED,
    PINGREQ,
    PINGRESP,
    PROTOCOL_ERROR,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    REASON_STRING,
    SUBACK,
    SUBSCRIBE,
    TOO_LARGE,
    UNSUBACK,
    UNSUBSCRIBE,
    UNSUPPORTED_VERSION,
    PacketError,
    binary,
    malformed,
    packet_of,
    variable,
)

V3, V5 = 4, 5  #: protocol levels of MQTT 3.1.1 and 5.0

#: Types by their number, as the specification names them in capital letters.
NAMES: Final = (
    *("reserved", "connect", "connack", "publish", "puback", "pubrec", "pubrel", "pubcomp"),
    *("subscribe", "suback", "unsubscribe", "unsuback", "pingreq", "pingresp", "disconnect", "auth"),
)
_FROM_CLIENT: Final = frozenset(
    (CONNECT, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBSCRIBE, UNSUBSCRIBE, PINGREQ, DISCONNECT, AUTH)
)
_FROM_SERVER: Final = frozenset(
    (CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK, UNSUBACK, PINGRESP, DISCONNECT, AUTH)
)
_ALL_BYTES: Final = range(256)
#: Return codes of the CONNACK of 3.1.1 (its section 3.2.2.3) for reasons of 5.0; all others are 3, the server is unavailable.
_RETURN_CODES: Final = {UNSUPPORTED_VERSION: 1, CLIENT_ID_INVALID: 2, BAD_LOGIN: 4, NOT_AUTHORIZED: 5}


def _begins(senders: frozenset[int], version: int) -> frozenset[int]:
    """First bytes of packets that may come (section 2.1.3)."""
    wanted = {PUBREL: 2, SUBSCRIBE: 2, UNSUBSCRIBE: 2}
    found = set()
    for first in _ALL_BYTES:
        kind, flags = first >> 4, first & 0x0F
        is_known = (
            kind in senders
            and (kind != AUTH or version == V5)
            and (kind != DISCONNECT or senders is not _FROM_SERVER or version == V5)
        )
        if is_known and (flags == wanted.get(kind, 0) or kind == PUBLISH):
            found.add(first)
    return frozenset(found)


_KNOWN: Final = {
    (version, is_client): _begins(_FROM_CLIENT if is_client else _FROM_SERVER, version)
    for version in (V3, V5)
    for is_client in (False, True)
}


class Packet(NamedTuple):
    """One packet, as places in the bytes that have it."""

    first: int  #: type and flags
    start: int
    body: int  #: where it begins behind the fixed header
    end: int


class PacketScanner:
    """Takes the packets out of what one peer sends, in whatever pieces it comes.  No more than one packet is held."""

    __slots__ = ("_known", "_max_packet", "_needed", "_rest", "problem")

    def __init__(self, max_packet: int, *, is_client: bool, version: int = V5) -> None:
        """``max_packet``: bytes of a packet with its header; ``is_client``: the peer is one, and sends what servers do not."""
        self._max_packet = max_packet
        self._known = _KNOWN[version, is_client]
        self._rest: bytearray | bytes = b""  # of a packet, not all of it here
        self._needed = 0  # bytes of that before there is anything to be said of it
        self.problem: PacketError | None = (
            None  #: behind the packets that were returned stands what breaks a rule; nothing more is read
        )

    @property
    def held(self) -> int:
        """Bytes of a packet that is not all here."""
        return len(self._rest)

    def speak(self, version: int, *, is_client: bool) -> None:
        """From the next packet on it is this version."""
        self._known = _KNOWN[version, is_client]

    def feed(self, data: bytes) -> tuple[bytes, list[Packet]]:
        """The bytes in which the packets are that are complete now, and those; see ``problem`` then."""
        if self.problem is not None:
            return b"", []
        if self._rest:
            rest = self._rest
            if not isinstance(rest, bytearray):
                rest = self._rest = bytearray(rest)  # which grows without being copied each time
            rest += data
            if len(rest) < self._needed:
                return b"", []
            data = bytes(rest)
            self._rest = b""
        packets: list[Packet] = []
        at, needed, size = 0, 0, len(data)
        known = self._known
        try:
            while at < size:
                first = data[at]
                if first not in known:
                    raise _unknown(first)
                if at + 1 == size:
                    break
                length, body = data[at + 1], at + 2
                if length >= 0x80:
                    length, body = _long_length(data, at + 1, size)
                    if length < 0:
                        break
                end = body + length
                if end - at > self._max_packet:
                    most = self._max_packet
                    raise PacketError(TOO_LARGE, f"a packet of {end - at} bytes, more than the {most} allowed here")
                if end > size:
                    needed = end - at
                    break
                packets.append(Packet(first, at, body, end))
                at = end
        except PacketError as error:
            self.problem = error
            return data, packets
        self._needed = needed
        if at < size:
            self._rest = data[at:]
        return data, packets


def _unknown(first: int) -> PacketError:
    kind = first >> 4
    if kind in _FROM_CLIENT or kind in _FROM_SERVER:
        name = NAMES[kind].upper()
        if kind not in (PUBLISH,) and (first & 0x0F) != (2 if kind in (PUBREL, SUBSCRIBE, UNSUBSCRIBE) else 0):
            return malformed(f"{name} with flags that it cannot have")
        return PacketError(PROTOCOL_ERROR, f"{name} of a side or in a version that does not send it")
    return malformed("a packet of the reserved type 0")


def _long_length(data: bytes, at: int, size: int) -> tuple[int, int]:
    """The remaining length of more than one byte at ``at``, and where it ends; -1: it is not all here.

    Raises:
        PacketError: longer than four bytes, or not in its shortest form.
    """
    value = shift = 0
    while at < size:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            if not byte:
                raise malformed("a length that is not written in its shortest form")
            return value, at
        shift += 7
        if shift > 21:
            raise malformed("a length of more than four bytes")
    return -1, at


# --- what the gateway sends


def connack(version: int, code: int, reason: str = "", most: int = 0) -> bytes:
    """A CONNACK that refuses with ``code`` of MQTT 5; ``reason`` is told to who can read it, and takes so much (``most``, 0: any)."""
    if version != V5:
        return packet_of(CONNACK << 4, bytes((0, _RETURN_CODES.get(code, 3))))
    return _with_reason(CONNACK << 4, bytes((0, code)), reason, most)


def disconnect(code: int, reason: str = "", most: int = 0) -> bytes:
    """A DISCONNECT of MQTT 5 (3.1.1 has none for servers); see ``connack``."""
    return _with_reason(DISCONNECT << 4, bytes((code,)), reason, most)


def _with_reason(first: int, head: bytes, reason: str, most: int) -> bytes:
    said = bytes((REASON_STRING,)) + binary(reason.encode()) if reason else b""
    found = packet_of(first, head + variable(len(said)) + said)
    return packet_of(first, head + b"\0") if most and len(found) > most else found


def puback(kind: int, packet_id: int, code: int) -> bytes:
    """PUBACK or PUBREC, as ``kind``, of MQTT 5."""
    return packet_of(kind << 4, packet_id.to_bytes(2, "big") + bytes((code,)))


def suback(version: int, packet_id: int, codes: bytes) -> bytes:
    """A SUBACK without properties."""
    return packet_of(SUBACK << 4, packet_id.to_bytes(2, "big") + (b"\0" if version == V5 else b"") + codes)
