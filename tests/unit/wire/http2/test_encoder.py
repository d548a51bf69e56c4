"""Lines to blocks: what another implementation reads of them, and what is put into the table."""

from __future__ import annotations

import hpack
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.wire.http2 import encoder as module
from fastgw.wire.http2.decoder import FieldDecoder
from fastgw.wire.http2.encoder import FieldEncoder
from tests.support.examples import examples

names = st.one_of(
    st.sampled_from(
        ["Content-Type", "content-length", "Date", "set-cookie", "server", "X-Request-Id", "vary", "accept"]
    ),
    st.builds("X{}".format, st.text("ABCxyz019-", max_size=80)),
)
repeated = st.builds(str.__mul__, st.text("abc \xe9,;", max_size=8), st.integers(0, 75))  # long ones, cheaply drawn
values = st.one_of(st.sampled_from(["", "gzip, deflate", "200", "text/html"]), repeated)
lines = st.lists(st.tuples(names, values), max_size=10)


def of(section: list[tuple[str, str]]) -> bytes:
    return b"".join([f"{name}: {value.strip()}\r\n".encode("latin-1") for name, value in section])


def read(decoder: hpack.Decoder, block: bytes) -> list[tuple[bytes, bytes]]:
    return [(bytes(name), bytes(value)) for name, value in decoder.decode(block, raw=True)]


@settings(max_examples=examples(500))
@given(
    st.lists(
        st.tuples(st.sampled_from([200, 204, 299, 404, 503]), lines, st.sampled_from([None, 0, 70, 4096, 65536])),
        max_size=8,
    )
)
def test_what_is_sent_is_what_is_read(sections: list[tuple[int, list[tuple[str, str]], int | None]]) -> None:
    encoder, witness, own = FieldEncoder(), hpack.Decoder(max_header_list_size=10**6), FieldDecoder()
    for status, section, size in sections:
        if size is not None:
            encoder.resize(size)
            witness.max_allowed_table_size = max(size, witness.header_table_size)
        block = encoder.response(status, of(section))
        expected = [(b":status", b"%d" % status)]
        expected += [(name.lower().encode(), value.strip().encode("latin-1")) for name, value in section]
        assert read(witness, block) == expected
        assert [(one.name, one.value) for one in own.decode(block, 10**6)] == expected


def test_a_request_has_its_pseudo_fields_first() -> None:
    encoder, witness = FieldEncoder(), hpack.Decoder()
    for path in (b"/", b"/a?b", b"/a?b"):
        block = encoder.request(b"GET", b"https", b"a.test", path, b"accept: */*\r\n")
        assert read(witness, block) == [
            *((b":method", b"GET"), (b":scheme", b"https"), (b":authority", b"a.test"), (b":path", path)),
            (b"accept", b"*/*"),
        ]
    assert len(encoder.request(b"GET", b"https", b"a.test", b"/", b"accept: */*\r\n")) == 5
    assert read(witness, encoder.request(b"POST", b"http", b"", b"/", b""))[2] == (b":path", b"/")


def test_a_line_that_came_before_is_one_byte() -> None:
    encoder = FieldEncoder()
    section = b"content-type: application/json\r\nserver: x\r\nX-Own: abc\r\n"
    assert len(encoder.response(200, section)) > 20
    assert len(encoder.response(200, section)) == 4


def test_what_is_unique_or_secret_has_no_place_in_the_table() -> None:
    encoder = FieldEncoder()
    section = b"content-length: 12\r\ndate: x\r\nset-cookie: a=b\r\nauthorization: Bearer x\r\nx-api-key: k\r\n"
    first = encoder.response(200, section)
    assert encoder.response(200, section) == first
    kinds = {bytes(one[0]): one.indexable for one in hpack.Decoder().decode(first, raw=True)}
    assert (
        kinds[b"content-length"]
        and not kinds[b"set-cookie"]
        and not kinds[b"authorization"]
        and not kinds[b"x-api-key"]
    )


def test_trailers_have_no_pseudo_field() -> None:
    assert read(hpack.Decoder(), FieldEncoder().trailers(b"grpc-status: 0\r\n")) == [(b"grpc-status", b"0")]


def test_a_large_field_is_not_kept() -> None:
    encoder = FieldEncoder()
    section = b"x-large: %b\r\n" % (b"a" * 600)
    assert len(encoder.response(200, section)) == len(encoder.response(200, section)) > 600


def test_a_peer_that_keeps_no_table_is_told_so_and_sent_none() -> None:
    encoder = FieldEncoder()
    encoder.response(200, b"x-a: b\r\n")
    encoder.resize(0)
    block = encoder.response(200, b"x-a: b\r\n")
    assert block[:1] == b"\x20"
    witness = hpack.Decoder()
    witness.max_allowed_table_size = 0
    assert read(witness, block) == [(b":status", b"200"), (b"x-a", b"b")]
    assert encoder.response(200, b"x-a: b\r\n") == block[1:]


def test_many_changes_of_the_table_are_told_shortly() -> None:
    encoder = FieldEncoder()
    for size in (0, 4096) * 50:
        encoder.resize(size)
    block = encoder.trailers(b"")
    assert len(block) < 10
    assert FieldDecoder().decode(block[-3:], 100) == []


@pytest.mark.parametrize("value", [0, 1, 126, 127, 128, 254, 255, 400, 16_511, 70_000])
def test_numbers_are_those_of_the_rfc(value: int) -> None:
    from hpack.hpack import decode_integer

    assert decode_integer(module.number(0, 0x7F, value), 7)[0] == value


def test_a_string_is_coded_where_that_is_shorter() -> None:
    assert module.string(b"www.example.com")[0] == 0x8C
    assert module.string(b"\x01\x02") == b"\x02\x01\x02"


def test_lines_that_come_again_are_the_same_block_as_long_as_the_table_is_the_same() -> None:
    remembering, plain, witness = FieldEncoder(2), FieldEncoder(), hpack.Decoder()
    sets = (b"a: b\r\ndate: 1\r\n", b"", b"c: d\r\n", b"a: b\r\ndate: 1\r\n", b"e: f\r\ne: f\r\n", b"c: d\r\n")
    for _ in range(4):
        for number, lines in enumerate(sets):
            own = b"x-request-id: %d\r\n" % number if number % 2 else b""
            block = remembering.request(b"GET", b"http", b"a.test", b"/", lines, own)
            assert block == plain.request(b"GET", b"http", b"a.test", b"/", lines + own)
            assert len(read(witness, block)) == 4 + (lines + own).count(b"\n")
        block = remembering.trailers(b"grpc-status: 0\r\n") + remembering.response(200, sets[0])
        assert block == plain.trailers(b"grpc-status: 0\r\n") + plain.response(200, sets[0])
        read(witness, block)
    remembering.resize(0)
    plain.resize(0)
    for _ in range(2):
        assert remembering.request(b"GET", b"http", b"a.test", b"/", sets[0]) == plain.request(
            b"GET", b"http", b"a.test", b"/", sets[0]
        )


@given(
    st.lists(
        st.sampled_from([b"a: 1\r\n", b"b: 2\r\n", b"a: 1\r\nb: 2\r\n", b"cookie: x\r\n", b"d: %b\r\n" % (b"x" * 400)]),
        max_size=40,
    )
)
def test_what_is_remembered_says_the_same_as_what_is_not(sets: list[bytes]) -> None:
    remembering, plain = FieldEncoder(3), FieldEncoder()
    for number, lines in enumerate(sets):
        if number % 7 == 5:
            remembering.resize(100 * number)
            plain.resize(100 * number)
        assert remembering.trailers(lines) == plain.trailers(lines)
