"""The PROXY protocol, versions 1 and 2: what a load balancer says about the client before the client's own first byte.

Read as strictly as a head (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt, sections 2.1 and 2.2): a connection either begins
with one well-formed header or is none of ours.  Version and validity are decided by the first bytes that differ, so what is no header is
refused at once rather than waited for.

    PROXY TCP4 192.0.2.7 198.51.100.1 56324 443\\r\\n             version 1, at most 107 bytes
    \\r\\n\\r\\n\\0\\r\\nQUIT\\n | 0x21 | 0x11 | length | addresses | TLVs    version 2, at most ``HEADER_MAX`` bytes
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from fastgw.wire.errors import WireError, bad

LINE_MAX = 107  #: bytes of a version 1 header, CRLF included: the longest there can be
HEADER_MAX = 4096  #: bytes of a version 2 header; addresses take 216 at most, TLVs the rest

_LINE_START = b"PROXY "
_SIGNATURE = b"\r\n\r\n\x00\r\nQUIT\n"
_FIXED = 16  #: bytes of a version 2 header in front of the addresses
_LINE = re.compile(
    rb"PROXY TCP([46]) ([0-9A-Fa-f:.]{2,45}) ([0-9A-Fa-f:.]{2,45}) (0|[1-9][0-9]{0,4}) (0|[1-9][0-9]{0,4})\r\n"
).fullmatch
_UNKNOWN = re.compile(rb"PROXY UNKNOWN(?: [\x20-\x7e]*)?\r\n").fullmatch

_LOCAL, _PROXY = 0x20, 0x21  #: version 2 in the high four bits, command in the low
_ADDRESS_SIZES = {0: 0, 1: 12, 2: 36, 3: 216}  #: bytes by address family: none, IPv4, IPv6, unix
_ADDRESS = {1: 4, 2: 16}  #: bytes of one address
_STREAM = 1
_CRC32C = 0x03  #: type of the TLV with a checksum of the whole header
_CRC32C_POLYNOMIAL = 0x82F63B78


@dataclass(frozen=True, slots=True)
class Announced:
    """What one header says."""

    client: bytes | None  #: the client's IP address as text; None: the one of the connection is meant
    size: int  #: bytes of the header: the client's own begin behind them


def read(data: bytes) -> Announced | None:
    """Read the header at the beginning of ``data``; None: more bytes are needed.

    Raises:
        WireError: 400, this is no PROXY header or one that is malformed.
    """
    if data[:1] == _LINE_START[:1]:
        return _read_line(data)
    if not _SIGNATURE.startswith(data[: len(_SIGNATURE)]):
        raise bad("the connection does not begin with a PROXY header")
    return _read_binary(data) if len(data) >= _FIXED else None


def _read_line(data: bytes) -> Announced | None:
    if data[: len(_LINE_START)] != _LINE_START[: len(data)]:
        raise bad("the connection does not begin with a PROXY header")
    end = data.find(b"\n", 0, LINE_MAX)
    if end < 0:
        if len(data) >= LINE_MAX or b"\r" in data[:-1]:
            raise bad("the PROXY header is not one line of at most 107 bytes")
        return None
    line = data[: end + 1]
    if _UNKNOWN(line):
        return Announced(None, len(line))
    match = _LINE(line)
    if match is None or int(match[4]) > 65535 or int(match[5]) > 65535:
        raise bad("the PROXY header is malformed")
    try:
        source, target = (ipaddress.ip_address(match[place].decode()) for place in (2, 3))
    except ValueError:
        raise bad("the PROXY header has an address that is none") from None
    if not source.version == target.version == int(match[1]):
        raise bad("the PROXY header has an address of another family than it says")
    return Announced(_text(source), len(line))


def _read_binary(data: bytes) -> Announced | None:
    command, family, protocol = data[12], data[13] >> 4, data[13] & 15
    size = _FIXED + int.from_bytes(data[14:16], "big")
    if command not in (_LOCAL, _PROXY):
        raise bad("the PROXY header has an unknown version or command")
    if family not in _ADDRESS_SIZES or protocol > 2:
        raise bad("the PROXY header has an unknown address family or transport")
    if size > HEADER_MAX:
        raise bad(f"the PROXY header is longer than {HEADER_MAX} bytes")
    addresses = _ADDRESS_SIZES[family]
    if command == _PROXY and size < _FIXED + addresses:
        raise bad("the PROXY header is too short for its addresses")
    if len(data) < size:
        return None
    if command == _LOCAL:  # a health check of the load balancer: the rest is to be skipped unread
        return Announced(None, size)
    _check_values(data[:size], _FIXED + addresses)
    if protocol != _STREAM or family not in _ADDRESS:
        return Announced(None, size)  # not said, or no IP address
    return Announced(_text(ipaddress.ip_address(data[_FIXED : _FIXED + _ADDRESS[family]])), size)


def _check_values(header: bytes, at: int) -> None:
    """Step over the type-length-value entries; a checksum among them must be right (section 2.2.3)."""
    while at < len(header):
        begin = at + 3
        end = begin + int.from_bytes(header[at + 1 : begin], "big")
        if begin > len(header) or end > len(header):
            raise bad("the PROXY header has an entry that does not end")
        if header[at] == _CRC32C:
            zeroed = header[:begin] + bytes(4) + header[end:]
            if end - begin != 4 or int.from_bytes(header[begin:end], "big") != crc32c(zeroed):
                raise bad("the checksum of the PROXY header is wrong")
        at = end


def crc32c(data: bytes) -> int:
    """The checksum of RFC 3720 section B.4 (Castagnoli)."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = value >> 1 ^ (_CRC32C_POLYNOMIAL if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def _text(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bytes:
    """The address as text; an IPv4 address in IPv6 clothes (RFC 4291 section 2.5.5.2) is the IPv4 address."""
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address).encode()


__all__ = ["HEADER_MAX", "LINE_MAX", "Announced", "WireError", "crc32c", "read"]
