"""Chunked bodies: what is relayed, what is refused, and that it never matters how the bytes were cut."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.wire.chunked import EXCESS_MAX, LINE_MAX, ChunkReader
from fastgw.wire.errors import WireError
from tests.support.examples import examples
from tests.unit.wire.cases import BODIES, Case


def read(
    data: bytes, *, pieces: int | None = None, decode: bool = False, size: int = 32768, count: int = 100
) -> tuple[bytes, ChunkReader]:
    """Feed ``data`` whole or in pieces of a size; return what is relayed."""
    reader = ChunkReader(size, count, decode)
    out = b""
    step = pieces or max(1, len(data))
    for at in range(0, len(data), step):
        out += reader.feed(data[at : at + step], 0)
        if reader.done:
            break
    return out, reader


@pytest.mark.parametrize("pieces", [None, 1, 2, 3, 7])
@pytest.mark.parametrize(
    ("data", "relayed", "decoded"),
    [
        (b"0\r\n\r\n", b"0\r\n\r\n", b""),
        (b"5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"005\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", b"005\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", b"hello!"),
        (b"5;a=b\r\nhello\r\n0;c\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b'5 ; a = "x;y\\"" ;b\r\nhello\r\n0\r\n\r\n', b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"5;a=5\r\nhello\r\n0\r\n\r\n", b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
        (b"0\r\nX-Sum: 1\r\n\r\n", b"0\r\nX-Sum: 1\r\n\r\n", b""),
        (b"1\r\na\r\n0\r\nA: b\r\nSet-Cookie: c\r\nD: e\r\n\r\n", b"1\r\na\r\n0\r\nA: b\r\nD: e\r\n\r\n", b"a"),
        (b"2\r\n\r\n\r\n0\r\n\r\n", b"2\r\n\r\n\r\n0\r\n\r\n", b"\r\n"),
    ],
)
def test_what_is_relayed(data: bytes, relayed: bytes, decoded: bytes, pieces: int | None) -> None:
    out, reader = read(data, pieces=pieces)
    assert (out, reader.done, reader.payload) == (relayed, True, len(decoded))
    out, reader = read(data, pieces=pieces, decode=True)
    assert (out, reader.done, reader.payload) == (decoded, True, len(decoded))


def test_what_needs_no_change_is_the_same_object() -> None:
    data = b"5\r\nhello\r\n"
    assert ChunkReader(100, 10).feed(data, 0) is data


def test_body_may_begin_and_end_inside_the_bytes() -> None:
    for decode, expected in ((False, b"5\r\nhello\r\n0\r\n\r\n"), (True, b"hello")):
        reader = ChunkReader(100, 10, decode)
        assert reader.feed(b"HEAD5\r\nhello\r\n0\r\n\r\nGET /", 4) == expected
        assert reader.done
        assert reader.end == len(b"HEAD5\r\nhello\r\n0\r\n\r\n")


def test_end_is_told_of_an_unfinished_body_too() -> None:
    reader = ChunkReader(100, 10)
    reader.feed(b"5\r\nhe", 0)
    assert (reader.done, reader.end) == (False, 5)


@pytest.mark.parametrize("pieces", [None, 1, 5])
@pytest.mark.parametrize("case", BODIES, ids=lambda case: case.name)
def test_important_bodies(case: Case, pieces: int | None) -> None:
    body = case.raw.partition(b"\r\n\r\n")[2]
    for decode in (False, True):
        if case.status == 200:
            assert read(body, pieces=pieces, decode=decode)[1].done
        else:
            with pytest.raises(WireError) as caught:
                read(body, pieces=pieces, decode=decode)
            assert caught.value.status == case.status


@pytest.mark.parametrize("pieces", [None, 1])
def test_chunk_line_has_a_bound(pieces: int | None) -> None:
    longest = b"1;" + b"a" * (LINE_MAX - 4) + b"\r\n"
    assert read(longest + b"x\r\n0\r\n\r\n", pieces=pieces)[1].done
    with pytest.raises(WireError):
        read(b"1;a" + longest[2:] + b"x\r\n0\r\n\r\n", pieces=pieces)


def test_more_trailers_may_be_dropped() -> None:
    reader = ChunkReader(1000, 10, False, frozenset({b"x-internal-user", b"x_odd"}))
    body = b"0\r\nX-Internal-User: a\r\nx_internal_user: b\r\nX_Odd: c\r\nx-checksum: d\r\n\r\n"
    assert reader.feed(body, 0) == b"0\r\nx-checksum: d\r\n\r\n"


def test_trailers_stand_apart_from_decoded_data() -> None:
    body = b"2\r\nok\r\n0\r\nX-Sum: 1\r\nSet-Cookie: a\r\nContent-Digest: b\r\nX-Odd: c\r\n\r\n"
    for size in (1, len(body)):
        reader = ChunkReader(1000, 10, True, frozenset({b"x-odd"}))
        data = b"".join(reader.feed(body[at : at + size], 0) for at in range(0, len(body), size))
        assert (data, reader.trailers) == (b"ok", b"X-Sum: 1\r\nContent-Digest: b\r\n")
    reader = ChunkReader(1000, 10)
    reader.feed(body, 0)
    assert reader.trailers == b""  # they are where they were


def test_size_has_a_bound() -> None:
    read(b"4000000000000000\r\n")
    with pytest.raises(WireError) as caught:
        read(b"4000000000000001\r\n")
    assert caught.value.status == 413


def test_trailers_have_bounds() -> None:
    assert read(b"0\r\nA: b\r\nC: d\r\n\r\n", count=2, size=12)[1].done
    for count, size in ((1, 12), (2, 11)):
        with pytest.raises(WireError) as caught:
            read(b"0\r\nA: b\r\nC: d\r\n\r\n", count=count, size=size)
        assert caught.value.status == 431


def test_framing_without_data_has_a_bound() -> None:
    line = b"1;" + b"a" * 200 + b"\r\nx\r\n"
    with pytest.raises(WireError) as caught:
        read(line * (EXCESS_MAX // 150))
    assert caught.value.status == 400
    assert not read(b"1\r\nx\r\n" * 20_000)[1].done


chunks = st.lists(
    st.tuples(st.binary(min_size=1, max_size=20), st.sampled_from([b"", b";a", b' ; b="c"', b";5"])), max_size=5
)
trailers = st.lists(st.sampled_from([b"A: b\r\n", b"Content-Length: 5\r\n", b"x-b:\r\n"]), max_size=3)


@settings(max_examples=examples(300), deadline=None)
@given(chunks, trailers, st.lists(st.integers(0, 200), max_size=6), st.booleans(), st.binary(max_size=5))
def test_it_never_matters_how_the_bytes_were_cut(
    parts: list[tuple[bytes, bytes]], fields: list[bytes], cuts: list[int], decode: bool, behind: bytes
) -> None:
    body = b"".join(b"%x%b\r\n%b\r\n" % (len(data), extension, data) for data, extension in parts)
    data = body + b"0\r\n" + b"".join(fields) + b"\r\n" + behind
    whole = ChunkReader(1000, 10, decode)
    expected = whole.feed(data, 0)
    plain = b"".join(part for part, _ in parts)
    if decode:
        assert expected == plain
    else:
        assert (
            ChunkReader(1000, 10, True).feed(expected, 0) == plain
        )  # what is relayed is a chunked body with the same data
    assert whole.end == len(data) - len(behind)
    reader = ChunkReader(1000, 10, decode)
    out = b""
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    consumed = 0
    for start, end in pairwise(edges):
        if not reader.done:
            out += reader.feed(data[start:end], 0)
            consumed = start + reader.end
    assert (out, reader.payload, reader.done, consumed) == (expected, len(plain), True, whole.end)


@given(st.binary(max_size=60))
def test_noise_is_refused_or_waited_for_but_nothing_else(data: bytes) -> None:
    reader = ChunkReader(100, 10)
    try:
        out = reader.feed(data, 0)
    except WireError:
        return
    assert len(out) <= len(data)


def test_between_two_chunks_nothing_of_one_has_come() -> None:
    reader = ChunkReader(100, 10)
    found = []
    for piece in (b"5", b"\r\n", b"hel", b"lo", b"\r", b"\n", b"0\r\n"):
        found.append(reader.is_between())
        reader.feed(piece, 0)
    assert found == [True, False, False, False, False, False, True] and not reader.is_between()
