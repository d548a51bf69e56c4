"""The PROXY header: what is one, what is refused, and that cutting the bytes changes nothing."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.errors import WireError
from fastgw.wire.proxy_protocol import HEADER_MAX, LINE_MAX, Announced, crc32c, read

SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
V4 = bytes([192, 0, 2, 7, 198, 51, 100, 1]) + (56324).to_bytes(2, "big") + (443).to_bytes(2, "big")
V6 = ipaddress.IPv6Address("2001:db8::7").packed + ipaddress.IPv6Address("2001:db8::1").packed + V4[8:]
MAPPED = ipaddress.IPv6Address("::ffff:192.0.2.9").packed + V6[16:]


def binary(command: int = 0x21, family: int = 0x11, body: bytes = V4, length: int | None = None) -> bytes:
    size = len(body) if length is None else length
    return SIGNATURE + bytes([command, family]) + size.to_bytes(2, "big") + body


def entry(kind: int, value: bytes) -> bytes:
    return bytes([kind]) + len(value).to_bytes(2, "big") + value


def with_checksum(body: bytes, wrong: int = 0) -> bytes:
    header = binary(body=body + entry(0x03, bytes(4)) + entry(0x04, b"after"))
    place = 16 + len(body) + 3
    return header[:place] + (crc32c(header) ^ wrong).to_bytes(4, "big") + header[place + 4 :]


GOOD = [
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\r\n", b"192.0.2.7"),
    (b"PROXY TCP4 192.0.2.7 198.51.100.1 0 65535\r\n", b"192.0.2.7"),
    (b"PROXY TCP6 2001:DB8::7 2001:db8::1 1 2\r\n", b"2001:db8::7"),
    (b"PROXY TCP6 ::ffff:192.0.2.9 ::1 1 2\r\n", b"192.0.2.9"),
    (b"PROXY TCP6 " + b"ffff:" * 7 + b"ffff " + b"ffff:" * 7 + b"ffff 65535 65535\r\n", b"ffff:" * 7 + b"ffff"),
    (b"PROXY UNKNOWN\r\n", None),
    (b"PROXY UNKNOWN anything up to the end of the line\r\n", None),
    (b"PROXY UNKNOWN " + b"x" * (LINE_MAX - 16) + b"\r\n", None),
    (binary(), b"192.0.2.7"),
    (binary(family=0x21, body=V6), b"2001:db8::7"),
    (binary(family=0x21, body=MAPPED), b"192.0.2.9"),
    (binary(family=0x00, body=b""), None),
    (binary(family=0x00, body=entry(0x04, b"padding")), None),
    (binary(family=0x31, body=b"/run/client.sock".ljust(216, b"\0")), None),
    (binary(family=0x12), None),
    (binary(command=0x20, family=0x00, body=b""), None),
    (binary(command=0x20, family=0x11, body=b"what it says is skipped"), None),
    (binary(body=V4 + entry(0x01, b"h2") + entry(0x20, b"\1\0\0\0\0")), b"192.0.2.7"),
    (with_checksum(V4), b"192.0.2.7"),
    (binary(body=V4 + entry(0x04, bytes(HEADER_MAX - 16 - 12 - 3))), b"192.0.2.7"),
]

BAD = [
    b"GET / HTTP/1.1\r\n",
    b"PUT / HTTP/1.1\r\n",
    b"\x16\x03\x01\x02\x00\x01",
    b"\n",
    b"\r\n\r\nGET",
    b"proxy TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
    b"PROXYTCP4",
    b"PROXY\r\n",
    b"PROXY \r\n",
    b"PROXY  TCP4 192.0.2.7 198.51.100.1 1 2\r\n",
    b"PROXY TCP4  192.0.2.7 198.51.100.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2 \r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 1 2\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 1\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 01 2\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 1 65536\r\n",
    b"PROXY TCP4 192.0.2.7 198.51.100.1 -1 2\r\n",
    b"PROXY TCP4 192.0.2.07 198.51.100.1 1 2\r\n",
    b"PROXY TCP4 192.0.2.256 198.51.100.1 1 2\r\n",
    b"PROXY TCP4 192.0.2 198.51.100.1 1 2\r\n",
    b"PROXY TCP4 ::1 198.51.100.1 1 2\r\n",
    b"PROXY TCP4 ::1 ::1 1 2\r\n",
    b"PROXY TCP6 192.0.2.7 198.51.100.1 1 2\r\n",
    b"PROXY TCP6 ::1%eth0 ::1 1 2\r\n",
    b"PROXY TCP6 ::1 nonsense 1 2\r\n",
    b"PROXY UDP4 192.0.2.7 198.51.100.1 1 2\r\n",
    b"PROXY UNKNOWNX\r\n",
    b"PROXY UNKNOWN \x00\r\n",
    b"PROXY UNKNOWN a\rb",
    b"PROXY UNKNOWN " + b"x" * (LINE_MAX - 15) + b"\r\n",
    b"PROXY UNKNOWN " + b"x" * LINE_MAX,
    SIGNATURE[:-1] + b"X",
    binary(command=0x11),
    binary(command=0x22),
    binary(command=0x01),
    binary(family=0x41),
    binary(family=0x13),
    binary(body=V4[:-1]),
    binary(family=0x21, body=V4),
    binary(length=HEADER_MAX),
    binary(command=0x20, length=65535),
    binary(body=V4 + b"\x01\x00"),
    binary(body=V4 + b"\x01\x00\x05abcd"),
    binary(body=V4 + entry(0x03, b"12345")),
    with_checksum(V4, wrong=1),
]


@pytest.mark.parametrize(("header", "client"), GOOD, ids=range(len(GOOD)))
def test_what_is_a_header(header: bytes, client: bytes | None) -> None:
    assert read(header) == Announced(client, len(header))
    assert read(header + b"GET / HTTP/1.1\r\n\r\n") == Announced(client, len(header))
    for cut in range(len(header)):
        assert read(header[:cut]) is None


@pytest.mark.parametrize("data", BAD, ids=range(len(BAD)))
def test_what_is_none(data: bytes) -> None:
    with pytest.raises(WireError):
        read(data)


@pytest.mark.parametrize("data", BAD, ids=range(len(BAD)))
def test_what_is_none_never_becomes_one_on_its_way(data: bytes) -> None:
    for cut in range(len(data)):
        try:
            assert read(data[:cut]) is None
        except WireError:
            break


def test_the_checksum_is_that_of_the_standard() -> None:
    assert crc32c(b"123456789") == 0xE3069283


@given(st.ip_addresses(), st.ip_addresses(), st.integers(0, 65535), st.integers(0, 65535), st.binary(max_size=40))
def test_both_versions_say_the_same(
    source: ipaddress.IPv4Address | ipaddress.IPv6Address,
    target: ipaddress.IPv4Address | ipaddress.IPv6Address,
    port: int,
    other: int,
    rest: bytes,
) -> None:
    if source.version != target.version:
        target = source
    line = f"PROXY TCP{source.version} {source} {target} {port} {other}\r\n".encode()
    body = source.packed + target.packed + port.to_bytes(2, "big") + other.to_bytes(2, "big")
    header = binary(family=0x11 if source.version == 4 else 0x21, body=body)
    one, two = read(line + rest), read(header + rest)
    assert one is not None and two is not None
    assert one.client == two.client
    assert (one.size, two.size) == (len(line), len(header))


@given(st.one_of(st.binary(max_size=200), st.binary(max_size=120).map(lambda tail: b"PROXY TCP4 " + tail)))
def test_noise_is_refused_or_waited_for(data: bytes) -> None:
    try:
        found = read(data)
    except WireError:
        return
    if found is None:
        assert len(data) < LINE_MAX
    else:
        assert found.size <= len(data)


@given(st.integers(0, len(GOOD) - 1), st.integers(0, 300), st.integers(0, 255))
def test_one_damaged_byte_never_gives_another_size_than_was_read(which: int, place: int, byte: int) -> None:
    header = bytearray(GOOD[which][0])
    header[place % len(header)] = byte
    try:
        found = read(bytes(header))
    except WireError:
        return
    if found is not None:
        assert found.size <= len(header)
        if found.client is not None:
            ipaddress.ip_address(found.client.decode())
