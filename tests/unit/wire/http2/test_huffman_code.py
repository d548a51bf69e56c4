"""The code and its tables, against another implementation and by what a code must be."""

from __future__ import annotations

from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

from fastgw.wire.http2 import huffman_code as code


def test_it_is_the_code_of_the_rfc() -> None:
    assert list(code.LENGTHS) == list(REQUEST_CODES_LENGTH)
    assert list(REQUEST_CODES) == code.CODES
    assert code.CODES[code.EOS] == 0x3FFFFFFF


def test_no_code_is_the_beginning_of_another_and_no_bits_are_none() -> None:
    assert sum(2 ** (30 - length) for length in code.LENGTHS) == 2**30


def test_a_string_may_end_behind_a_symbol_or_ones() -> None:
    assert len(code.NEXT) == len(code.SYMBOL) == len(code.FLAGS) == 256 << 4
    assert code.FLAGS[0b1111] & code.ENDS
    assert not code.FLAGS[0b1110] & code.ENDS
