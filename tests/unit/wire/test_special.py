"""What is seldom asked of a head; the scans' tests have the rest of it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import fastgw
from fastgw.wire import special
from fastgw.wire.errors import WireError
from fastgw.wire.messages import Request


def test_name_that_is_no_token_is_refused_by_its_kind() -> None:
    with pytest.raises(WireError):
        special.request_field(Request(), -1, b"")


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b"GET / HTTP/1.1", (b"GET", b"/", 1)),
        (b"GET / HTTP/1.0", (b"GET", b"/", 0)),
        (b"GET / HTTP/1.7", (b"GET", b"/", 1)),  # RFC 9110 section 2.5
        (b"GET / HTTP/2.0", 505),
        (b"GET / http/1.1", 400),
        (b"GET  HTTP/1.1", 400),
        (b"G(T / HTTP/1.1", 400),
        (b"GET /", 400),
    ],
)
def test_what_a_request_line_alone_tells(line: bytes, expected: tuple[bytes, bytes, int] | int) -> None:
    if isinstance(expected, int):
        with pytest.raises(WireError) as refused:
            special.split_request_line(line)
        assert refused.value.status == expected
    else:
        assert special.split_request_line(line) == expected


@pytest.mark.skipif(not fastgw.compiled(), reason="the plain scan is what scans")
def test_a_compiled_worker_knows_no_plain_scan() -> None:
    code = "import sys, fastgw.server.serving; print('fastgw.wire._scan_py' in sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert found.stdout.strip() == "False"
