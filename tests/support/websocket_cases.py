"""What a server of WebSocket is asked to bear, after the published list of the Autobahn test suite: its groups 1 to 7, 9 and 10.

A case is what a client sends, in turns: after each it has heard as many frames as are to come.  What it hears is compared between
a service and the same one behind a gateway.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import NamedTuple

from fastgw.wire.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    WebSocketFrames,
    close_payload,
    frame_of,
    read_close,
)
from tests.support.websockets import MASK

_KEY = "dGhlIHNhbXBsZSBub25jZQ=="


class Turn(NamedTuple):
    """Bytes that are sent, in pieces of ``size`` (0: in one), and how many frames answer them."""

    data: bytes
    frames: int = 0
    size: int = 0


Heard = list[tuple[int, bytes | int]]


def say(opcode: int, data: bytes = b"", *, fin: bool = True, rsv: int = 0) -> bytes:
    """A frame of a client."""
    made = frame_of(opcode, data, MASK, is_last=fin)
    return bytes((made[0] | rsv << 4,)) + made[1:]


BYE = Turn(say(CLOSE, close_payload(1000)))
UTF8 = "Hello-µ@ßöäüàá-UTF-8!!".encode()


def cases() -> Iterator[tuple[str, list[Turn]]]:
    """Each with its name."""
    for opcode, group in ((TEXT, "1.1"), (BINARY, "1.2")):
        for size in (0, 125, 126, 127, 128, 65535, 65536):
            yield f"{group} {size}", [Turn(say(opcode, b"*" * size), 1), BYE]
        yield f"{group} chopped", [Turn(say(opcode, b"*" * 65536), 1, 997), BYE]
    for size in (0, 5, 125):
        yield f"2 ping {size}", [Turn(say(PING, b"\xfe" * size), 1), BYE]
    yield "2.5 a ping too large", [Turn(say(PING, b"*" * 126))]
    yield "2.6 a ping by byte", [Turn(say(PING, b"*" * 125), 1, 1), BYE]
    yield "2.7 pongs unasked", [Turn(say(PONG) + say(PONG, b"x") + say(PING, b"y"), 1), BYE]
    yield "2.10 ten pings", [Turn(b"".join([say(PING, b"%d" % one) for one in range(10)]), 10), BYE]
    for rsv in range(1, 8):
        yield f"3 reserved bits {rsv}", [Turn(say(TEXT, b"a"), 1), Turn(say(TEXT, b"b", rsv=rsv))]
        yield f"3 reserved bits {rsv} of a ping", [Turn(say(PING, b"b", rsv=rsv))]
    for opcode in (*range(3, 8), *range(11, 16)):
        yield f"4 opcode {opcode}", [Turn(say(TEXT, b"a"), 1), Turn(say(opcode, b"b"))]
        yield f"4 opcode {opcode} empty", [Turn(say(opcode))]
    yield from _fragments()
    yield from _texts()
    yield from _closes()
    for size in (1 << 18, 1 << 20):
        yield f"9 {size}", [Turn(say(BINARY, b"\xfe" * size), 1), BYE]
    pieces = [say(CONTINUATION, b"*" * 4096, fin=False) for _ in range(62)]
    parts = say(TEXT, b"*" * 4096, fin=False) + b"".join(pieces) + say(CONTINUATION, b"*" * 4096)
    yield "9.3 fragments", [Turn(parts, 1), BYE]
    yield "10.1", [Turn(say(TEXT, b"*" * 1300, fin=False) + say(CONTINUATION, b"*" * 1300), 1), BYE]


def _fragments() -> Iterator[tuple[str, list[Turn]]]:
    one, two = say(TEXT, b"fragment1", fin=False), say(CONTINUATION, b"fragment2")
    yield "5.1", [Turn(say(PING, b"a", fin=False))]
    yield "5.2", [Turn(say(PONG, b"a", fin=False))]
    yield "5.3", [Turn(one + two, 1), BYE]
    yield "5.5", [Turn(one + two, 1, 1), BYE]
    yield "5.6", [Turn(one + say(PING, b"p") + two, 2), BYE]
    yield "5.8", [Turn(one + say(PING, b"p") + two, 2, 1), BYE]
    yield "5.9", [Turn(say(CONTINUATION, b"a") + say(TEXT, b"b"))]
    yield "5.12", [Turn(say(CONTINUATION, b"a", fin=False) + say(TEXT, b"b"))]
    yield "5.15", [Turn(one + two, 1), Turn(say(CONTINUATION, b"a", fin=False))]
    yield "5.18", [Turn(one + say(TEXT, b"fragment2"))]
    middle = say(CONTINUATION, b"f2", fin=False) + say(PING, b"p")
    yield "5.19", [Turn(one + middle, 1), Turn(say(CONTINUATION, b"f4", fin=False) + say(PING, b"q") + two, 2), BYE]


def _texts() -> Iterator[tuple[str, list[Turn]]]:
    yield "6.1 empty fragments", [Turn(say(TEXT, fin=False) + say(CONTINUATION, fin=False) + say(CONTINUATION), 1), BYE]
    yield "6.2", [Turn(say(TEXT, UTF8), 1), BYE]
    by_byte = [say(CONTINUATION, UTF8[at : at + 1], fin=False) for at in range(len(UTF8))]
    yield "6.2 by byte", [Turn(say(TEXT, fin=False) + b"".join(by_byte) + say(CONTINUATION), 1), BYE]
    good = [
        "κόσμε",
        "\ud7ff",
        "\ue000",
        "\ufffd",
        "\U0010ffff",
        "\uffff",
        "\x00",
        "\x7f",
        "\x80",
        "\u07ff",
        "\u0800",
        "\U00010000",
    ]
    for number, text in enumerate(good):
        yield f"6 good {number}", [Turn(say(TEXT, text.encode()), 1), BYE]
    bad = [
        *(b"\xce\xba\xed\xa0\x80edited", b"\xf4\x90\x80\x80", b"\xce\xba\xe1\xbd", b"\x80", b"\xbf", b"\x80\xbf\x80"),
        *(b"\xc0", b"\xe0 ", b"\xf8 ", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf0\x80\x80\xaf", b"\xfe", b"\xff", b"\xed\xbf\xbf"),
    ]  # fmt: skip
    for number, data in enumerate(bad):
        yield f"6 bad {number}", [Turn(say(TEXT, data))]
        yield f"6 bad {number} in parts", [Turn(say(TEXT, data[:1], fin=False) + say(CONTINUATION, data[1:]))]


def _closes() -> Iterator[tuple[str, list[Turn]]]:
    yield "7.1.1", [Turn(say(TEXT, b"a"), 1), BYE]
    yield "7.1.2 two closes", [Turn(say(CLOSE, close_payload(1000)) * 2)]
    yield "7.1.3 a ping behind it", [Turn(say(CLOSE, close_payload(1000)) + say(PING))]
    yield "7.1.5 in a message", [Turn(say(TEXT, b"a", fin=False) + say(CLOSE, close_payload(1000)) + say(CONTINUATION))]
    yield "7.3.1 without a code", [Turn(say(CLOSE))]
    yield "7.3.2 one byte", [Turn(say(CLOSE, b"\x03"))]
    yield "7.3.5 the longest reason", [Turn(say(CLOSE, close_payload(1000, "*" * 123)))]
    yield "7.3.6 a longer one", [Turn(say(CLOSE, close_payload(1000) + b"*" * 124))]
    yield "7.5.1 a reason that is no text", [Turn(say(CLOSE, close_payload(1000) + b"\xce\xba\xed\xa0\x80"))]
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        yield f"7.7 code {code}", [Turn(say(CLOSE, close_payload(code)))]
    for code in (0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65535):
        yield f"7.9 code {code}", [Turn(say(CLOSE, code.to_bytes(2, "big")))]


def hear(port: int, path: str, turns: list[Turn], seconds: float = 20.0) -> Heard:
    """What a client hears of the server at ``port``, up to the CLOSE or the end: frames, and of the CLOSE its code."""
    with socket.create_connection(("127.0.0.1", port), timeout=seconds) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        head = f"GET {path} HTTP/1.1\r\nHost: a.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        peer.sendall(
            f"{head}Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: chat\r\nSec-WebSocket-Key: {_KEY}\r\n\r\n".encode()
        )
        data = b""
        while b"\r\n\r\n" not in data:
            data += _received(peer)
        status, _, data = data.partition(b"\r\n\r\n")
        assert status.startswith(b"HTTP/1.1 101 "), status
        reader, heard = WebSocketFrames(1 << 24, 1 << 24, is_masked=False), Heard()
        _read(reader, data, heard)
        for turn in turns:
            most = len(heard) + turn.frames if turn.frames else 1 << 30
            for at in range(0, len(turn.data), turn.size or len(turn.data)):
                peer.sendall(turn.data[at : at + (turn.size or len(turn.data))])
            while len(heard) < most and not reader.is_over and (data := _received(peer)):
                _read(reader, data, heard)
        return heard


def _received(peer: socket.socket) -> bytes:
    try:
        return peer.recv(1 << 16)
    except ConnectionError:  # reset: it has said all that it says
        return b""


def _read(reader: WebSocketFrames, data: bytes, heard: Heard) -> None:
    for one in reader.feed(data):
        heard.append((one.opcode, read_close(one.payload)[0] if one.opcode == CLOSE else one.payload))
