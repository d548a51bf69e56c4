"""The plain byte work by examples; ``test_octets`` tries it beside the compiled one."""

from __future__ import annotations

import pytest

from fastgw.wire.http2 import _octets_py as plain


def test_the_frame_of_a_ping() -> None:
    assert plain.frame(6, 1, 0, b"12345678").hex(" ", 1) == "00 00 08 06 01 00 00 00 00 31 32 33 34 35 36 37 38"


@pytest.mark.parametrize(("size", "prefix"), [(10, "0a"), (126, "7e"), (127, "7f00"), (1337, "7fba09")])
def test_the_numbers_of_rfc_7541(size: int, prefix: str) -> None:
    assert plain.literal(b"", b"v" * size, 0)[:-size].hex() == prefix


def test_lines() -> None:
    assert plain.line_end(b"a: b\r\nc: d\r\n", 0) == 4 and plain.line_end(b"a: b\r\nc: d", 6) == 10
    assert plain.find_colon(b":path: /") == 5 and not plain.is_value(b"a\0")
