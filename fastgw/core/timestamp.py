"""How a moment is written in every log and page: UTC, ISO 8601 (RFC 3339), milliseconds: ``2026-11-22T12:45:33.120Z``."""

from __future__ import annotations

import time

_second = -1
_text = ""


def timestamp(seconds: float) -> str:
    """``seconds`` since 1970 in words; what does not change within a second is kept for the next call.

    >>> timestamp(1789000000.25)
    '2026-09-10T00:26:40.250Z'
    """
    global _second, _text
    millis = int(seconds * 1000)
    second = millis // 1000
    if second != _second:
        _text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        _second = second
    return f"{_text}.{millis % 1000:03d}Z"
