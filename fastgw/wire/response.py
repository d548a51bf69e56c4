"""A response head from a service, read as strictly as a client's request (RFC 9112 sections 4 and 6).

No grammar parser runs first, as for requests: ``scan_response`` checks every line itself, because httptools cannot be told that a
message answers HEAD, swallows the bytes behind an unasked 101 and takes a doubled ``chunked``.
"""

from __future__ import annotations

from fastgw.wire.errors import bad
from fastgw.wire.fields import FieldTable
from fastgw.wire.request import MAX_LENGTH, NO_LENGTH
from fastgw.wire.scan import scan_response

# How the end of a body is known (RFC 9112 section 6.3).
BODY_NONE = 0
BODY_LENGTH = 1
BODY_CHUNKED = 2
BODY_UNTIL_CLOSE = 3


class Response:
    """One response head.  Belongs to an exchange and is reset with it."""

    __slots__ = (
        "body",
        "connection",
        "content_length",
        "extra",
        "fields",
        "head",
        "keep_alive",
        "length_count",
        "minor",
        "rare",
        "reason",
        "request_id",
        "status",
        "transfer_encoding",
        "upgrade",
    )

    def __init__(self) -> None:
        self.head = b""
        self.status = 0  #: 0: no answer yet
        self.reason = b""
        self.minor = 1
        self.fields = (
            b""  #: end-to-end field lines, each with its CRLF, Content-Length included when it frames the body
        )
        self.body = BODY_NONE
        self.content_length = NO_LENGTH
        self.keep_alive = True
        self.request_id = b""  #: the service's own, or what the ``request_id`` filter puts here
        self.extra = b""  #: field lines that hooks add, each with its CRLF
        self.reset_rare()

    def reset_rare(self) -> None:
        """Back to the defaults of what few answers carry."""
        self.rare = False
        self.length_count = 0
        self.transfer_encoding = b""
        self.connection = b""
        self.upgrade = b""

    def add_header(self, name: bytes, value: bytes) -> None:
        """Add a field line to the answer; ``name`` and ``value`` are the gateway's own and must be valid."""
        self.extra += name + b": " + value + b"\r\n"


def read_response(head: bytes, response: Response, table: FieldTable, head_count: int, to_head: bool) -> None:
    """Fill ``response`` from a complete head; ``to_head``: it answers a HEAD request.

    Raises:
        WireError: the head has no single reading.
    """
    if response.rare:
        response.reset_rare()
    response.head = head
    response.request_id = response.extra = b""
    scan_response(head, response, table, head_count)
    if response.rare:
        _frame_and_connection(response)
    else:
        response.keep_alive = response.minor == 1
        response.content_length = NO_LENGTH
    status = response.status
    if to_head or status < 200 or status == 204 or status == 304:
        response.body = BODY_NONE
    elif response.transfer_encoding:
        response.body = BODY_CHUNKED
    elif response.content_length >= 0:
        response.body = BODY_LENGTH if response.content_length else BODY_NONE
    else:
        response.body = BODY_UNTIL_CLOSE
        response.keep_alive = False


def _frame_and_connection(response: Response) -> None:
    if response.transfer_encoding:
        if response.length_count:
            raise bad("the answer has both Content-Length and Transfer-Encoding")
        if response.minor == 0:
            raise bad("Transfer-Encoding in an HTTP/1.0 answer")
        if response.transfer_encoding.lower() != b"chunked":
            raise bad("the answer has a transfer coding other than one 'chunked'")
    if response.length_count > 1:
        raise bad("the answer has more than one Content-Length")
    if not response.length_count:
        response.content_length = NO_LENGTH
    elif response.content_length > MAX_LENGTH:
        raise bad("the Content-Length of the answer is larger than any body can be")
    tokens = {token.strip(b" \t") for token in response.connection.lower().split(b",")}
    if response.minor == 1:
        response.keep_alive = b"close" not in tokens
    else:
        response.keep_alive = b"keep-alive" in tokens and b"close" not in tokens
