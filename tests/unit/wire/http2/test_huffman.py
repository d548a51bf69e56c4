"""Huffman's code both ways, compiled and plain, against another implementation."""

from __future__ import annotations

import importlib
from importlib.util import find_spec
from typing import Any

import pytest
from hpack.huffman import HuffmanEncoder
from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH
from hpack.huffman_table import decode_huffman
from hypothesis import given, settings
from hypothesis import strategies as st

from fastgw.wire.http2 import _huffman_py, huffman
from fastgw.wire.http2.errors import COMPRESSION_ERROR, Http2Error
from tests.support.examples import examples

IMPLEMENTATIONS: list[Any] = [_huffman_py]
if find_spec("fastgw.wire.http2._huffman") is not None:
    IMPLEMENTATIONS.append(importlib.import_module("fastgw.wire.http2._huffman"))
WITNESS = HuffmanEncoder(REQUEST_CODES, REQUEST_CODES_LENGTH)

each = pytest.mark.parametrize("module", IMPLEMENTATIONS)


def outcome(module: Any, data: bytes) -> bytes | int:
    try:
        found: bytes = module.decoded(data, 0, len(data))
    except Http2Error as error:
        return error.code
    return found


def test_the_compiled_one_is_chosen_where_it_is() -> None:
    assert huffman.decoded is IMPLEMENTATIONS[-1].decoded


@each
@settings(max_examples=examples(400))
@given(text=st.binary(max_size=600))
def test_a_text_is_what_its_code_says(module: Any, text: bytes) -> None:
    coded = module.encoded(text)
    assert coded == WITNESS.encode(text)
    assert module.encoded_size(text) == len(coded)
    assert module.decoded(b"x" + coded + b"y", 1, 1 + len(coded)) == text


@settings(max_examples=examples(1000))
@given(st.one_of(st.binary(max_size=40), st.binary(max_size=20).map(lambda text: text + b"\xff" * 3)))
def test_all_decode_the_same_bytes_the_same_way(data: bytes) -> None:
    first, *others = (outcome(module, data) for module in IMPLEMENTATIONS)
    assert all(other == first for other in others)
    if first != COMPRESSION_ERROR:
        assert decode_huffman(data) == first


@each
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\xff", id="eight bits that are no code"),
        pytest.param(b"\x1f\xff", id="a symbol, and more than seven ones"),
        pytest.param(b"\x18", id="filled up with zeros"),
        pytest.param(b"\xff\xff\xff\xff", id="EOS"),
    ],
)
def test_what_is_no_code_is_refused(module: Any, data: bytes) -> None:
    assert outcome(module, data) == COMPRESSION_ERROR


@each
def test_an_empty_text_is_an_empty_code(module: Any) -> None:
    assert module.encoded(b"") == b"" and module.decoded(b"", 0, 0) == b"" and module.encoded_size(b"") == 0


@pytest.mark.skipif(len(IMPLEMENTATIONS) < 2, reason="the compiled one is not there")
@pytest.mark.parametrize("place", [(-1, 1), (0, 4), (2, 1)])
def test_compiled_refuses_what_is_outside(place: tuple[int, int]) -> None:
    with pytest.raises(IndexError):
        IMPLEMENTATIONS[-1].decoded(b"abc", *place)
