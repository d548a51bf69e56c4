"""Captures are read as something that anybody may have made."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.rehearsal.captures import LINE_MAX, Capture, read_line

GOOD: dict[str, Any] = {
    "v": 1, "at": "2026-11-28T00:00:00.000Z", "listener": "edge", "method": "POST", "target": "/a?b=#1", "host": "a.test",
    "fields": [["Accept", "a"], ["accept", "b"], ["cookie", "#12"]], "body": {"size": 3}, "route": "r", "status": 200, "ms": 1.5,
}  # fmt: skip


def line(**changed: Any) -> bytes:
    return json.dumps(GOOD | changed).encode() + b"\n"


def test_a_line_is_a_request() -> None:
    found = read_line(line())
    assert (found.path, found.query, found.method, found.status) == ("/a", "b=#1", "POST", 200)
    assert found.fields == {"accept": "a, b"} and found.hashed == {"cookie"} and found.service == found.model == ""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (line()[:-1], "is cut off"),
        (line()[:40] + b"\n", "is no JSON"),
        (b"[" * 100_000 + b"\n", "is no JSON"),
        (b"\xff\xfe\n", "is no JSON"),
        (b"[]\n", "is no recorded request"),
        (b"{}\n", "is no recorded request"),
        (line(v=2), "is of another version than 1"),
        (line(target="a"), "has no target"),
        (line(target=["/"]), "has target that is no text"),
        (line(host="x" * 20_000), "has host that is no text"),
        (line(fields={"a": "b"}), "has fields that are none"),
        (line(fields=[["a", 1]]), "has fields that are none"),
        (line(status="200"), "has a status or a time that is no number"),
        (b"x" * (LINE_MAX + 1), "is longer than a line may be"),
    ],
)
def test_one_that_is_none_is_left_out_with_its_reason(data: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        read_line(data)


def test_the_rest_of_a_file_is_read(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(line(v=9) + line() + b"no\n" + line(v=9))
    second.write_bytes(line()[:-5])
    capture = Capture([str(first), str(second)])
    assert len(list(capture)) == 1 and capture.lines == 5
    assert capture.unread == {"is of another version than 1": 2, "is no JSON": 1, "is cut off": 1}
    assert capture.first_unread["is of another version than 1"] == f"{first}:1"


_VALUES = st.none() | st.booleans() | st.floats() | st.text() | st.lists(st.text())


@given(
    st.binary(max_size=300) | st.builds(lambda key, value: line(**{key: value}), st.sampled_from(sorted(GOOD)), _VALUES)
)
def test_whatever_it_is_it_is_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert read_line(data).path
