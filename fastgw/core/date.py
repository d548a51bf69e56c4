"""Times as HTTP writes them, and the Date field of answers that have none (RFC 9110 sections 5.6.7 and 6.6.1)."""

from __future__ import annotations

import time

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(seconds: int) -> bytes:
    """The time ``seconds`` after the epoch as an IMF-fixdate (RFC 9110 section 5.6.7)."""
    now = time.gmtime(seconds)  # not datetime, which is 440 KiB of each worker
    # Not strftime: it says the names in the language of the process.
    day, month = _DAYS[now.tm_wday], _MONTHS[now.tm_mon - 1]
    clock = f"{now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02}"
    return f"{day}, {now.tm_mday:02} {month} {now.tm_year:04} {clock} GMT".encode()


def date_line(seconds: int) -> bytes:
    """The Date field of an answer given ``seconds`` after the epoch, with its CRLF (RFC 9110 section 6.6.1)."""
    return b"date: " + http_date(seconds) + b"\r\n"
