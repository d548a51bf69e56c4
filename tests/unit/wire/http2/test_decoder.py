"""Blocks to fields: the examples of RFC 7541 appendix C, another implementation's blocks, and what is none."""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.wire.http2.decoder import FieldDecoder
from fastgw.wire.http2.errors import COMPRESSION_ERROR, ENHANCE_YOUR_CALM, Http2Error
from tests.support.examples import examples

MOST = 64 * 1024
_FIRST = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"www.example.com")]
_THIRD = [
    *((b":method", b"GET"), (b":scheme", b"https"), (b":path", b"/index.html"), (b":authority", b"www.example.com")),
    (b"custom-key", b"custom-value"),
]
names = st.one_of(
    st.sampled_from([b":path", b"cookie", b"x-a", b"accept", b"x-b", b":status"]), st.binary(min_size=1, max_size=30)
)
fields = st.lists(st.tuples(names, st.binary(max_size=90), st.sampled_from([0, 1, 2])), max_size=12)


def pairs(decoder: FieldDecoder, block: bytes, most: int = MOST) -> list[tuple[bytes, bytes]]:
    return [(one.name, one.value) for one in decoder.decode(block, most)]


@pytest.mark.parametrize(
    "blocks",
    [
        pytest.param(
            (
                "828684410f7777772e6578616d706c652e636f6d",
                "828684be58086e6f2d6361636865",
                "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
            ),
            id="C.3, plain",
        ),
        pytest.param(
            (
                "828684418cf1e3c2e5f23a6ba0ab90f4ff",
                "828684be5886a8eb10649cbf",
                "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
            ),
            id="C.4, Huffman",
        ),
    ],
)
def test_the_examples_of_the_rfc(blocks: tuple[str, str, str]) -> None:
    decoder = FieldDecoder()
    first, second, third = (pairs(decoder, bytes.fromhex(block)) for block in blocks)
    assert first == _FIRST
    assert second == [*_FIRST, (b"cache-control", b"no-cache")]
    assert third == _THIRD
    assert decoder.held == 164


def test_the_table_forgets_the_oldest() -> None:
    """RFC 7541 C.5, whose table has 256 bytes."""
    decoder = FieldDecoder(256)
    first = bytes.fromhex(
        "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a323120474d546e"
        "1768747470733a2f2f7777772e6578616d706c652e636f6d"
    )
    assert pairs(decoder, first)[0] == (b":status", b"302")
    assert decoder.held == 222
    assert pairs(decoder, bytes.fromhex("4803333037c1c0bf"))[0] == (b":status", b"307")
    assert decoder.held == 222
    assert pairs(decoder, bytes.fromhex("88c1c0bf"))[1] == (b"cache-control", b"private")


@settings(max_examples=examples(500))
@given(st.lists(st.tuples(fields, st.booleans(), st.sampled_from([None, 0, 64, 200, 4096])), max_size=6))
def test_blocks_of_another_encoder_are_read(
    sections: list[tuple[list[tuple[bytes, bytes, int]], bool, int | None]],
) -> None:
    encoder, decoder = hpack.Encoder(), FieldDecoder()
    for section, is_coded, size in sections:
        if size is not None:
            encoder.header_table_size = size
        sent = [
            hpack.NeverIndexedHeaderTuple(name, value) if kind == 2 else hpack.HeaderTuple(name, value)
            for name, value, kind in section
        ]
        block = encoder.encode(sent, huffman=is_coded)
        assert pairs(decoder, block) == [(name, value) for name, value, _ in section]
        assert not decoder.is_too_large
        assert decoder.held <= 4096


@settings(max_examples=examples(2000))
@given(st.binary(max_size=60))
def test_bytes_are_fields_or_an_error_as_elsewhere(block: bytes) -> None:
    """Whatever is read is read so by the other implementation."""
    witness = hpack.Decoder(max_header_list_size=MOST)
    try:
        found = pairs(FieldDecoder(), block)
    except Http2Error:
        return
    assert found == [(bytes(name), bytes(value)) for name, value in witness.decode(block, raw=True)]


@pytest.mark.parametrize(
    "block",
    [
        pytest.param("80", id="index 0"),
        pytest.param("be", id="beyond the table"),
        pytest.param("7f", id="the number has no end"),
        pytest.param("ffffffffff0f", id="a number of 2**32 and more"),
        pytest.param("ff808080808000", id="a number that only grows in bytes"),
        pytest.param("40", id="no name"),
        pytest.param("400a6162", id="the name is cut"),
        pytest.param("400161", id="no value"),
        pytest.param("40016105", id="the value is cut"),
        pytest.param("3fe21f", id="a table of 4097 bytes"),
        pytest.param("823f", id="the size is cut"),
        pytest.param("8220", id="the size changes behind a field"),
        pytest.param("202020", id="the size changes three times"),
        pytest.param("00826161ff", id="no code of Huffman"),
    ],
)
def test_what_cannot_be_decoded_ends_the_connection(block: str) -> None:
    with pytest.raises(Http2Error) as caught:
        FieldDecoder().decode(bytes.fromhex(block), MOST)
    assert caught.value.code == COMPRESSION_ERROR


def test_a_section_that_is_too_large_is_decoded_to_its_end() -> None:
    """What it puts into the table is what the next one refers to."""
    decoder, encoder = FieldDecoder(), hpack.Encoder()
    large = encoder.encode([(b"x-large", b"a" * 200), (b"x-next", b"1")])
    assert pairs(decoder, large, 100) == []
    assert decoder.is_too_large
    assert pairs(decoder, encoder.encode([(b"x-large", b"a" * 200)])) == [(b"x-large", b"a" * 200)]
    assert not decoder.is_too_large


def test_a_bomb_costs_no_more_than_its_bytes() -> None:
    """One entry of 4,000 bytes, 60 times; and so often that nobody looks to its end."""
    decoder, encoder = FieldDecoder(), hpack.Encoder()
    pairs(decoder, encoder.encode([(b"x-bomb", b"a" * 4000)]))
    found = decoder.decode(b"\xbe" * 60, 16 * 1024)
    assert len(found) == 4
    assert all(one is found[0] for one in found)
    assert decoder.is_too_large
    with pytest.raises(Http2Error, match="more than 16 times") as caught:
        decoder.decode(b"\xbe" * 10_000, 16 * 1024)
    assert caught.value.code == ENHANCE_YOUR_CALM


def test_an_entry_larger_than_the_table_empties_it() -> None:
    decoder = FieldDecoder(100)
    pairs(decoder, b"\x40\x01a\x01b")
    assert decoder.held == 34
    assert pairs(decoder, b"\x40\x01a\x7f\x00" + b"x" * 127) == [(b"a", b"x" * 127)]
    assert decoder.held == 0
