"""Event streams: the same events wherever their bytes are cut, and every byte goes on."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastgw.wire.sse import EVENT_MAX, EventReader, StreamEvent, events
from tests.support.events import dispatched, read

STREAMS = {
    "one": b"data: x\n\n",
    "crlf": b"event: a\r\ndata: x\r\n\r\ndata: y\r\n\r\n",
    "cr": b"data: x\r\rdata: y\r\r",
    "mixed": b"data: 1\n\r\ndata: 2\r\n\ndata: 3\r\r\ndata: 4\n\rdata: 5\r\n\r\n",
    "bom": b"\xef\xbb\xbfdata: x\n\n",
    "bom in the middle": b"data: x\n\n\xef\xbb\xbfdata: y\n\n",
    "comments": b": hello\n\n:\n\ndata: x\n: between\ndata: y\n\n",
    "several lines": b"data: YHOO\ndata: +2\ndata:  10\n\n",
    "empty data": b"data\n\ndata\ndata\n\ndata:\n\ndata:",
    "spaces": b"data:x\n\ndata:  x\n\ndata : x\n\n data: x\n\n",
    "other fields": b"id: 7\nretry: 10\nnothing\ndata: x\nDATA: y\n\nid: 8\n\n",
    "types": b"event: a\nevent: b\ndata: x\n\nevent: c\n\ndata: y\n\nevent\ndata: z\n\n",
    "colons": b"data: a: b\nevent: :\n\n",
    "blank lines": b"\n\r\n\r\r\ndata: x\n\n\n\n\ndata: y\n\n",
    "no end": b"data: x\n\ndata: y\n",
    "null": b"data: \0\xff\n\n",
    "nothing": b"",
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS)
def test_events_are_the_same_at_every_cut(stream: bytes) -> None:
    told = (dispatched(stream), stream)
    assert read([stream]) == told
    assert read([stream[at : at + 1] for at in range(len(stream))]) == told
    for first in range(len(stream) + 1):
        for second in range(first, len(stream) + 1):
            assert read([stream[:first], stream[first:second], stream[second:]]) == told


TOKENS = (b"data", b"event", b":", b" ", b"\n", b"\r", b"\r\n", b"x", b"\n\n", b"\xef\xbb\xbf", b"data: y\n", b": c\n")


@given(st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join), st.lists(st.integers(1, 9), max_size=60))
@example(b"data: y\r\n\r\n", [10, 1])
def test_any_stream_in_any_pieces(stream: bytes, sizes: list[int]) -> None:
    assert read(pieces_of(stream, sizes)) == (dispatched(stream), stream)


@given(st.lists(st.sampled_from(TOKENS), max_size=40).map(b"".join), st.lists(st.integers(1, 9), max_size=60))
def test_what_is_too_long_goes_on_and_what_is_not_is_found(stream: bytes, sizes: list[int]) -> None:
    found, gone = read(pieces_of(stream, sizes), event_max=8)
    assert gone == stream
    every = iter(dispatched(stream))
    assert all(one in every for one in found)  # in their order, and none that is not there
    assert [one for one in dispatched(stream) if one not in found] == [] or len(stream) > 8


def pieces_of(stream: bytes, sizes: list[int]) -> list[bytes]:
    pieces, at = [], 0
    for size in sizes:
        if stream[at : at + size]:
            pieces.append(stream[at : at + size])
        at += size
    return [*pieces, stream[at:]] if stream[at:] else pieces


def test_a_long_event_goes_on_in_parts_and_the_next_is_found() -> None:
    long = b"data: " + b"x" * 20 + b"\ndata: {}\n"
    for cut in range(1, len(long) + 3):
        stream = long + b"\n" + b"data: y\n\n"
        found, gone = read([b"data: w\n\n", stream[:cut], stream[cut:]], event_max=16)
        assert gone == b"data: w\n\n" + stream
        assert [data for _, data in found if data not in (b"w", b"y")] in ([], [b"x" * 20 + b"\n{}"])
        assert found[0] == (b"", b"w") and found[-1] == (b"", b"y"), cut


def test_a_long_event_is_no_more_than_its_bound_anywhere() -> None:
    reader = EventReader(16)
    assert reader.feed(b"data: 0123456789") == b"" and reader.held == 16
    assert reader.feed(b"!") == b"data: 0123456789!" and reader.held == 0
    assert list(events(b"data: 0123456789!")) == []
    block = reader.feed(b"data: no\n\ndata: y\n\ndata: z")
    assert block == b"data: no\n\ndata: y\n\n" and reader.held == 7
    assert [one.data for one in events(block, reader.begin)] == [b"y"]
    assert reader.finish() == b"data: z"


@pytest.mark.timeout(20)
def test_what_has_no_end_of_a_line_takes_no_longer_than_its_bytes() -> None:
    reader = EventReader()
    block = reader.feed(b"data: " + b"x" * EVENT_MAX)
    assert list(events(block, reader.begin)) == []
    assert [one.data for one in events(b"data: y\n\n" + block)] == [b"y"]


def test_whole_events_are_the_object_that_came() -> None:
    reader = EventReader()
    first, second = b"data: x\n\ndata: y\n\n", b"data: z\n\n"
    assert reader.feed(first) is first
    assert reader.feed(second) is second
    crlf = b"data: z\r\n\r\n"
    assert reader.feed(crlf) is crlf


def test_an_event_says_where_it_is() -> None:
    block = b": c\nevent: a\ndata: x\n\ndata: y\ndata:z\n\n"
    first, second = events(block)
    assert isinstance(first, StreamEvent) and (first.start, first.end, first.kind) == (0, 22, b"a")
    [(start, end)] = first.ranges
    assert block[start:end] == first.data == b"x"
    assert (second.start, second.end, second.kind, second.data) == (22, len(block), b"", b"y\nz")
    assert [block[start:end] for start, end in second.ranges] == [b"y", b"z"]
