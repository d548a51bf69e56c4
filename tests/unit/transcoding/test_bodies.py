"""Messages behind their prefixes, lines of JSON, and streams in the form that a client wants."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.transcoding.bodies import (
    JSON,
    NDJSON,
    SSE,
    BodyError,
    JsonLines,
    MessageReader,
    StreamWriter,
    form_of,
    framed,
)


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(one % (len(data) + 1) for one in cuts)})
    return [data[start:end] for start, end in pairwise(places)]


@given(st.lists(st.binary(max_size=9), max_size=4), st.lists(st.integers(0, 99), max_size=5))
def test_messages_are_read_however_they_come(messages: list[bytes], cuts: list[int]) -> None:
    reader = MessageReader(9)
    found = [one for piece in pieces_of(b"".join(map(framed, messages)), cuts) for one in reader.feed(piece)]
    assert found == messages
    assert reader.is_between
    assert reader.feed(b"\0\0") == []
    assert not reader.is_between


@pytest.mark.parametrize(
    ("data", "why"), [(framed(b"1234"), "message of 4 bytes, more than the 3"), (b"\1\0\0\0\1x", "compressed")]
)
def test_messages_that_are_refused(data: bytes, why: str) -> None:
    with pytest.raises(BodyError, match=why):
        MessageReader(3).feed(data[:5])


@given(st.lists(st.sampled_from([b"{}", b"[1]", b" ", b""]), max_size=5), st.lists(st.integers(0, 99), max_size=5))
def test_lines_are_read_however_they_come(lines: list[bytes], cuts: list[int]) -> None:
    reader = JsonLines(10)
    found = [one for piece in pieces_of(b"\n".join(lines), cuts) for one in reader.feed(piece, is_last=False)]
    found += reader.feed(b"", is_last=True)
    assert found == [one for one in lines if one.strip()]


@pytest.mark.parametrize("data", [b"1234", b"1234\n", b"1\n1234"])
def test_lines_have_a_bound(data: bytes) -> None:
    with pytest.raises(BodyError, match="more than the 3 bytes"):
        JsonLines(3).feed(data, is_last=False)


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        (None, SSE),
        (b"*/*", SSE),
        (b"text/html, */*;q=0.1", SSE),
        (b"application/json", JSON),
        (b"Application/X-NDJSON", NDJSON),
        (b"application/jsonl", NDJSON),
        (b"text/event-stream", SSE),
        (b"application/json;q=0.5, application/x-ndjson", NDJSON),
        (b"application/json, application/x-ndjson", JSON),
        (b"application/json;q=0", SSE),
        (b"application/json;q=x", SSE),
    ],
)
def test_the_form_that_a_client_wants(accept: bytes | None, form: bytes) -> None:
    assert form_of(accept, SSE) == form


@pytest.mark.parametrize(
    ("form", "parts", "end", "broken"),
    [
        (SSE, [b"data: 1\n\n", b"data: 2\n\ndata: 3\n\n"], b"", b'event: error\ndata: {"a":1}\n\n'),
        (NDJSON, [b"1\n", b"2\n3\n"], b"", b'{"error":{"a":1}}\n'),
        (JSON, [b"[1", b",2,3"], b"]", None),
    ],
)
def test_streams(form: bytes, parts: list[bytes], end: bytes, broken: bytes | None) -> None:
    writer = StreamWriter(form, lambda data: int(data))
    assert [writer.feed([b"1"]), writer.feed([b"2", b"3"])] == parts
    assert writer.finish() == end
    assert writer.finish({"a": 1}) == broken


def test_an_empty_list_is_one() -> None:
    assert StreamWriter(JSON, int).finish() == b"[]"
