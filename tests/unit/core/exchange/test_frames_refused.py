"""What RFC 6455 forbids, one after the other: the code that it has, its place among the counters, and nothing of it forwarded.

Each is said by a client and by a service, in one piece and byte by byte, behind a good message.
"""

from __future__ import annotations

from typing import Any

import pytest

from fastgw.core.websocket_counters import CLOSE_CODES, CLOSES, CODES, ENDS
from fastgw.wire.websocket_frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    WebSocketFrames,
    frame_of,
    read_close,
)
from tests.support.websockets import MASK
from tests.unit.core.exchange.test_frames import DEFLATE, SWITCHING, Open, handshake

GOOD = (TEXT, b"good")


def raw(first: int, length: bytes, payload: bytes = b"", *, is_client: bool) -> bytes:
    """A frame of these bytes; ``length``: the field, whose first bit the mask has."""
    return bytes((first, length[0] | (0x80 if is_client else 0))) + length[1:] + (MASK if is_client else b"") + payload


def wrong(is_client: bool) -> dict[str, tuple[bytes, int]]:
    """Each with what it is, and the code of it."""
    mask = MASK if is_client else b""

    def close(payload: bytes) -> bytes:
        return frame_of(CLOSE, payload, mask)

    found: dict[str, tuple[bytes, int]] = {
        f"opcode {opcode}": (raw(0x80 | opcode, b"\0", is_client=is_client), 1002)
        for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    }
    found |= {
        f"reserved bit {bit:x}": (raw(0x80 | bit | TEXT, b"\0", is_client=is_client), 1002)
        for bit in (0x40, 0x20, 0x10, 0x70)
    }
    found |= {
        f"reserved bit of {opcode}": (raw(0xC0 | opcode, b"\0", is_client=is_client), 1002)
        for opcode in (CLOSE, PING, PONG)
    }
    found |= {f"fragmented {opcode}": (raw(opcode, b"\0", is_client=is_client), 1002) for opcode in (CLOSE, PING, PONG)}
    found |= {
        f"large {opcode}": (raw(0x80 | opcode, b"\x7e\0\x7e", is_client=is_client), 1002)
        for opcode in (CLOSE, PING, PONG)
    }
    found |= {
        "the other's mask": (frame_of(TEXT, b"x", b"" if is_client else MASK), 1002),
        "a length of 125 in two bytes": (raw(0x82, b"\x7e\0\x7d", is_client=is_client), 1002),
        "a length of 65535 in eight": (raw(0x82, b"\x7f" + (65535).to_bytes(8, "big"), is_client=is_client), 1002),
        "a length of 64 bits": (raw(0x82, b"\x7f" + b"\xff" * 8, is_client=is_client), 1002),
        "nothing to continue": (frame_of(CONTINUATION, b"x", mask), 1002),
        "nothing to continue in part": (frame_of(CONTINUATION, b"x", mask, is_last=False), 1002),
        "text in text": (frame_of(TEXT, b"a", mask, is_last=False) + frame_of(TEXT, b"b", mask), 1002),
        "bytes in text": (frame_of(TEXT, b"a", mask, is_last=False) + frame_of(BINARY, b"b", mask), 1002),
        "a CLOSE of one byte": (close(b"\x03"), 1002),
        "a CLOSE whose reason is no text": (close(b"\x03\xe8\xff\xfe"), 1007),
        "a frame that is too large": (raw(0x82, b"\x7e\x03\xe9", is_client=is_client), 1009),
        "a frame that is far too large": (raw(0x82, b"\x7f" + (1 << 40).to_bytes(8, "big"), is_client=is_client), 1009),
        "a message that is too large": (
            frame_of(BINARY, b"x" * 1000, mask, is_last=False) + frame_of(CONTINUATION, b"x" * 501, mask),
            1009,
        ),
    }
    codes = (0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535)
    return found | {f"a CLOSE with {code}": (close(code.to_bytes(2, "big")), 1002) for code in codes}


CASES = [(is_client, name) for is_client in (True, False) for name in wrong(is_client)]
NAMES = [f"{'client' if is_client else 'service'}: {name}" for is_client, name in CASES]


def refused(found: Open, is_client: bool, said: bytes, code: int, *, step: int) -> None:
    """``said`` by that side ends it, with this code for whoever said it, and nothing of it for the other but whole frames before."""
    side, other = (found.client, found.service) if is_client else (found.service, found.client)
    good = frame_of(*GOOD, MASK if is_client else b"")
    for at in range(0, len(good + said), step):
        side.feed((good + said)[at : at + step])
    assert found.told(side)[0] == code
    reader = WebSocketFrames(1 << 20, 1 << 20, is_masked=is_client, allows_compressed=True)
    first, *_, last = reader.feed(other.take())
    assert (first.opcode, first.payload) == GOOD and reader.is_over
    assert read_close(last.payload)[0] == (1001 if is_client else 1011)
    assert found.ended() == ["too_large" if code == 1009 else "broken"]
    told = code if is_client else 1011  # what the client was told
    assert (
        found.count(CODES + CLOSE_CODES.index(str(told)))
        == 1
        == sum(found.count(CLOSES + place) for place in range(len(ENDS)))
    )
    found.end()


@pytest.mark.parametrize(("is_client", "name"), CASES, ids=NAMES)
def test_what_is_forbidden_has_its_code_and_goes_nowhere(is_client: bool, name: str) -> None:
    said, code = wrong(is_client)[name]
    for step in (1, 1 << 20) if len(said) < 200 else (1 << 20,):
        refused(Open(), is_client, said, code, step=step)


@pytest.mark.parametrize("is_client", [True, False])
@pytest.mark.parametrize("opcode", [CONTINUATION, PING, CLOSE])
def test_where_messages_are_compressed_only_their_first_frame_says_so(is_client: bool, opcode: int) -> None:
    mask: Any = MASK if is_client else b""
    first = bytearray(frame_of(TEXT, b"a", mask, is_last=False))
    first[0] |= 0x40
    second = bytearray(frame_of(opcode, b"", mask))
    second[0] |= 0x40
    found = Open(handshake(DEFLATE), SWITCHING.replace(b"\r\n\r\n", b"\r\n" + DEFLATE + b"\r\n"), compression="pass")
    refused(found, is_client, bytes(first + second), 1002, step=1)
