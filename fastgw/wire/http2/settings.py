"""SETTINGS of HTTP/2 (RFC 9113 section 6.5): what a peer says of itself, and what is said of us."""

from __future__ import annotations

import struct
from typing import Final

from fastgw.wire.http2.errors import FLOW_CONTROL_ERROR, PROTOCOL_ERROR, Http2Error
from fastgw.wire.http2.frame_kinds import FRAME_MOST, SETTINGS
from fastgw.wire.http2.frames import frame

HEADER_TABLE_SIZE: Final = 0x1
ENABLE_PUSH: Final = 0x2
MAX_CONCURRENT_STREAMS: Final = 0x3
INITIAL_WINDOW_SIZE: Final = 0x4
MAX_FRAME_SIZE: Final = 0x5
MAX_HEADER_LIST_SIZE: Final = 0x6
ENABLE_CONNECT_PROTOCOL: Final = 0x8  #: RFC 8441 section 3
NO_RFC7540_PRIORITIES: Final = 0x9  #: RFC 9218 section 2.1

WINDOW: Final = 65_535  #: bytes of a flow-control window before anything is said
WINDOW_MOST: Final = 2**31 - 1
FRAME_LARGEST: Final = 2**24 - 1
ENTRIES_MOST: Final = 32  #: in one frame: there are eight, and each may come twice or so


class Settings:
    """What a peer says of itself; what it never said is as section 6.5.2 has it."""

    __slots__ = ("concurrent_streams", "frame", "has_connect_protocol", "header_list", "table", "window")

    def __init__(self) -> None:
        self.table = 4096  #: bytes of the table that it decodes with
        self.concurrent_streams = WINDOW_MOST  #: that it takes
        self.window = WINDOW  #: bytes of the window of a new stream
        self.frame = FRAME_MOST  #: bytes of the largest frame that it takes
        self.header_list = WINDOW_MOST  #: bytes of a field section
        self.has_connect_protocol = False

    def read(self, payload: bytes, is_from_client: bool) -> None:
        """Take what a frame says, whose size is right.

        Raises:
            Http2Error: a value is none.
        """
        if len(payload) > 6 * ENTRIES_MOST:
            raise Http2Error(PROTOCOL_ERROR, f"SETTINGS has more than {ENTRIES_MOST} entries")
        for name, value in struct.iter_unpack(">HI", payload):
            if name == HEADER_TABLE_SIZE:
                self.table = value
            elif name == ENABLE_PUSH and (value > 1 or (value and not is_from_client)):
                raise Http2Error(PROTOCOL_ERROR, f"SETTINGS_ENABLE_PUSH is {value}")
            elif name == MAX_CONCURRENT_STREAMS:
                self.concurrent_streams = value
            elif name == INITIAL_WINDOW_SIZE:
                if value > WINDOW_MOST:
                    raise Http2Error(FLOW_CONTROL_ERROR, f"SETTINGS_INITIAL_WINDOW_SIZE is {value}")
                self.window = value
            elif name == MAX_FRAME_SIZE:
                if not FRAME_MOST <= value <= FRAME_LARGEST:
                    raise Http2Error(PROTOCOL_ERROR, f"SETTINGS_MAX_FRAME_SIZE is {value}")
                self.frame = value
            elif name == MAX_HEADER_LIST_SIZE:
                self.header_list = value
            elif name == ENABLE_CONNECT_PROTOCOL:
                if value > 1 or (self.has_connect_protocol and not value):
                    raise Http2Error(PROTOCOL_ERROR, f"SETTINGS_ENABLE_CONNECT_PROTOCOL is {value}")
                self.has_connect_protocol = value == 1


def settings_frame(values: dict[int, int]) -> bytes:
    """The frame that says these."""
    return frame(SETTINGS, 0, 0, b"".join([struct.pack(">HI", *one) for one in values.items()]))
