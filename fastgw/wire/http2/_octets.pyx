# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""The byte work of frames and fields in C: the same functions as ``_octets_py``."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memchr, memcpy

from fastgw.wire.fields import LINE_BYTES

cdef bint IS_OF_LINE[256]
cdef int _byte
for _byte in range(256):
    IS_OF_LINE[_byte] = _byte in LINE_BYTES


cdef void put_head(unsigned char* at, int kind, int flags, long stream, Py_ssize_t size) noexcept:
    at[0] = size >> 16 & 255
    at[1] = size >> 8 & 255
    at[2] = size & 255
    at[3] = kind
    at[4] = flags
    at[5] = stream >> 24 & 255
    at[6] = stream >> 16 & 255
    at[7] = stream >> 8 & 255
    at[8] = stream & 255


cpdef bytes frame_head(int kind, int flags, long stream, Py_ssize_t size):
    """See ``_octets_py``."""
    cdef bytes made = PyBytes_FromStringAndSize(NULL, 9)
    put_head(<unsigned char*> PyBytes_AS_STRING(made), kind, flags, stream, size)
    return made


cpdef bytes frame(int kind, int flags, long stream, bytes payload):
    """See ``_octets_py``."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(payload)
    cdef bytes made = PyBytes_FromStringAndSize(NULL, 9 + size)
    cdef unsigned char* at = <unsigned char*> PyBytes_AS_STRING(made)
    put_head(at, kind, flags, stream, size)
    memcpy(at + 9, PyBytes_AS_STRING(payload), size)
    return made


cpdef Py_ssize_t line_end(bytes lines, Py_ssize_t start) noexcept:
    """See ``_octets_py``."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(lines)
    cdef const char* text = PyBytes_AS_STRING(lines)
    cdef const char* at = text + start
    cdef const char* end = text + size
    while at < end:
        at = <const char*> memchr(at, c"\r", end - at)
        if at == NULL or at + 1 >= end:
            return size
        if at[1] == c"\n":
            return at - text
        at += 1
    return size


cpdef Py_ssize_t find_colon(bytes line) noexcept:
    """See ``_octets_py``."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(line)
    cdef const char* text = PyBytes_AS_STRING(line)
    cdef const char* at
    if size < 2:
        return -1
    at = <const char*> memchr(text + 1, c":", size - 1)
    return -1 if at == NULL else at - text


cpdef bytes literal(bytes first, bytes line, Py_ssize_t start):
    """See ``_octets_py``."""
    cdef const char* at = PyBytes_AS_STRING(line) + start
    cdef const char* end = PyBytes_AS_STRING(line) + PyBytes_GET_SIZE(line)
    cdef Py_ssize_t begin = PyBytes_GET_SIZE(first)
    cdef Py_ssize_t size, rest
    cdef unsigned char digits[10]
    cdef int count = 1
    cdef bytes made
    cdef char* to
    if start < 0 or at > end:
        raise IndexError("literal: not a part of the line")
    while at < end and (at[0] == c" " or at[0] == c"\t"):
        at += 1
    while end > at and ((end - 1)[0] == c" " or (end - 1)[0] == c"\t"):
        end -= 1
    size = end - at
    if size < 127:
        digits[0] = size
    else:
        digits[0] = 127
        rest = size - 127
        while rest > 127:
            digits[count] = rest & 127 | 128
            count += 1
            rest >>= 7
        digits[count] = rest
        count += 1
    made = PyBytes_FromStringAndSize(NULL, begin + count + size)
    to = PyBytes_AS_STRING(made)
    memcpy(to, PyBytes_AS_STRING(first), begin)
    memcpy(to + begin, digits, count)
    memcpy(to + begin + count, at, size)
    return made


cpdef bint is_value(bytes value) noexcept:
    """See ``_octets_py``."""
    cdef Py_ssize_t size = PyBytes_GET_SIZE(value)
    cdef const unsigned char* text = <const unsigned char*> PyBytes_AS_STRING(value)
    cdef Py_ssize_t at
    if not size:
        return True
    for at in range(size):
        if not IS_OF_LINE[text[at]]:
            return False
    return not (text[0] == c" " or text[0] == c"\t" or text[size - 1] == c" " or text[size - 1] == c"\t")
