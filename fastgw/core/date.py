"""Times as HTTP writes them, and the Date field of answers that have none (RFC 9110 sections 5.6.7 and 6.6.1)."""

from __future__ import annotations

from datetime import UTC, datetime

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def http_date(seconds: int) -> bytes:
    """The time ``seconds`` after the epoch as an IMF-fixdate (RFC 9110 section 5.6.7)."""
    now = datetime.fromtimestamp(seconds, UTC)
    # Not strftime: it says the names in the language of the process.
    day, month = _DAYS[now.weekday()], _MONTHS[now.month - 1]
    return f"{day}, {now.day:02} {month} {now.year:04} {now:%H:%M:%S} GMT".encode()


def date_line(seconds: int) -> bytes:
    """The Date field of an answer given ``seconds`` after the epoch, with its CRLF (RFC 9110 section 6.6.1)."""
    return b"date: " + http_date(seconds) + b"\r\n"
