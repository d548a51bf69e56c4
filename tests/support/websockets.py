"""WebSockets in tests: what another implementation makes of the same bytes."""

from __future__ import annotations

import codecs
from collections.abc import Iterable
from typing import Any

from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN, SERVER, Protocol

from fastgw.wire.websocket_frames import frame_of
from fastgw.wire.websocket_messages import WebSocket

MASK = b"\x11\x22\x33\x44"
MOST = 300  #: bytes of a message
_SHORTEST = "a length that is not"  #: how the reason begins of what only we refuse


def frame(opcode: int, data: bytes = b"", *, fin: bool = True) -> bytes:
    """One of a client, right or wrong."""
    return frame_of(opcode, data, MASK, is_last=fin)


def read(pieces: Iterable[bytes], most: int = MOST) -> tuple[WebSocket, list[str | bytes], bytes]:
    """The gateway's end behind these pieces, the messages that came, and what it has answered."""
    socket = WebSocket(most)
    messages = [message for piece in pieces for message in socket.receive(piece)]
    return socket, messages, b"".join(socket.out)


def told(data: bytes, most: int = MOST) -> tuple[list[str | bytes], int]:
    """The messages that ``websockets`` reads in ``data``, and the code with which it ends; 0: it goes on."""
    protocol = Protocol(SERVER, state=OPEN, max_size=most)
    protocol.receive_data(data)
    messages: list[str | bytes] = []
    parts: list[Any] = []
    decode: Any = None
    for one in protocol.events_received():
        if not isinstance(one, Frame) or one.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            continue
        if one.opcode is not Opcode.CONT:
            parts.clear()
            decode = codecs.getincrementaldecoder("utf-8")().decode if one.opcode is Opcode.TEXT else None
        try:
            parts.append(decode(bytes(one.data), one.fin) if decode is not None else bytes(one.data))
        except UnicodeDecodeError:
            return messages, 1007
        if one.fin:
            messages.append("".join(parts) if decode is not None else b"".join(parts))
    close = protocol.close_rcvd or protocol.close_sent
    return messages, int(close.code) if close is not None else 0


def told_apart(pieces: list[bytes]) -> str:
    """How the gateway and ``websockets`` differ about the same bytes, in pieces and as a whole; empty: they do not."""
    data = b"".join(pieces)
    socket, messages, _ = read(pieces)
    if socket.reason.startswith(_SHORTEST):
        return ""  # which the other takes in any form (RFC 6455 section 5.2)
    expected = told(data)
    if bool(socket.code) != bool(expected[1]):
        rest = bytes(MOST + 20)  # each has its own time to look at a head
        messages += socket.receive(rest)
        expected = told(data + rest)
    if messages == expected[0] and {socket.code, expected[1]} == {1002, 1009}:
        return ""  # two rules are broken, and each has its order
    found = messages, socket.code
    return "" if found == expected else f"{found!r} of {pieces!r}, where the other has {expected!r}"
