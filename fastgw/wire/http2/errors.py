"""What goes wrong in HTTP/2: of one stream, which alone is reset, or of the connection, which ends (RFC 9113 section 5.4)."""

from __future__ import annotations

from typing import Final

# Error codes (RFC 9113 section 7).
NO_ERROR: Final = 0x0
PROTOCOL_ERROR: Final = 0x1
INTERNAL_ERROR: Final = 0x2
FLOW_CONTROL_ERROR: Final = 0x3
SETTINGS_TIMEOUT: Final = 0x4
STREAM_CLOSED: Final = 0x5
FRAME_SIZE_ERROR: Final = 0x6
REFUSED_STREAM: Final = 0x7
CANCEL: Final = 0x8
COMPRESSION_ERROR: Final = 0x9
CONNECT_ERROR: Final = 0xA
ENHANCE_YOUR_CALM: Final = 0xB
INADEQUATE_SECURITY: Final = 0xC
HTTP_1_1_REQUIRED: Final = 0xD

NAMES: Final = (
    *("NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED"),
    *("FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM"),
    *("INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED"),
)


def name_of(code: int) -> str:
    """What the RFC calls an error code; one that it does not know is a number."""
    return NAMES[code] if code < len(NAMES) else f"error {code:#x}"


class Http2Error(Exception):
    """The connection cannot go on: it is told GOAWAY with ``code``, and closed."""

    def __init__(self, code: int, detail: str) -> None:
        super().__init__(f"{name_of(code)}: {detail}")
        self.code = code
        self.detail = detail


class StreamError(Exception):
    """One stream cannot go on: it is told RST_STREAM with ``code``; the others do."""

    def __init__(self, stream: int, code: int, detail: str) -> None:
        super().__init__(f"stream {stream}: {name_of(code)}: {detail}")
        self.stream = stream
        self.code = code
        self.detail = detail
