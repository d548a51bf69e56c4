"""Lines of JSON: the same lines wherever their bytes are cut, and every byte goes on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.ndjson import LineReader, lines


def read(pieces: list[bytes], line_max: int = 1 << 20) -> tuple[list[bytes], bytes]:
    reader = LineReader(line_max)
    found: list[bytes] = []
    gone = b""
    for piece in pieces:
        block = reader.feed(piece)
        found += lines(block, reader.begin)
        gone += block
        assert reader.held <= line_max
    return found, gone + reader.finish()


STREAM = b'{"a":1}\n\n{"b":2}\r\n {"c":3}\n{"d'


def test_lines_are_the_same_at_every_cut() -> None:
    told = ([b'{"a":1}', b'{"b":2}', b'{"c":3}'], STREAM)
    for first in range(len(STREAM) + 1):
        for second in range(first, len(STREAM) + 1):
            assert read([STREAM[:first], STREAM[first:second], STREAM[second:]]) == told


@given(st.lists(st.binary(max_size=12).map(lambda one: one.replace(b"x", b"\n"))), st.integers(1, 6))
def test_what_is_too_long_goes_on_and_the_others_are_found(pieces: list[bytes], line_max: int) -> None:
    stream = b"".join(pieces)
    found, gone = read(pieces, line_max)
    every = [one.strip(b"\r\t ") for one in stream.split(b"\n")[:-1]]
    kept = iter(every)
    assert gone == stream and all(one in kept for one in found)
    assert read(pieces)[0] == [one for one in every if one]


def test_a_long_line_is_left_out_and_the_next_is_found() -> None:
    assert read([b"1\n23456", b"7", b"8\n9\n", b"0\n"], line_max=4) == ([b"1", b"9", b"0"], b"1\n2345678\n9\n0\n")


def test_whole_lines_are_the_object_that_came() -> None:
    reader, data = LineReader(), b'{"a":1}\n{"b":2}\n'
    assert reader.feed(data) is data
    assert reader.feed(b"{}") == b"" and reader.held == 2 and reader.finish() == b"{}" and not reader.held
