"""Messages to bytes: status lines, and the heads the gateway writes itself."""

from __future__ import annotations

from http import HTTPStatus

REASONS = {status.value: status.phrase.encode() for status in HTTPStatus}

#: b"HTTP/1.1 200 OK\r\n" and so on, made once.
STATUS_LINES = {status: b"HTTP/1.1 %d %s\r\n" % (status, reason) for status, reason in REASONS.items()}


def status_line(status: int) -> bytes:
    """The status line of an answer with the usual reason phrase; without one when the status has none."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def reply_head(
    status: int, content_type: str, length: int, headers: tuple[tuple[str, str], ...], *, close: bool
) -> bytes:
    """Head of an answer made here, without its final empty line: fields may follow."""
    lines = [status_line(status)]
    if status != 204 and status != 304 and status >= 200:
        if length:
            lines.append(b"content-type: %s\r\n" % content_type.encode("latin-1"))
        lines.append(b"content-length: %d\r\n" % length)
    lines.extend(b"%s: %s\r\n" % (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)
    if close:
        lines.append(b"connection: close\r\n")
    return b"".join(lines)
