"""Kinds of frames, their flags and bounds, as numbers (RFC 9113 sections 4 and 6)."""

from __future__ import annotations

from typing import Final

PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"  #: what a client begins with (section 3.4)

DATA: Final = 0x0
HEADERS: Final = 0x1
PRIORITY: Final = 0x2
RST_STREAM: Final = 0x3
SETTINGS: Final = 0x4
PUSH_PROMISE: Final = 0x5
PING: Final = 0x6
GOAWAY: Final = 0x7
WINDOW_UPDATE: Final = 0x8
CONTINUATION: Final = 0x9
NONE: Final = -1  #: no whole frame is here

ACK: Final = 0x1
END_STREAM: Final = 0x1
END_HEADERS: Final = 0x4
PADDED: Final = 0x8
PRIORITIZED: Final = 0x20

FRAME_MOST: Final = (
    16_384  #: bytes of the largest frame that we take, which is the least that a peer may rely on (section 4.2)
)
SMALL: Final = 4096  #: bytes of DATA that are handed on together with those behind them
CONTINUATIONS_MOST: Final = 16  #: frames of one header block behind the first
HEAD_SIZE: Final = 9
