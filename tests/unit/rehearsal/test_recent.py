"""The last requests of a capture, read from its end as something that anybody may have made."""

from __future__ import annotations

import io
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.rehearsal import recent as module
from fastgw.rehearsal.captures import LINE_MAX
from fastgw.rehearsal.recent import RecentCapture, backward, seconds_of

NOW = 1_800_000_000.0


def line(ago: float, **changed: Any) -> bytes:
    at = datetime.fromtimestamp(NOW - ago, UTC).isoformat()
    return json.dumps({"v": 1, "at": at, "target": "/a", "status": 200} | changed).encode() + b"\n"


def capture(*paths: Path, most: int = 100) -> RecentCapture:
    return RecentCapture([str(one) for one in paths], NOW - 300, NOW, most)


@given(
    st.lists(st.binary(max_size=9).map(lambda one: one.replace(b"\n", b"")), max_size=30),
    st.binary(max_size=3),
    st.integers(1, 7),
)
def test_backward_is_forward_the_other_way_round(lines: list[bytes], cut: bytes, block: int) -> None:
    data = b"".join(one + b"\n" for one in lines) + cut
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "BLOCK", block)
        assert list(backward(io.BytesIO(data), len(data), len(data))) == list(io.BytesIO(data))[::-1]


def test_a_line_without_end_costs_no_more_than_a_line_may_have() -> None:
    data = b"a\n" + b"x" * (LINE_MAX + 3 * module.BLOCK) + b"\nb\n"
    found = list(backward(io.BytesIO(data), len(data), len(data)))
    assert found[0] == b"b\n" and found[2] == b"a\n" and LINE_MAX < len(found[1]) <= LINE_MAX + 2 * module.BLOCK


def test_what_is_beyond_the_bytes_is_not_read() -> None:
    assert list(backward(io.BytesIO(b"aaaa\nbb\n"), 8, 5)) == [b"bb\n"]


def test_the_time_decides_and_the_order_is_that_of_the_requests(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(line(900, target="/old") + line(10, target="/3") + line(20, target="/2") + line(-3, target="/4"))
    second.write_bytes(line(200, target="/1") + line(-60) + line(30, at="soon") + line(30, at="2026-11-28T00:00:00"))
    found = capture(first, second)
    assert [one.path for one in found.read()] == ["/1", "/2", "/3", "/4"]
    assert found.unread == {"is of a time to come": 1, "has no time": 2} and not found.is_cut
    assert found.first_unread["has no time"] == str(second)


def test_the_file_before_is_read_if_this_one_does_not_go_back_so_far(tmp_path: Path) -> None:
    path, older = tmp_path / "a", tmp_path / "a.1"
    older.write_bytes(line(900, target="/0") + line(100, target="/1"))
    path.write_bytes(line(50, target="/2"))
    assert [one.path for one in capture(path).read()] == ["/1", "/2"]
    path.write_bytes(line(901, target="/0") + line(50, target="/2"))
    assert [one.path for one in capture(path).read()] == ["/2"]


def test_so_many_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"".join(line(100 - number, target=f"/{number}") for number in range(9)))
    found = capture(path, most=2)
    assert [one.path for one in found.read()] == ["/7", "/8"] and found.is_cut
    monkeypatch.setattr(module, "OLDER_MOST", 1)
    path.write_bytes(line(10) + 3 * line(999) + line(10))
    assert len(capture(path).read()) == 1


def test_what_is_no_file_is_said_and_nobody_waits(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    found = capture(tmp_path / "pipe", tmp_path, tmp_path / "none")
    assert found.read() == [] and found.unread == {"is no file": 2, "is not there": 1}


def test_a_time_is_one_with_a_zone() -> None:
    assert seconds_of("1970-01-01T00:00:01.500Z") == 1.5
    for text in ("", "now", "1970-01-01T00:00:01", "99999-01-01T00:00:00Z", "\x1b[2J"):
        with pytest.raises(ValueError, match="has no time"):
            seconds_of(text)
    assert seconds_of("0001-01-01T00:00:00+14:00") < 0
