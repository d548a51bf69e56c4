"""Frames out of bytes however they are cut, and what is none."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.wire.http2 import frames
from fastgw.wire.http2.errors import ENHANCE_YOUR_CALM, FRAME_SIZE_ERROR, PROTOCOL_ERROR, Http2Error, StreamError
from fastgw.wire.http2.frame_kinds import (
    ACK,
    CONTINUATION,
    DATA,
    END_HEADERS,
    END_STREAM,
    FRAME_MOST,
    GOAWAY,
    HEADERS,
    NONE,
    PADDED,
    PING,
    PRIORITIZED,
    PRIORITY,
    PUSH_PROMISE,
    RST_STREAM,
    SETTINGS,
    SMALL,
    WINDOW_UPDATE,
)
from fastgw.wire.http2.frames import FrameReader, frame
from tests.support.examples import examples

MOST = 64 * 1024
Read = tuple[int, int, int, bytes]


def all_of(reader: FrameReader) -> list[Read]:
    found = []
    while (kind := reader.read()) != NONE:
        found.append((kind, reader.flags, reader.stream, reader.payload))
    return found


def read(*data: bytes) -> list[Read]:
    reader, found = FrameReader(MOST), []
    for one in data:
        reader.feed(one)
        found += all_of(reader)
    return found


def joined(found: list[Read]) -> list[Read]:
    """The same with DATA of one stream in one piece, which may be read so or so."""
    made: list[Read] = []
    for kind, flags, stream, payload in found:
        if made and payload and kind == DATA and made[-1][:3] == (DATA, 0, stream) and made[-1][3]:
            payload = made.pop()[3] + payload
        made.append((kind, flags, stream, payload))
    return made


payloads = st.binary(max_size=60)
streams = st.integers(1, 2**31 - 1)
whole = st.one_of(
    st.builds(frame, st.just(DATA), st.sampled_from([0, END_STREAM]), streams, payloads),
    st.builds(frame, st.just(DATA), st.sampled_from([0, 0, 0, END_STREAM]), st.sampled_from([1, 3]), payloads),
    st.builds(frames.headers, streams, payloads, st.booleans(), st.integers(7, 70)),
    st.builds(frames.ping, st.binary(min_size=8, max_size=8), st.booleans()),
    st.builds(frames.reset, streams, st.integers(0, 13)),
    st.builds(frames.window_update, st.integers(0, 9), st.integers(1, 2**31 - 1)),
    st.builds(frame, st.integers(10, 255), st.integers(0, 255), st.integers(0, 9), payloads),
    st.builds(frames.goaway, streams, st.integers(0, 13), st.text(max_size=9)),
)


@settings(max_examples=examples(600))
@given(st.lists(whole, max_size=5), st.lists(st.integers(0, 400), max_size=8))
def test_frames_are_the_same_however_they_come(parts: list[bytes], cuts: list[int]) -> None:
    data = b"".join(parts)
    places = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    pieces = [data[start:stop] for start, stop in pairwise(places)]
    assert joined(read(*pieces)) == joined(read(data))


def test_small_frames_of_data_are_read_as_one() -> None:
    small = b"".join(frame(DATA, 0, 1, b"%d" % (number % 10)) for number in range(1000))
    reader = FrameReader(MOST)
    reader.feed(small + frame(DATA, END_STREAM, 1, b"end") + frame(DATA, 0, 3, b"other"))
    assert (reader.read(), reader.flags, reader.size, reader.payload[-5:]) == (DATA, END_STREAM, 1003, b"89end")
    assert all_of(reader) == [(DATA, 0, 3, b"other")]


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param(frame(DATA, 0, 1, b""), id="none of its bytes"),
        pytest.param(frame(DATA, PADDED, 1, b"\0b"), id="padding"),
        pytest.param(frame(DATA, 0, 3, b"b"), id="another stream"),
        pytest.param(frame(DATA, 0, 1, b"b" * (SMALL + 1)), id="a large one"),
        pytest.param(frames.reset(1, 8), id="another kind"),
        pytest.param(frame(DATA, 0, 1, b"bc")[:-1], id="a part"),
        pytest.param(frame(DATA, 0, 1, b"b")[:5], id="a part of its head"),
    ],
)
def test_what_else_stands_behind_data_is_read_by_itself(behind: bytes) -> None:
    found = read(frame(DATA, 0, 1, b"a") + behind)
    assert found[0] == (DATA, 0, 1, b"a")
    assert found[1:] == read(behind)


def test_nothing_is_joined_behind_the_end_or_beyond_the_size_of_a_frame() -> None:
    assert len(read(frame(DATA, END_STREAM, 1, b"a") + frame(DATA, 0, 1, b"b"))) == 2
    sizes = [len(one[3]) for one in read(frame(DATA, 0, 1, b"x" * SMALL) * 9)]
    assert sizes == [4 * SMALL, 4 * SMALL, SMALL] and 4 * SMALL == FRAME_MOST


def test_a_header_block_is_put_together() -> None:
    block = bytes(range(256)) * 2
    assert read(frames.headers(3, block, True, 100)) == [(HEADERS, END_STREAM | END_HEADERS, 3, block)]
    assert read(frames.headers(3, b"", False)) == [(HEADERS, END_HEADERS, 3, b"")]


def test_padding_and_priority_are_taken_out() -> None:
    assert read(frame(DATA, PADDED, 1, b"\x02abc\0\0")) == [(DATA, PADDED, 1, b"abc")]
    assert read(frame(DATA, PADDED, 1, b"\0abc"))[0][3] == b"abc"
    flags = PADDED | PRIORITIZED | END_HEADERS
    assert read(frame(HEADERS, flags, 1, b"\x01" + b"\0" * 5 + b"abc\0"))[0][3] == b"abc"
    assert read(frame(HEADERS, PRIORITIZED | END_HEADERS, 1, b"\0" * 5 + b"abc"))[0][3] == b"abc"


def test_what_flow_control_counts_has_the_padding() -> None:
    reader = FrameReader(MOST)
    reader.feed(frame(DATA, PADDED, 1, b"\x02abc\0\0"))
    assert (reader.read(), reader.size) == (DATA, 6)


def test_the_first_bit_of_a_stream_says_nothing() -> None:
    data = bytearray(frames.ping(b"12345678", False))
    data[5] |= 0x80
    assert read(bytes(data)) == [(PING, 0, 0, b"12345678")]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        pytest.param(struct.pack(">I", 16_385 << 8)[:3] + b"\0" * 6, FRAME_SIZE_ERROR, id="larger than allowed"),
        pytest.param(frame(DATA, 0, 0, b""), PROTOCOL_ERROR, id="DATA of no stream"),
        pytest.param(frame(HEADERS, END_HEADERS, 0, b""), PROTOCOL_ERROR, id="HEADERS of no stream"),
        pytest.param(frame(RST_STREAM, 0, 0, b"1234"), PROTOCOL_ERROR, id="RST_STREAM of no stream"),
        pytest.param(frame(PRIORITY, 0, 0, b"12345"), PROTOCOL_ERROR, id="PRIORITY of no stream"),
        pytest.param(frame(PUSH_PROMISE, 0, 0, b"1234"), PROTOCOL_ERROR, id="PUSH_PROMISE of no stream"),
        pytest.param(frame(SETTINGS, 0, 1, b""), PROTOCOL_ERROR, id="SETTINGS of a stream"),
        pytest.param(frame(PING, 0, 1, b"12345678"), PROTOCOL_ERROR, id="PING of a stream"),
        pytest.param(frame(GOAWAY, 0, 1, b"12345678"), PROTOCOL_ERROR, id="GOAWAY of a stream"),
        pytest.param(frame(RST_STREAM, 0, 1, b"123"), FRAME_SIZE_ERROR, id="RST_STREAM of 3 bytes"),
        pytest.param(frame(PING, 0, 0, b"1234567"), FRAME_SIZE_ERROR, id="PING of 7 bytes"),
        pytest.param(frame(WINDOW_UPDATE, 0, 1, b"12345"), FRAME_SIZE_ERROR, id="WINDOW_UPDATE of 5 bytes"),
        pytest.param(frame(SETTINGS, 0, 0, b"12345"), FRAME_SIZE_ERROR, id="SETTINGS of 5 bytes"),
        pytest.param(frame(SETTINGS, ACK, 0, b"123456"), FRAME_SIZE_ERROR, id="an ACK that says something"),
        pytest.param(frame(GOAWAY, 0, 0, b"1234567"), FRAME_SIZE_ERROR, id="GOAWAY of 7 bytes"),
        pytest.param(frame(CONTINUATION, END_HEADERS, 1, b""), PROTOCOL_ERROR, id="CONTINUATION of nothing"),
        pytest.param(frame(DATA, PADDED, 1, b""), PROTOCOL_ERROR, id="no length of the padding"),
        pytest.param(frame(DATA, PADDED, 1, b"\x03ab"), PROTOCOL_ERROR, id="more padding than bytes"),
        pytest.param(frame(HEADERS, PADDED | END_HEADERS, 1, b"\x01"), PROTOCOL_ERROR, id="the same of HEADERS"),
        pytest.param(frame(HEADERS, PRIORITIZED, 1, b"1234"), FRAME_SIZE_ERROR, id="no room for the priority"),
        pytest.param(frame(HEADERS, 0, 1, b"") + frame(DATA, 0, 1, b""), PROTOCOL_ERROR, id="DATA inside a block"),
        pytest.param(frame(HEADERS, 0, 1, b"") + frame(99, 0, 1, b""), PROTOCOL_ERROR, id="an unknown one inside"),
        pytest.param(
            frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, END_HEADERS, 3, b""), PROTOCOL_ERROR, id="of another stream"
        ),
        pytest.param(
            frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, 0, 1, b"") * 17, ENHANCE_YOUR_CALM, id="empty CONTINUATIONs"
        ),
        pytest.param(
            frame(HEADERS, 0, 1, b"") + frame(CONTINUATION, 0, 1, b"a" * 16_000) * 5,
            ENHANCE_YOUR_CALM,
            id="a huge block",
        ),
    ],
)
def test_what_is_no_frame_ends_the_connection(data: bytes, code: int) -> None:
    with pytest.raises(Http2Error) as caught:
        read(data)
    assert caught.value.code == code


def test_a_priority_of_another_size_ends_its_stream_alone() -> None:
    reader = FrameReader(MOST)
    reader.feed(frame(PRIORITY, 0, 5, b"1") + frames.ping(b"12345678", True))
    with pytest.raises(StreamError) as caught:
        reader.read()
    assert (caught.value.stream, caught.value.code) == (5, FRAME_SIZE_ERROR)
    assert reader.read() == PING


def test_what_is_held_is_bounded() -> None:
    reader = FrameReader(MOST)
    reader.feed(frame(HEADERS, 0, 1, b"a" * 100) + b"\0\0")
    assert reader.read() == NONE
    assert reader.is_inside_block
    assert reader.held == 102


def test_an_empty_data_frame_is_one() -> None:
    assert read(frames.data_head(7, 0, True)) == [(DATA, END_STREAM, 7, b"")]
    assert read(frames.data_head(7, 70_000 % 16_000, False) + b"x" * 6_000)[0][3] == b"x" * 6_000
