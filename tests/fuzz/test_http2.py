"""What clients of HTTP/2 send, by rules and against them: ours and other implementations agree, or ours is stricter."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import h2.config
import h2.connection
import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fastgw
from fastgw.wire.http2 import encoder, frames
from fastgw.wire.http2.decoder import FieldDecoder
from fastgw.wire.http2.frames import FrameReader, frame
from tests.fuzz.http2_differential import (
    BEGINNING,
    LIST_MOST,
    compare,
    compare_blocks,
    decoded,
    frames_of,
    pure,
    stage,
    told_apart,
)
from tests.fuzz.stage import pieces_of
from tests.support.examples import examples

CORPUS = Path(__file__).parent / "corpus"
CONNECTIONS = {path.stem: path.read_bytes() for path in sorted((CORPUS / "http2").glob("*.bin"))}
BLOCKS = {path.stem: path.read_bytes() for path in sorted((CORPUS / "hpack").glob("*.bin"))}
STAGE = stage()

# --- the committed ones


@pytest.mark.parametrize("name", CONNECTIONS)
def test_a_committed_connection_is_read_as_h2_reads_it_however_it_comes(name: str) -> None:
    data = CONNECTIONS[name]
    assert not compare(STAGE, data)
    assert not compare(STAGE, data, (crc32(data) % len(data), len(data) // 2))
    assert not compare(STAGE, data, tuple(range(1, len(data))))


@pytest.mark.parametrize("name", BLOCKS)
def test_a_committed_block_is_read_as_hpack_reads_it(name: str) -> None:
    assert not compare_blocks(told_apart(BLOCKS[name]))


def test_the_comparison_finds_what_is_wrong() -> None:
    assert compare(STAGE, CONNECTIONS["three"], is_right=True) == ""
    upwards = BEGINNING + frame(1, 5, 1, b"\x82\x86" + b"\x04\x04/../" + b"\x01\x06a.test")
    assert compare(STAGE, upwards, is_right=True).startswith("not forwarded")
    assert compare_blocks([b"\x82"]) == ""


# --- by the rules: whatever h2's client sends

names = st.sampled_from(["accept", "user-agent", "x-a", "cookie", "te", "x-forwarded-for", "x-long"])
values = st.one_of(
    st.sampled_from(["trailers", "*/*", "a=b", "", "v" * 300]), st.text("abc xyz", max_size=12).map(str.strip)
)
#: An empty cookie is joined by h2 to what h2 itself refuses then.
FIXED = {"te": "trailers", "cookie": "a=b"}
fields = st.lists(st.tuples(names, values).map(lambda one: (one[0], FIXED.get(one[0], one[1]))), max_size=6)
asks = st.tuples(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE"]),
    st.sampled_from(["/", "/x?y=1", "/%41/a", "/" + "p" * 200]),
    fields,
    st.lists(st.binary(max_size=40), max_size=3),
    st.booleans(),
    st.integers(0, 30),
)


def sent(stories: list[tuple[str, str, list[tuple[str, str]], list[bytes], bool, int]], turns: list[int]) -> bytes:
    """Of requests, parts of which come by turns."""
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    waiting = [list(story) for story in stories]
    open_streams: list[tuple[int, list[bytes], bool, int]] = []
    turn = 0
    while waiting or open_streams:
        choice = turns[turn % len(turns)] if turns else 0
        turn += 1
        if waiting and (choice % 2 or not open_streams):
            method, path, more, parts, has_trailers, padding = waiting.pop(0)
            number = client.get_next_available_stream_id()
            head = [(":method", method), (":scheme", "http"), (":authority", "a.test"), (":path", path), *more]
            client.send_headers(number, head, end_stream=not parts and not has_trailers)
            if parts or has_trailers:
                open_streams.append((number, list(parts), has_trailers, padding))
            continue
        number, parts, has_trailers, padding = open_streams[choice % len(open_streams)]
        if parts:
            data = parts.pop(0)
            client.send_data(number, data, end_stream=not parts and not has_trailers, pad_length=padding or None)
        elif has_trailers:
            client.send_headers(number, [("x-sum", "5")], end_stream=True)
        if not parts and not (has_trailers and client.streams[number].state_machine.state.name == "OPEN"):
            open_streams.remove(next(one for one in open_streams if one[0] == number))
        if choice % 5 == 4:
            client.ping(b"12345678")
    return client.data_to_send()


@settings(max_examples=examples(160), deadline=None)
@given(st.lists(asks, min_size=1, max_size=5), st.lists(st.integers(0, 20), max_size=8), st.integers(0, 400))
def test_what_the_client_of_h2_sends_is_read_alike(stories, turns, cut) -> None:  # type: ignore[no-untyped-def]
    data = sent(stories, turns)
    assert not compare(STAGE, data, (cut, cut * 2), is_right=True)


# --- against them

kinds = st.integers(0, 10)
flags = st.sampled_from([0, 1, 4, 5, 8, 9, 0x20, 0x25, 0xFF])
numbers = st.sampled_from([0, 1, 1, 1, 2, 3, 3, 5, 7, 2**31 - 1])
payloads = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [BLOCKS["three"][2:30], b"\0\0\0\0\x10", b"\0\0\0\1", b"\0\4\0\0\0\0", bytes(8), b"\x82\x86\x84\x41\1a"]
    ),
)
loose = st.builds(frame, kinds, flags, numbers, payloads)
whole = st.sampled_from([data[len(BEGINNING) :] for data in CONNECTIONS.values() if data.startswith(BEGINNING)])
mixed = st.lists(st.one_of(whole, loose), max_size=5).map(lambda parts: BEGINNING + b"".join(parts))
changes = st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=2)


def changed(data: bytes, some: list[tuple[int, int]]) -> bytes:
    """``data`` with other bytes in some places behind its beginning."""
    found = bytearray(data)
    for place, byte in some:
        if len(data) > len(BEGINNING):
            found[len(BEGINNING) + place % (len(data) - len(BEGINNING))] = byte
    return bytes(found)


@settings(max_examples=examples(500), deadline=None)
@given(mixed, changes, st.integers(0, 400))
def test_whatever_comes_is_read_as_h2_reads_it_or_refused(data: bytes, some: list[tuple[int, int]], cut: int) -> None:
    assert not compare(STAGE, changed(data, some), (cut,))


tokens = st.one_of(
    st.sampled_from([b"\x82", b"\xbe", b"\xbf", b"\xc0", b"\x20", b"\x3f\xe1\x1f", b"\x3f\x01", b"\x40\1a\1b", b"\x50\1c", b"\x0f\x02\1d"]),
    st.builds(lambda name, text, first: first + encoder.string(name) + encoder.string(text), st.binary(min_size=1, max_size=20),
              st.binary(max_size=60), st.sampled_from([b"\x40", b"\0", b"\x10"])),
    st.binary(max_size=6),
)  # fmt: skip
blocks = st.lists(st.lists(tokens, max_size=8).map(b"".join), max_size=6)


@settings(max_examples=examples(500), deadline=None)
@given(blocks)
def test_a_block_is_read_as_hpack_reads_it_or_refused(some: list[bytes]) -> None:
    assert not compare_blocks(some)


texts = st.binary(max_size=60).map(lambda text: text.translate(None, b"\r\n").strip(b" \t"))
known = st.sampled_from([b"x-a", b"cookie", b"date", b"authorization", b"x-b"])


@settings(max_examples=examples(160), deadline=None)
@given(st.lists(st.lists(st.tuples(known, texts), max_size=5), max_size=6), st.lists(st.integers(0, 8192), max_size=3))
def test_hpack_reads_what_was_encoded(sections: list[list[tuple[bytes, bytes]]], sizes: list[int]) -> None:
    ours, theirs = encoder.FieldEncoder(), hpack.Decoder(max_header_list_size=1 << 20)
    theirs.max_allowed_table_size = 8192
    for place, section in enumerate(sections):
        if place < len(sizes):
            ours.resize(sizes[place])
        lines = b"".join(b"%b: %b\r\n" % field for field in section)
        assert [(bytes(name), bytes(value)) for name, value in theirs.decode(ours.trailers(lines), raw=True)] == section


# --- both forms


@pytest.mark.skipif(not fastgw.compiled(), reason="there is one form")
@settings(max_examples=examples(160), deadline=None)
@given(mixed, changes, st.integers(0, 400))
def test_frames_are_the_same_compiled_and_pure(data: bytes, some: list[tuple[int, int]], cut: int) -> None:
    pieces = pieces_of(changed(data, some)[24:], cut)
    assert frames_of(pieces) == frames_of(pieces, PURE_FRAMES.FrameReader)


@pytest.mark.skipif(not fastgw.compiled(), reason="there is one form")
@settings(max_examples=examples(160), deadline=None)
@given(blocks)
def test_fields_are_the_same_compiled_and_pure(some: list[bytes]) -> None:
    assert decoded(some) == decoded(some, PURE_DECODER.FieldDecoder)


PURE_FRAMES, PURE_DECODER = pure("frames"), pure("decoder")


def test_the_pure_form_is_another_one() -> None:
    assert PURE_FRAMES.FrameReader is not FrameReader and PURE_DECODER.FieldDecoder is not FieldDecoder
    assert frames.FrameReader is FrameReader and LIST_MOST > 0
