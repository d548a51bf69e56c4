"""What a client says first in TLS: the name it asks for and the protocols it offers, out of its ClientHello.

OpenSSL reads the same bytes, and alone decides about them.  This reading is for what Python's ``ssl`` does not tell a server: which
protocols were offered (RFC 7301 section 3.1), so that a client with none in common learns it, and the name (RFC 6066 section 3) of a
handshake that failed.
"""

from __future__ import annotations

from typing import Final, NamedTuple

HELLO_MAX: Final = 64 * 1024  #: bytes in which a ClientHello is looked for

_HANDSHAKE: Final = 22  # type of a record (RFC 8446 section 5.1)
_CLIENT_HELLO: Final = 1
_SERVER_NAME: Final = 0  # types of extensions
_ALPN: Final = 16


class Hello(NamedTuple):
    """The part of a ClientHello that is of interest here."""

    name: str = ""  #: asked for; empty: none
    protocols: tuple[bytes, ...] = ()  #: offered, the dearest first; empty: the client does not say


def read_hello(data: bytes) -> Hello | None:
    """The ClientHello at the front of ``data``, the first bytes of a connection; None: it is not complete yet.

    What is no ClientHello, or one too large for ``HELLO_MAX``, is read as one that says nothing.
    """
    try:
        message = _message(data)
        if message is None:
            return None if len(data) < HELLO_MAX else Hello()
        return _hello(message)
    except ValueError:
        return Hello()


def _message(data: bytes) -> bytes | None:
    """The body of the first handshake message, which may be spread over records; None: more is needed."""
    message, at = b"", 0
    while True:
        if at < len(data) and data[at] != _HANDSHAKE:
            raise ValueError("not a handshake record")
        if message and message[0] != _CLIENT_HELLO:
            raise ValueError("not a ClientHello")
        if len(message) >= 4 and len(message) >= 4 + int.from_bytes(message[1:4], "big"):
            return message[4 : 4 + int.from_bytes(message[1:4], "big")]
        end = at + 5 + int.from_bytes(data[at + 3 : at + 5], "big")
        if len(data) < at + 5 or len(data) < end:
            return None
        message += data[at + 5 : end]
        at = end


def _hello(message: bytes) -> Hello:
    at = 2 + 32  # legacy_version and random (RFC 8446 section 4.1.2)
    for width in (1, 2, 1):  # session id, cipher suites, compression methods
        _, at = _vector(message, at, width)
    extensions, _ = _vector(message, at, 2) if at < len(message) else (b"", 0)
    name, at = "", 0
    protocols: tuple[bytes, ...] = ()
    while at < len(extensions):
        kind = int.from_bytes(extensions[at : at + 2], "big")
        content, at = _vector(extensions, at + 2, 2)
        if kind == _SERVER_NAME:
            entries, _ = _vector(content, 0, 2)
            name = _vector(entries, 1, 2)[0].decode("latin-1")
        elif kind == _ALPN:
            protocols = _names(_vector(content, 0, 2)[0])
    return Hello(name, protocols)


def _names(listed: bytes) -> tuple[bytes, ...]:
    found, at = [], 0
    while at < len(listed):
        name, at = _vector(listed, at, 1)
        found.append(name)
    return tuple(found)


def _vector(data: bytes, at: int, width: int) -> tuple[bytes, int]:
    """A value behind its length of ``width`` bytes, and where the next one begins (RFC 8446 section 3.4)."""
    start = at + width
    end = start + int.from_bytes(data[at:start], "big")
    if end > len(data) or start > len(data):
        raise ValueError("a length that leads out of its message")
    return data[start:end], end
