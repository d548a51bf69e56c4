"""The plain code by the examples of RFC 7541 appendix C; ``test__huffman_py`` tries it beside the compiled one."""

from __future__ import annotations

import pytest

from fastgw.wire.http2 import _huffman_py as code


@pytest.mark.parametrize(
    ("text", "coded"),
    [
        (b"www.example.com", "f1e3c2e5f23a6ba0ab90f4ff"),
        (b"no-cache", "a8eb10649cbf"),
        (b"custom-value", "25a849e95bb8e8b4bf"),
        (b"Mon, 21 Oct 2013 20:13:21 GMT", "d07abe941054d444a8200595040b8166e082a62d1bff"),
    ],
)
def test_the_examples_of_the_rfc(text: bytes, coded: str) -> None:
    assert code.encoded(text).hex() == coded
    assert code.decoded(bytes.fromhex(coded), 0, len(coded) // 2) == text
