"""The byte work of frames and fields, compiled and plain: the same, and what the rules say."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

import hpack
import pytest
from hyperframe.frame import Frame
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.wire.http2 import _octets_py, octets
from tests.support.examples import examples

IMPLEMENTATIONS: list[Any] = [_octets_py]
if find_spec("fastgw.wire.http2._octets") is not None:
    IMPLEMENTATIONS.append(importlib.import_module("fastgw.wire.http2._octets"))

each = pytest.mark.parametrize("module", IMPLEMENTATIONS)
lines = st.lists(st.sampled_from([b"a: b", b"\r\n", b"\r", b"\n", b":", b" ", b""]), max_size=8).map(b"".join)


def test_the_compiled_one_is_chosen_where_it_is() -> None:
    assert octets.frame is IMPLEMENTATIONS[-1].frame


@each
@settings(max_examples=examples(200))
@given(kind=st.integers(0, 9), flags=st.integers(0, 255), stream=st.integers(0, 2**31 - 1), size=st.integers(0, 2**14))
def test_the_head_of_a_frame_is_read_as_it_was_written(
    module: Any, kind: int, flags: int, stream: int, size: int
) -> None:
    head = module.frame_head(kind, flags, stream, size)
    assert len(head) == 9 and (head[3], head[4]) == (kind, flags)
    assert int.from_bytes(head[:3], "big") == size and int.from_bytes(head[5:], "big") == stream
    assert module.frame(kind, flags, stream, b"x" * size) == head + b"x" * size


@each
def test_another_implementation_reads_a_frame(module: Any) -> None:
    found, size = Frame.parse_frame_header(memoryview(module.frame(0, 1, 7, b"hello"))[:9])
    assert (size, found.stream_id, found.flags) == (5, 7, {"END_STREAM"})


@each
@settings(max_examples=examples(300))
@given(text=lines, start=st.integers(0, 4))
def test_a_line_ends_at_its_crlf_or_with_all(module: Any, text: bytes, start: int) -> None:
    start = min(start, len(text))
    assert module.line_end(text, start) == start + len(text[start:].partition(b"\r\n")[0])


@each
@pytest.mark.parametrize(
    ("line", "place"), [(b"a: b", 1), (b":path: /:", 5), (b"a", -1), (b":", -1), (b"", -1), (b"::", 1)]
)
def test_a_name_ends_at_the_first_colon_that_is_none_of_a_pseudo_field(module: Any, line: bytes, place: int) -> None:
    assert module.find_colon(line) == place


@each
@settings(max_examples=examples(200))
@given(
    value=st.text("ab \t", max_size=6).map(str.encode)
    | st.sampled_from([126, 127, 254, 255, 382, 20_000]).map(lambda n: b"v" * n)
)
def test_a_field_is_what_another_implementation_reads(module: Any, value: bytes) -> None:
    block = module.literal(b"\x00\x01x", b"x:" + value, 2)
    assert hpack.Decoder(max_header_list_size=1 << 20).decode(block, raw=True) == [(b"x", value.strip(b" \t"))]


@each
def test_a_field_has_its_value_alone(module: Any) -> None:
    assert module.literal(b"", b"a:  b \t", 2) == b"\x01b"
    assert module.literal(b"\x04", b"/p", 0) == b"\x04\x02/p"
    assert module.literal(b"\x04", b"a:", 2) == b"\x04\0"


@each
@settings(max_examples=examples(300))
@given(value=st.binary(max_size=12))
def test_a_value_has_no_control_characters_and_no_space_at_its_ends(module: Any, value: bytes) -> None:
    fine = all(byte == 9 or (byte >= 32 and byte != 127) for byte in value) and value == value.strip(b" \t")
    assert module.is_value(value) is fine


@pytest.mark.skipif(len(IMPLEMENTATIONS) < 2, reason="the compiled one is not there")
@pytest.mark.parametrize("start", [-1, 4])
def test_compiled_refuses_what_is_outside(start: int) -> None:
    with pytest.raises(IndexError):
        IMPLEMENTATIONS[-1].literal(b"", b"abc", start)
