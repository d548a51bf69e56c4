"""The byte work in plain Python: no loop over bytes, and none over lines where the shape of a head is known (see ``scan``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeVar

from fastgw.wire._shapes import learn
from fastgw.wire.errors import WireError, bad
from fastgw.wire.fields import (
    CONTENT_LENGTH,
    DATE,
    DROP,
    KEEP,
    LINE_BYTES,
    FieldTable,
)
from fastgw.wire.messages import MAX_LENGTH, NO_LENGTH, Request, Response
from fastgw.wire.special import minor_version, request_field, response_field, without_nominated

if TYPE_CHECKING:
    from collections.abc import Callable

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?").fullmatch
_status_lines: dict[bytes, tuple[int, int, bytes]] = {}
_PLAIN_TARGET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=:@/?"
_HEX_SIZE = re.compile(rb"[0-9A-Fa-f]{1,14}").fullmatch

M = TypeVar("M", Request, Response)

STATUS_LINES_MAX = 256  #: status lines remembered
STATUS_LINE_SIZE_MAX = 64  #: bytes of one worth remembering


def scan_request(head: bytes, request: Request, table: FieldTable, head_count: int) -> None:
    """Take a request head, whose grammar was checked, apart into ``request``.

    Raises:
        WireError: 400, 417, 431, 501, 505.
    """
    end = head.find(b"\r\n")
    try:
        request.method, request.target, version = head[:end].split(b" ")
    except ValueError:
        raise bad("the request line is not 'METHOD target HTTP/1.1' with single spaces") from None
    request.minor = 1 if version == b"HTTP/1.1" else minor_version(version)
    request.host_count = request.length_count = 0
    request.content_length = NO_LENGTH
    request.closes = False
    _scan_fields(head, end, head.count(b"\n"), request, table, head_count, _request_lines, request_field)


def _request_lines(head: bytes, end: int, head_count: int) -> list[bytes]:
    """The field lines of a head whose request line ends at ``end``."""
    lines = head[end + 2 : -4].split(b"\r\n") if end + 4 < len(head) else []
    if len(lines) > head_count:
        raise WireError(431, "too_many_fields", f"the request head has more than {head_count} fields")
    return lines


def content_length(value: bytes) -> int:
    """The number a Content-Length field says (RFC 9110 section 8.6).

    Raises:
        WireError: 400, not a decimal number; 413, larger than any body can be.
    """
    if not value.isdigit():
        raise bad("the Content-Length is not a decimal number")
    if len(value) > 19 or (number := int(value)) > MAX_LENGTH:
        raise WireError(413, "content_too_large", "the Content-Length is larger than any body can be")
    return number


def scan_response(head: bytes, response: Response, table: FieldTable, head_count: int) -> None:
    """Check a response head line by line and take it apart into ``response``.

    Raises:
        WireError: 400, which for a service means 502.
    """
    response.has_date = False
    response.length_count = 0
    response.content_length = NO_LENGTH
    end = head.find(b"\r\n")
    # The bytes that may not stand in a line must all be the CR and LF of line ends.  In a head of known shape they are: it has one CR
    # LF for each two of them, so none is left over that is a control character or stands alone.
    ends = len(head.translate(None, LINE_BYTES))
    if ends & 1:
        raise bad("the answer's head has a control character or a bare CR or LF")
    line = head[:end]
    response.status, response.minor, response.line = _status_lines.get(line) or _status_line(line)
    _scan_fields(head, end, ends >> 1, response, table, head_count, _response_lines, response_field)


def _response_lines(head: bytes, end: int, head_count: int) -> list[bytes]:
    """The field lines of a head whose status line ends at ``end``."""
    if len(head.translate(None, LINE_BYTES)) != 2 * head.count(b"\r\n"):
        raise bad("the answer's head has a control character or a bare CR or LF")
    lines = head[end + 2 : -4].split(b"\r\n") if end + 4 < len(head) else []
    if len(lines) > head_count:
        raise bad(f"the answer's head has more than {head_count} fields")
    return lines


def _status_line(line: bytes) -> tuple[int, int, bytes]:
    """Status, minor version and the line as it is passed on; remembered, for there are few.

    Raises:
        WireError: it is none.
    """
    match = _STATUS_LINE(line)
    if match is None:
        raise bad("the answer's status line is not 'HTTP/1.1 status reason'")
    made = (int(match[2]), 1 if match[1] == b"1" else 0, b"HTTP/1.1 %b %b\r\n" % (match[2], match[3] or b""))
    if len(_status_lines) < STATUS_LINES_MAX and len(line) <= STATUS_LINE_SIZE_MAX:
        _status_lines[line] = made
    return made


# --- the fields of either


def _scan_fields(
    head: bytes,
    end: int,
    breaks: int,
    message: M,
    table: FieldTable,
    head_count: int,
    lines_of: Callable[[bytes, int, int], list[bytes]],
    take: Callable[[M, int, bytes], None],
) -> None:
    """Take the field lines behind the first line, which ends at ``end``, apart into ``message``.

    Args:
        breaks: line feeds in ``head``.
        lines_of: says what the lines of a head of no known shape are, within ``head_count``, and raises WireError.
        take: called with the kind and the value of each field that is neither relayed as it is nor a Content-Length.
    """
    shapes = table.shapes.get(breaks)
    match = None
    if shapes is not None and breaks <= head_count + 2:
        for shape in shapes.known:
            match = shape.match(head, end + 2)
            if match is not None:  # all lines at once: heads of their names came before
                for kind, group in shape.values:
                    if kind == CONTENT_LENGTH:
                        message.length_count += 1
                        message.content_length = int(match[group])
                    else:
                        take(message, kind, match[group].strip(b" \t"))
                if shape.has_date:
                    take(message, DATE, b"")
                message.fields = match[shape.whole] if shape.whole else b"".join(match.group(*shape.kept))
                break
    if match is None:
        lines = lines_of(head, end, head_count)
        _read_lines(lines, message, table, take)
        learn(table, head, lines)
    if message.rare and message.connection:
        message.fields = without_nominated(message.fields, message.connection)


def _read_lines(lines: list[bytes], message: M, table: FieldTable, take: Callable[[M, int, bytes], None]) -> None:
    """Read ``lines`` one by one."""
    seen = table.seen
    kept = []
    for line in lines:
        name, colon, value = line.partition(b":")
        kind = seen.get(name)
        if kind is None:
            kind = table.learn(name)
        if not colon:
            kind = -1
        if kind == KEEP:
            kept.append(line)
        elif kind == CONTENT_LENGTH:
            message.length_count += 1
            message.content_length = content_length(value.strip(b" \t"))
            kept.append(line)
        elif kind != DROP:
            take(message, kind, value.strip(b" \t"))
            if kind == DATE:
                kept.append(line)
    kept.append(b"")
    message.fields = b"\r\n".join(kept)


# --- other bytes


def find_head_end(data: bytes, start: int) -> int:
    """Where the empty line that ends a head begins, looked for from ``start`` on; -1: not there yet."""
    return data.find(b"\r\n\r\n", start)


def scan_target(target: bytes, request: Request) -> bool:
    """Set target, path and query of ``request`` if this origin-form target is in normal form as it is; False: it may not be.

    A target of unreserved and sub-delimiter characters without ``/.`` is; everything else takes the careful way in ``target``.
    """
    if target.translate(None, _PLAIN_TARGET) or b"/." in target:
        return False
    request.target = target
    mark = target.find(b"?")
    if mark < 0:
        request.path = target
        request.query = b""
    else:
        request.path = target[:mark]
        request.query = target[mark:]
    return True


def scan_chunk_line(data: bytes, at: int) -> int:
    """A plain chunk line at ``data[at:]``: ``size * 32 + bytes of the line``, or -1 when it is incomplete or not that plain.

    Plain is up to 14 hexadecimal digits and CRLF; everything else takes the careful way in ``chunked``.
    """
    end = data.find(b"\r\n", at, at + 16)
    if end < 0 or _HEX_SIZE(data, at, end) is None:
        return -1
    return int(data[at:end], 16) * 32 + end + 2 - at


def cut(data: bytes, start: int, stop: int) -> bytes:
    """``data[start:stop]`` for indices in order and in range (compiled, others are an IndexError): there a slice makes three objects."""
    return data[start:stop]


#: The bytes of a tuple, one behind the other: compiled, a quarter of what ``bytes.join`` costs.
join = b"".join


def pair(first: bytes, second: bytes) -> bytes:
    """``first + second``: compiled, without the buffers that ``+`` asks both for, and without the tuple of ``join``."""
    return first + second


def framed(data: bytes) -> bytes:
    """``data``, which is not empty, as a chunk (RFC 9112 section 7.1)."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def find_base64(data: bytes, start: int) -> int:
    """Where the word ``base64`` begins in ``data``, from ``start`` on; -1: nowhere.  ``bytes.find`` takes four times as long as ours."""
    return data.find(b"base64", start)


def masked(data: bytes, mask: bytes) -> bytes:
    """``data`` under the ``mask`` of a WebSocket, four bytes, which is also how it is taken off (RFC 6455 section 5.3).

    Raises:
        ValueError: the mask has another length.
    """
    if len(mask) != 4:
        raise ValueError("a mask has four bytes")
    size = len(data)
    key = mask * (size >> 2) + mask[: size & 3]
    return (int.from_bytes(data, "little") ^ int.from_bytes(key, "little")).to_bytes(size, "little")
