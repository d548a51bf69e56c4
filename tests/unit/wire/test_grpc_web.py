"""gRPC-Web: media types, the frame of trailers, base64 that is padded anywhere."""

from __future__ import annotations

import base64
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastgw.wire.grpc_web import MediaType, TextReader, TextWriter, media_type, trailer_frame


def message(data: bytes) -> bytes:
    return b"\x00" + len(data).to_bytes(4, "big") + data


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"application/grpc", MediaType(False, False, b"")),
        (b"application/grpc+proto", MediaType(False, False, b"+proto")),
        (b"application/grpc-web", MediaType(True, False, b"")),
        (b"Application/gRPC-Web+Proto", MediaType(True, False, b"+proto")),
        (b"application/grpc-web-text", MediaType(True, True, b"")),
        (b" application/grpc-web-text+proto ; charset=utf-8", MediaType(True, True, b"+proto")),
        (b"application/grpc+vnd.x-y_z.1+json", MediaType(False, False, b"+vnd.x-y_z.1+json")),
    ],
)
def test_media_types(value: bytes, expected: MediaType) -> None:
    assert media_type(value) == expected
    assert media_type(expected.value()) == expected


@pytest.mark.parametrize(
    "value",
    [
        None,
        b"",
        b"application/json",
        b"application/grpc-text",
        b"application/grpc-webs",
        b"application/grpc-web+",
        b"application/grpc-web+a b",
        b"application/grpc-web-text-x",
        b"x application/grpc-web",
        b"application/grpc-web+" + b"a" * 65,
        b"application/grpc-web, application/grpc",
    ],
)
def test_others_are_of_neither_protocol(value: bytes | None) -> None:
    assert media_type(value) is None


def test_the_frame_of_trailers() -> None:
    lines = b"Grpc-Status:  0 \r\ngrpc-message: a%0Ab: c\r\nx-bin: Cg==\r\nempty:\r\n"
    block = b"grpc-status:0\r\ngrpc-message:a%0Ab: c\r\nx-bin:Cg==\r\nempty:\r\n"
    assert trailer_frame(lines) == b"\x80" + len(block).to_bytes(4, "big") + block
    assert trailer_frame(b"") == b"\x80\x00\x00\x00\x00"


# --- text that comes


def pieces_of(data: bytes, cuts: list[int]) -> list[bytes]:
    at = sorted(cut % (len(data) + 1) for cut in cuts)
    return [data[begin:end] for begin, end in zip([0, *at], [*at, len(data)], strict=True) if begin < end]


CUTS = st.lists(st.integers(0, 10_000), max_size=8)


@given(st.lists(st.binary(max_size=40), max_size=6), CUTS)
def test_text_is_read_wherever_it_is_padded_and_cut(parts: list[bytes], cuts: list[int]) -> None:
    text = b"".join(map(base64.b64encode, parts))
    reader = TextReader()
    assert b"".join(map(reader.feed, pieces_of(text, cuts))) == b"".join(parts)
    reader.finish()


def test_what_is_whole_is_read_at_once() -> None:
    reader = TextReader()
    assert reader.feed(b"AAAA") == b"\0\0\0"
    assert reader.feed(b"AA==A") == b"\0"
    assert reader.feed(b"A=") == b""
    assert reader.feed(b"=") == b"\0"
    reader.finish()


@pytest.mark.parametrize(
    "text", [b"AA=A", b"A===", b"====", b"AA-_", b"AAA\n", b"AAAA\r\nAAAA==", b"AA A", b"AB\xff=", b"AA==A==="]
)
def test_what_is_no_base64_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        TextReader().feed(text)


@pytest.mark.parametrize("rest", [b"A", b"AA", b"AA="])
def test_text_that_ends_within_four_characters_is_refused(rest: bytes) -> None:
    reader = TextReader()
    assert reader.feed(b"AAAA" + rest) == b"\0\0\0"
    with pytest.raises(ValueError, match=f"{len(rest)} of four"):
        reader.finish()


# --- text that is sent


@given(st.lists(st.binary(max_size=40), max_size=6), CUTS)
def test_messages_are_written_so_that_each_can_be_read_when_it_is_here(messages: list[bytes], cuts: list[int]) -> None:
    data = b"".join(map(message, messages))
    ends = {sum(len(one) + 5 for one in messages[:count]) for count in range(len(messages) + 1)}
    writer, reader = TextWriter(), TextReader()
    read, fed, written = b"", 0, b""
    for piece in pieces_of(data, cuts):
        text = writer.feed(piece)
        fed += len(piece)
        written += text
        read += reader.feed(text)
        assert read == data[: len(read)] and fed - len(read) <= (0 if fed in ends else 2)
    text = writer.finish(trailer_frame(b"grpc-status: 0\r\n"))
    assert read + reader.feed(text) == data + trailer_frame(b"grpc-status: 0\r\n")
    reader.finish()
    # Padding is behind messages that came whole, never in the middle of one.
    for padding in re.finditer(rb"=+", written):
        assert len(decoded(written[: padding.end()])) in ends


def decoded(text: bytes) -> bytes:
    return TextReader().feed(text)
