"""The content codings: what a client prefers, and decoders that never make more than they may."""

from __future__ import annotations

import gzip
import zlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.filters.codings import CODINGS, DECODERS, ENCODERS, TooMuch, missing_package, preferred

DATA = b"".join(b"line %d of a text that repeats itself\n" % number for number in range(2000))


def encoded(coding: str, data: bytes, size: int = 1 << 20) -> bytes:
    made = ENCODERS[coding](3)
    return b"".join(made.feed(data[at : at + size]) for at in range(0, len(data), size)) + made.finish()


def decoded(coding: str, data: bytes, size: int = 1 << 20, room: int = 1 << 30) -> tuple[bytes, bool]:
    made = DECODERS[coding]()
    out = b""
    for at in range(0, len(data), size):
        out += made.feed(data[at : at + size], room - len(out))
    return out, made.is_done()


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("size", [1, 1000, 1 << 20])
def test_what_is_encoded_is_decoded(coding: str, size: int) -> None:
    data = DATA[:3000] if size == 1 else DATA
    coded = encoded(coding, data, size)
    assert len(coded) < len(data) / 4
    assert decoded(coding, coded, size) == (data, True)


@pytest.mark.parametrize("coding", CODINGS)
def test_what_is_flushed_is_readable(coding: str) -> None:
    encoder, decoder = ENCODERS[coding](3), DECODERS[coding]()
    for number in range(5):
        piece = b"event %d\n\n" % number
        assert decoder.feed(encoder.feed(piece) + encoder.flush(), 1000) == piece
        assert not decoder.is_done()
    assert decoder.feed(encoder.finish(), 1000) == b""
    assert decoder.is_done()


@pytest.mark.parametrize("coding", CODINGS)
@pytest.mark.parametrize("room", [0, 1, 999, 65536])
def test_a_bomb_stops_at_what_is_allowed(coding: str, room: int) -> None:
    bomb = encoded(coding, bytes(20_000_000))
    assert len(bomb) < 200_000
    with pytest.raises(TooMuch):
        DECODERS[coding]().feed(bomb, room)
    exact = encoded(coding, bytes(room))
    assert DECODERS[coding]().feed(exact, room) == bytes(room)


@pytest.mark.parametrize("coding", CODINGS)
def test_half_of_it_is_not_the_end(coding: str) -> None:
    coded = encoded(coding, DATA)
    for end in (1, len(coded) // 2, len(coded) - 1):
        assert not decoded(coding, coded[:end])[1]


@pytest.mark.parametrize("coding", CODINGS)
def test_what_is_none_is_refused(coding: str) -> None:
    with pytest.raises(ValueError):
        decoded(coding, b"\xff this is no such thing" * 10)


def test_gzip_of_several_members_is_all_of_them() -> None:
    coded = gzip.compress(b"one ") + gzip.compress(b"two")
    for size in (1, 7, 1000):
        assert decoded("gzip", coded, size) == (b"one two", True)
    with pytest.raises(ValueError):
        decoded("gzip", coded + b"and what is none")


def test_several_frames_of_zstd_are_all_of_them() -> None:
    assert decoded("zstd", encoded("zstd", b"one ") + encoded("zstd", b"two"), 3) == (b"one two", True)


@pytest.mark.parametrize("coding", ["gzip", "zstd"])
def test_members_are_bounded_because_each_costs_something(coding: str) -> None:
    """30,000 empty ones in one read of 256 KiB would take half a second of the loop."""
    empty = encoded(coding, b"")
    assert decoded(coding, empty * 1024) == (b"", True)
    for size in (len(empty), 1 << 20):
        with pytest.raises(ValueError, match="more than 1024 members"):
            decoded(coding, empty * 1025, size)


def test_a_window_of_zstd_is_bounded() -> None:
    module: Any = pytest.importorskip("backports.zstd")
    options = {module.CompressionParameter.window_log: 27}
    made = module.ZstdCompressor(options=options)
    with pytest.raises(ValueError, match=r"(?i)memory|window"):
        decoded("zstd", made.compress(DATA) + made.flush())


@given(st.sampled_from(CODINGS), st.binary(max_size=300), st.integers(1, 100), st.integers(0, 300))
def test_no_bytes_break_a_decoder(coding: str, data: bytes, size: int, room: int) -> None:
    try:
        out, _ = decoded(coding, data, size, room)
    except ValueError:
        return
    assert len(out) <= room


def test_everything_that_tests_need_is_installed() -> None:
    assert [missing_package(one) for one in CODINGS] == ["", "", ""]


@pytest.mark.parametrize(
    ("accept", "ours", "expected"),
    [
        (None, "gzip", ""),
        ("", "gzip", ""),
        ("gzip", "gzip", "gzip"),
        ("GZip;Q=1", "gzip", "gzip"),
        ("x-gzip", "gzip", "gzip"),
        ("gzip, deflate, br, zstd", "zstd,br,gzip", "zstd"),
        ("gzip, deflate, br, zstd", "gzip,br", "gzip"),
        ("gzip;q=0.5, br;q=0.9", "gzip,br", "br"),
        ("gzip;q=0", "gzip", ""),
        ("*", "br,gzip", "br"),
        ("*;q=0", "gzip", ""),
        ("br;q=0, *", "br,gzip", "gzip"),
        ("gzip;q=0.5, identity;q=0.8", "gzip", ""),
        ("gzip;q=0.5, identity;q=0.5", "gzip", "gzip"),
        ("identity", "gzip", ""),
        ("gzip;q=2", "gzip", ""),
        ("gzip;q=nan", "gzip", ""),
        ("gzip;q=", "gzip", ""),
        ("gzip;level=1", "gzip", ""),
        (" gzip ;\tq=0.001 ", "gzip", "gzip"),
        (",,gzip", "gzip", "gzip"),
    ],
)
def test_the_client_decides_then_the_order(accept: str | None, ours: str, expected: str) -> None:
    names = [one.encode() for one in ours.split(",")]
    assert preferred(accept.encode() if accept is not None else None, names) == expected.encode()


@given(st.binary(max_size=60))
def test_no_field_breaks_the_choice(value: bytes) -> None:
    assert preferred(value, [b"gzip"]) in (b"", b"gzip")


def test_an_old_decoder_reads_gzip() -> None:
    assert zlib.decompress(encoded("gzip", DATA), 31) == DATA
