"""Packets of MQTT as clients and brokers write them, for tests: written by hand from the specification, without the project's own code."""

from __future__ import annotations

from collections.abc import Sequence


def text(value: str | bytes) -> bytes:
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(2, "big") + data


def length(value: int) -> bytes:
    out = b""
    while True:
        value, digit = divmod(value, 128)
        out += bytes([digit | (128 if value else 0)])
        if not value:
            return out


def packet(first: int, body: bytes = b"") -> bytes:
    return bytes([first]) + length(len(body)) + body


def properties(version: int, value: bytes = b"") -> bytes:
    return length(len(value)) + value if version == 5 else b""


def connect(
    client_id: str | bytes = "device-7",
    *,
    version: int = 4,
    clean: bool = True,
    keep_alive: int = 60,
    user: str | None = None,
    password: bytes | None = None,
    will: tuple[str, bytes, int] | None = None,
    will_properties: bytes = b"",
    extra: bytes = b"",
    flags: int | None = None,
) -> bytes:
    """``extra``: properties of MQTT 5; ``flags``: whatever the others say."""
    said = clean << 1 | (user is not None) << 7 | (password is not None) << 6
    body = text(client_id)
    if will is not None:
        topic, message, qos = will
        said |= 4 | qos << 3
        body += properties(version, will_properties) + text(topic) + text(message)
    body += text(user) if user is not None else b""
    body += text(password) if password is not None else b""
    head = b"\0\4MQTT" + bytes([version, said if flags is None else flags]) + keep_alive.to_bytes(2, "big")
    return packet(0x10, head + properties(version, extra) + body)


def connack(code: int = 0, *, version: int = 4, present: bool = False, extra: bytes = b"") -> bytes:
    return packet(0x20, bytes([present, code]) + properties(version, extra))


def publish(
    topic: str | bytes,
    payload: bytes = b"21.5",
    *,
    qos: int = 0,
    packet_id: int = 1,
    version: int = 4,
    extra: bytes = b"",
    flags: int = 0,
) -> bytes:
    number = packet_id.to_bytes(2, "big") if qos else b""
    return packet(0x30 | qos << 1 | flags, text(topic) + number + properties(version, extra) + payload)


def subscribe(
    filters: Sequence[tuple[str | bytes, int]], *, packet_id: int = 1, version: int = 4, extra: bytes = b""
) -> bytes:
    body = b"".join(text(one) + bytes([options]) for one, options in filters)
    return packet(0x82, packet_id.to_bytes(2, "big") + properties(version, extra) + body)


def suback(codes: Sequence[int], *, packet_id: int = 1, version: int = 4) -> bytes:
    return packet(0x90, packet_id.to_bytes(2, "big") + properties(version) + bytes(codes))


def unsubscribe(filters: Sequence[str | bytes], *, packet_id: int = 1, version: int = 4) -> bytes:
    return packet(0xA2, packet_id.to_bytes(2, "big") + properties(version) + b"".join(map(text, filters)))


def acknowledgement(kind: int, packet_id: int = 1, rest: bytes = b"") -> bytes:
    """PUBACK (4) to PUBCOMP (7)."""
    return packet(kind << 4 | (2 if kind == 6 else 0), packet_id.to_bytes(2, "big") + rest)


PINGREQ = packet(0xC0)
PINGRESP = packet(0xD0)


def disconnect(rest: bytes = b"") -> bytes:
    return packet(0xE0, rest)
