"""Messages to bytes: status lines, and the heads the gateway writes itself."""

from __future__ import annotations

#: The names of RFC 9110 section 15 and of the registry it began, whatever the version of Python calls them.
REASONS = {
    100: b"Continue",
    101: b"Switching Protocols",
    102: b"Processing",
    103: b"Early Hints",
    200: b"OK",
    201: b"Created",
    202: b"Accepted",
    203: b"Non-Authoritative Information",
    204: b"No Content",
    205: b"Reset Content",
    206: b"Partial Content",
    207: b"Multi-Status",
    208: b"Already Reported",
    226: b"IM Used",
    300: b"Multiple Choices",
    301: b"Moved Permanently",
    302: b"Found",
    303: b"See Other",
    304: b"Not Modified",
    305: b"Use Proxy",
    307: b"Temporary Redirect",
    308: b"Permanent Redirect",
    400: b"Bad Request",
    401: b"Unauthorized",
    402: b"Payment Required",
    403: b"Forbidden",
    404: b"Not Found",
    405: b"Method Not Allowed",
    406: b"Not Acceptable",
    407: b"Proxy Authentication Required",
    408: b"Request Timeout",
    409: b"Conflict",
    410: b"Gone",
    411: b"Length Required",
    412: b"Precondition Failed",
    413: b"Content Too Large",
    414: b"URI Too Long",
    415: b"Unsupported Media Type",
    416: b"Range Not Satisfiable",
    417: b"Expectation Failed",
    421: b"Misdirected Request",
    422: b"Unprocessable Content",
    423: b"Locked",
    424: b"Failed Dependency",
    425: b"Too Early",
    426: b"Upgrade Required",
    428: b"Precondition Required",
    429: b"Too Many Requests",
    431: b"Request Header Fields Too Large",
    451: b"Unavailable For Legal Reasons",
    500: b"Internal Server Error",
    501: b"Not Implemented",
    502: b"Bad Gateway",
    503: b"Service Unavailable",
    504: b"Gateway Timeout",
    505: b"HTTP Version Not Supported",
    506: b"Variant Also Negotiates",
    507: b"Insufficient Storage",
    508: b"Loop Detected",
    510: b"Not Extended",
    511: b"Network Authentication Required",
}

#: b"HTTP/1.1 200 OK\r\n" and so on, made once.
STATUS_LINES = {status: b"HTTP/1.1 %d %s\r\n" % (status, reason) for status, reason in REASONS.items()}


def status_line(status: int) -> bytes:
    """The status line of an answer with the usual reason phrase; without one when the status has none."""
    return STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


def reply_fields(status: int, content_type: str, length: int, headers: tuple[tuple[str, str], ...]) -> bytes:
    """The field lines of an answer made here that say something of its content, each with its CRLF; ``length``: bytes of its body."""
    has_type = length and status != 204 and status != 304 and status >= 200
    lines = [b"content-type: %s\r\n" % content_type.encode("latin-1")] if has_type else []
    lines.extend(b"%s: %s\r\n" % (name.encode("latin-1"), value.encode("latin-1")) for name, value in headers)
    return b"".join(lines)


def reply_head(status: int, fields: bytes, length: int, connection: bytes = b"") -> bytes:
    """Head of an answer made here, without its final empty line: more ``fields`` may follow.

    ``connection``: what its ``Connection`` says, empty for what HTTP/1.1 means without one; HTTP/1.0 needs ``keep-alive`` to go on (RFC
    9112 section 9.3).
    """
    framing = b"content-length: %d\r\n" % length if status != 204 and status != 304 and status >= 200 else b""
    end = b"connection: %s\r\n" % connection if connection else b""
    return status_line(status) + fields + framing + end
