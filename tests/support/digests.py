"""What tests of the filter ``digest`` have in common."""

from __future__ import annotations

import base64
import hashlib
from typing import Any

from fastgw.filters.digest import Digest
from fastgw.testing.edge import Edge

OPTIONS = {
    "check_requests": True,
    "require": False,
    "add": True,
    "algorithm": "sha-256",
    "gather": 65536,
    "gather_streams": False,
}

#: The representation of RFC 9530 appendix A, and what stands there of it.
EXAMPLE = b'{"hello": "world"}\n'
EXAMPLE_256 = b"sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:"
EXAMPLE_512 = b"sha-512=:YMAam51Jz/jOATT6/zvHrLVgOYTGFy1d6GJiOHTohq4yP+pgk4vf2aCsyRZOtw8MjkM7iw7yZ/WkppmM44T3qg==:"

GET_TE = b"GET / HTTP/1.1\r\nHost: a.test\r\nConnection: TE\r\nTE: trailers\r\n\r\n"
CHUNKED_OK = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def told(data: bytes, algorithm: str = "sha-256") -> bytes:
    """The field value for ``data``, computed here."""
    digest = hashlib.new(algorithm.replace("-", ""), data).digest()
    return algorithm.encode() + b"=:" + base64.b64encode(digest) + b":"


def filtered(**options: Any) -> Digest:
    return Digest("sum", {**OPTIONS, **options})


def edge_with(*more: Any, endpoints: int = 1, **options: Any) -> Edge:
    return Edge(filters=[filtered(**options), *more], endpoints=endpoints)


def with_field(head: bytes, *lines: bytes) -> bytes:
    return head[:-2] + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


def in_chunks(data: bytes, size: int, trailers: bytes = b"") -> bytes:
    """The chunks of ``data``."""
    pieces = [data[at : at + size] for at in range(0, len(data), size)]
    return b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in pieces) + b"0\r\n" + trailers + b"\r\n"
