"""A response head from a service, read as strictly as a client's request (RFC 9112 sections 4 and 6).

No grammar parser runs first, as for requests: ``scan_response`` checks every line itself, because httptools cannot be told that a
message answers HEAD, swallows the bytes behind an unasked 101 and takes a doubled ``chunked``.
"""

from __future__ import annotations

from fastgw.wire import scan
from fastgw.wire.errors import bad
from fastgw.wire.fields import FieldTable
from fastgw.wire.messages import BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE, Response


def read_response(head: bytes, response: Response, table: FieldTable, head_count: int, to_head: bool) -> None:
    """Fill ``response`` from a complete head; ``to_head``: it answers a HEAD request.

    Raises:
        WireError: the head has no single reading.
    """
    if response.rare:
        response.reset_rare()
    response.head = head
    response.request_id = response.extra = b""
    scan.scan_response(head, response, table, head_count)
    if response.length_count > 1:
        raise bad("the answer has more than one Content-Length")
    response.keep_alive = response.minor == 1
    if response.rare:
        _coding_and_connection(response)
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


def _coding_and_connection(response: Response) -> None:
    if response.transfer_encoding:
        if response.length_count:
            raise bad("the answer has both Content-Length and Transfer-Encoding")
        if response.minor == 0:
            raise bad("Transfer-Encoding in an HTTP/1.0 answer")
        if response.transfer_encoding.lower() != b"chunked":
            raise bad("the answer has a transfer coding other than one 'chunked'")
    tokens = {token.strip(b" \t") for token in response.connection.lower().split(b",")}
    if response.minor == 1:
        response.keep_alive = b"close" not in tokens
    else:
        response.keep_alive = b"keep-alive" in tokens and b"close" not in tokens
