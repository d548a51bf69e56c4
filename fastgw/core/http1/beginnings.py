"""How much of a request head must have come before it is known that it will never be one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastgw.wire.errors import WireError, bad
from fastgw.wire.fields import is_hopeless
from fastgw.wire.special import split_request_line

if TYPE_CHECKING:
    from fastgw.core.settings import Limits

HTTP2_BEGINS = b"PRI * HTTP/2.0\r\n\r\n"  #: what is made to be no request of HTTP/1 (RFC 9113 section 3.4)
BLANK_LINES_MAX = 2  #: empty lines skipped before a request line (RFC 9112 section 2.2 asks for at least one)


def check_beginning(data: bytes, end: int, searched: int, blank_lines: int, limits: Limits) -> None:
    """Refuse ``data``, the beginning of a head, where no more bytes can make a request of it.

    Args:
        data: what has come.
        end: where the head ends, which is too large then; -1: it is not complete.
        searched: what was checked before this is not checked again.
        blank_lines: skipped before it.
        limits: of the listener.

    Raises:
        WireError: 400, 414, 431 (RFC 9112 section 3, RFC 6585 section 5).
    """
    line_end = data.find(b"\r\n")
    line_size = len(data) if line_end < 0 else line_end
    if line_size > limits.uri_length + 64:
        raise WireError(414, "uri_too_long", f"the request target is longer than {limits.uri_length} bytes")
    if end >= 0 or len(data) > limits.head_size:
        raise WireError(431, "head_too_large", f"the request head is larger than {limits.head_size} bytes")
    if data.count(b"\r\n") > limits.head_count + 1:
        raise WireError(431, "too_many_fields", f"the request head has more than {limits.head_count} fields")
    if is_hopeless(data, searched + 2 if searched > 1 else 0) or (data[:1] == b"\r" and blank_lines >= BLANK_LINES_MAX):
        raise bad("the request head has a control character or a bare CR or LF")
    if line_end > searched and not HTTP2_BEGINS.startswith(data):  # else it is told when it is whole
        split_request_line(data[:line_end])
