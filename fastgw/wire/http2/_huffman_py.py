"""Huffman coding of HPACK in plain Python (see ``huffman``)."""

from __future__ import annotations

from fastgw.wire.http2.errors import COMPRESSION_ERROR, Http2Error
from fastgw.wire.http2.huffman_code import CODES, EMITS, ENDS, FAILS, FLAGS, LENGTHS, NEXT, SYMBOL


def decoded(data: bytes, start: int, stop: int) -> bytes:
    """The text that ``data[start:stop]`` is the code of.

    Raises:
        Http2Error: COMPRESSION_ERROR: EOS is in it, or it ends in more than seven bits, or others than 1, that are no code (RFC 7541
            section 5.2).
    """
    found = bytearray()
    state, flags = 0, ENDS
    for byte in data[start:stop]:
        for bits in (byte >> 4, byte & 15):
            at = state << 4 | bits
            flags = FLAGS[at]
            if flags & FAILS:
                raise Http2Error(COMPRESSION_ERROR, "EOS stands in a string of Huffman's code")
            if flags & EMITS:
                found.append(SYMBOL[at])
            state = NEXT[at]
    if not flags & ENDS:
        raise Http2Error(COMPRESSION_ERROR, "a string of Huffman's code ends in the middle of a code")
    return bytes(found)


def encoded(text: bytes) -> bytes:
    """The code of ``text``, filled up with ones."""
    found = bytearray()
    held = size = 0
    for byte in text:
        held = held << LENGTHS[byte] | CODES[byte]
        size += LENGTHS[byte]
        while size >= 8:
            size -= 8
            found.append(held >> size & 255)
        held &= (1 << size) - 1
    if size:
        found.append((held << 8 - size | 255 >> size) & 255)
    return bytes(found)


def encoded_size(text: bytes) -> int:
    """Bytes of the code of ``text``."""
    return (sum(map(LENGTHS.__getitem__, text)) + 7) >> 3
