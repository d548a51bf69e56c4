"""Messages of a stream that has one a line."""

from __future__ import annotations

import pytest

from fastgw.discovery.lines import WholeLines

TOO_LONG = ValueError("too long")


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_lines_however_they_arrive(size: int) -> None:
    data = b'{"a": 1}\n\n[2]\r\n"x"\n{"cut'
    lines = WholeLines(100, TOO_LONG)
    found = [line for begin in range(0, len(data), size) for line in lines.feed(data[begin : begin + size])]
    assert found == [b'{"a": 1}', b"[2]\r", b'"x"'] and lines.is_cut
    assert not WholeLines(100, TOO_LONG).is_cut


def test_a_line_has_a_bound() -> None:
    lines = WholeLines(100, TOO_LONG)
    assert lines.feed(b" " * 100) == []
    with pytest.raises(ValueError, match="too long") as caught:
        lines.feed(b" ")
    assert caught.value is TOO_LONG
