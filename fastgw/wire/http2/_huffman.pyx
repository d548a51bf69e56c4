# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""Huffman coding of HPACK in C: the same functions as ``_huffman_py``."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint32_t, uint64_t
from libc.stdlib cimport free, malloc

from fastgw.wire.http2.errors import COMPRESSION_ERROR, Http2Error
from fastgw.wire.http2 import huffman_code

cdef bytes _kept_next = huffman_code.NEXT
cdef bytes _kept_symbol = huffman_code.SYMBOL
cdef bytes _kept_flags = huffman_code.FLAGS
cdef const unsigned char* NEXT = <const unsigned char*>PyBytes_AS_STRING(_kept_next)
cdef const unsigned char* SYMBOL = <const unsigned char*>PyBytes_AS_STRING(_kept_symbol)
cdef const unsigned char* FLAGS = <const unsigned char*>PyBytes_AS_STRING(_kept_flags)
cdef uint32_t CODES[256]
cdef unsigned char LENGTHS[256]
cdef int _symbol
for _symbol in range(256):
    CODES[_symbol] = huffman_code.CODES[_symbol]
    LENGTHS[_symbol] = huffman_code.LENGTHS[_symbol]

cdef enum:
    EMITS = 1
    FAILS = 2
    ENDS = 4


cpdef bytes decoded(bytes data, Py_ssize_t start, Py_ssize_t stop):
    """See ``_huffman_py``."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(data)
    if start < 0 or stop > size or start > stop:
        raise IndexError("outside of the data")
    cdef const unsigned char* at = <const unsigned char*>PyBytes_AS_STRING(data) + start
    cdef const unsigned char* end = <const unsigned char*>PyBytes_AS_STRING(data) + stop
    # The shortest code has five bits.
    cdef unsigned char small[512]
    cdef unsigned char* found = small
    cdef Py_ssize_t count = 0
    cdef Py_ssize_t most = ((stop - start) * 8) // 5 + 1
    cdef int place
    cdef unsigned char state = 0
    cdef unsigned char flags = ENDS
    cdef unsigned char byte
    if most > 512:
        found = <unsigned char*>malloc(most)
        if found == NULL:
            raise MemoryError
    try:
        while at < end:
            byte = at[0]
            at += 1
            place = state << 4 | byte >> 4
            flags = FLAGS[place]
            if flags & EMITS:
                found[count] = SYMBOL[place]
                count += 1
            if not flags & FAILS:
                place = NEXT[place] << 4 | byte & 15
                flags = FLAGS[place]
                if flags & EMITS:
                    found[count] = SYMBOL[place]
                    count += 1
            if flags & FAILS:
                raise Http2Error(COMPRESSION_ERROR, "EOS stands in a string of Huffman's code")
            state = NEXT[place]
        if not flags & ENDS:
            raise Http2Error(COMPRESSION_ERROR, "a string of Huffman's code ends in the middle of a code")
        return PyBytes_FromStringAndSize(<char*>found, count)
    finally:
        if found != small:
            free(found)


cpdef Py_ssize_t encoded_size(bytes text):
    """See ``_huffman_py``."""
    cdef const unsigned char* at = <const unsigned char*>PyBytes_AS_STRING(text)
    cdef const unsigned char* end = at + PyBytes_GET_SIZE(text)
    cdef Py_ssize_t bits = 0
    while at < end:
        bits += LENGTHS[at[0]]
        at += 1
    return (bits + 7) >> 3


cpdef bytes encoded(bytes text):
    """See ``_huffman_py``."""
    cdef const unsigned char* at = <const unsigned char*>PyBytes_AS_STRING(text)
    cdef const unsigned char* end = at + PyBytes_GET_SIZE(text)
    cdef bytes found = PyBytes_FromStringAndSize(NULL, encoded_size(text))
    cdef unsigned char* to = <unsigned char*>PyBytes_AS_STRING(found)
    cdef uint64_t held = 0
    cdef int size = 0
    while at < end:
        held = held << LENGTHS[at[0]] | CODES[at[0]]
        size += LENGTHS[at[0]]
        at += 1
        while size >= 8:
            size -= 8
            to[0] = held >> size & 255
            to += 1
    if size:
        to[0] = (held << (8 - size) | 255 >> size) & 255
    return found
