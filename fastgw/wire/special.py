"""What is seldom asked of a head, and alike for both scans: request lines that are not the usual one, and fields that are neither relayed
as they are nor common.

The plain scan (``_scan_py``) needs expressions and tables that the compiled one does without; so this stands apart from it.
"""

from __future__ import annotations

import re

from fastgw.wire.errors import WireError, bad
from fastgw.wire.fields import (
    CONNECTION,
    DATE,
    EXPECT,
    FORWARDED_FOR,
    FORWARDED_HOST,
    FORWARDED_PROTO,
    HOST,
    PROTECTED,
    REQUEST_ID,
    REQUEST_TIMEOUT,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
    VIA,
    is_token,
)
from fastgw.wire.messages import Request, Response

_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:+/=@-]{1,128}").fullmatch
_VERSION = re.compile(rb"HTTP/([0-9])\.([0-9])").fullmatch


def split_request_line(line: bytes) -> tuple[bytes, bytes, int]:
    """Method, target and minor version of a complete request line, as far as it alone tells.

    Raises:
        WireError: 400, 505: whatever follows, this does not become a request.
    """
    parts = line.split(b" ")
    if len(parts) != 3 or not parts[1]:
        raise bad("the request line is not 'METHOD target HTTP/1.1' with single spaces")
    if is_token(parts[0]) is None:
        raise bad("the request method is not a token")
    return parts[0], parts[1], minor_version(parts[2])


def minor_version(version: bytes) -> int:
    """0 or 1 for the version of a request line: HTTP/1.2 and later are read as 1.1 (RFC 9110 section 2.5).

    Raises:
        WireError: 505, another major version; 400, no version.
    """
    match = _VERSION(version)
    if match is None:
        raise bad("the protocol of the request line is not HTTP")
    if match[1] != b"1":
        raise WireError(505, "version_not_supported", "the versions served are HTTP/1.0 and HTTP/1.1")
    return 0 if match[2] == b"0" else 1


def request_field(request: Request, kind: int, value: bytes) -> None:
    """Take note of a field that is neither relayed as it is nor common."""
    if kind == HOST:
        request.host_count += 1
        request.authority = value
        return
    if kind == CONNECTION:
        option = value.lower()
        if request.minor and option == b"keep-alive":
            return  # what HTTP/1.1 does anyway
        if request.minor and option == b"close":
            request.closes = True
            return
        request.connection = request.connection + b"," + value if request.connection else value
    elif kind == TRANSFER_ENCODING:
        # An empty value, or a second line, must not look like none or like one.
        request.transfer_encoding = b"," if request.transfer_encoding or not value else value
    elif kind == EXPECT:
        if value.lower() != b"100-continue":
            raise WireError(417, "expectation_failed", "the only expectation served is 100-continue")
        request.expect = True
    elif kind == UPGRADE:
        request.upgrade = (request.upgrade + b"," + value if request.upgrade else value).lower()
    elif kind == TE:
        if b"trailers" in [part.strip(b" \t") for part in value.lower().split(b",")]:
            request.te_trailers = True
    elif kind == REQUEST_ID:
        request.request_id = value if _REQUEST_ID(value) else b""
        return
    elif kind == VIA:
        request.via = request.via + b", " + value if request.via else value
    elif kind == FORWARDED_FOR:
        request.forwarded_for = request.forwarded_for + b", " + value if request.forwarded_for else value
    elif kind == FORWARDED_PROTO:
        request.forwarded_proto = value
    elif kind == FORWARDED_HOST:
        request.forwarded_host = value
    elif kind == REQUEST_TIMEOUT:
        request.timeout = b"," if request.timeout else value  # two say nothing
    elif kind < 0:
        raise bad("the request head has a field name that is not a token")
    request.rare = True


def response_field(response: Response, kind: int, value: bytes) -> None:
    """Take note of a field that is neither relayed as it is nor common, or is a Date."""
    if kind == DATE:
        response.has_date = True
        return
    if kind == CONNECTION:
        if response.minor and value.lower() == b"keep-alive":
            return  # what HTTP/1.1 does anyway
        response.connection = response.connection + b"," + value if response.connection else value
    elif kind == TRANSFER_ENCODING:
        response.transfer_encoding = b"," if response.transfer_encoding or not value else value
    elif kind == UPGRADE:
        response.upgrade = (response.upgrade + b"," + value if response.upgrade else value).lower()
    elif kind == REQUEST_ID:
        response.request_id = value
        return
    elif kind < 0:
        raise bad("the answer's head has a line that is not a field")
    response.rare = True


def without_nominated(fields: bytes, connection: bytes) -> bytes:
    """``fields`` without the lines that ``Connection`` names (RFC 9110 section 7.6.1), except those it may not take away."""
    names = {token.strip(b" \t") for token in connection.lower().split(b",")}
    names -= {b"close", b"keep-alive", b"upgrade", b"te", b""}
    if not names:
        return fields
    names = {name for name in names if name not in PROTECTED and not name.startswith(b"x-forwarded-")}
    lines = fields.split(b"\r\n")
    return b"\r\n".join([line for line in lines if line.partition(b":")[0].lower() not in names])
