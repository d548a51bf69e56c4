# cython: boundscheck=False, wraparound=False, initializedcheck=False, cdivision=True
"""``Writer`` in C: one buffer, which stays.  See ``_writer_py``.

Strings are looked at eight bytes at once; one that has anything to be escaped is written by orjson.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.mem cimport PyMem_Free, PyMem_Realloc
from libc.stdint cimport uint64_t
from libc.string cimport memcpy

import orjson

from fastgw.filters._writer_py import VALUE_MAX

cdef extern from "Python.h":
    bint PyUnicode_IS_COMPACT_ASCII(object)
    void* PyUnicode_DATA(object)
    Py_ssize_t PyUnicode_GET_LENGTH(object)

cdef enum:
    SMALLEST = 4096
    KEPT = 1 << 18  # bytes of a buffer that is kept when it is taken from; one line may have been much longer

cdef Py_ssize_t MOST = VALUE_MAX
cdef const char* DIGITS = "0123456789ABCDEF"
cdef uint64_t ONES = 0x0101010101010101
cdef uint64_t HIGH = 0x8080808080808080


cdef inline uint64_t _is_special(uint64_t word) noexcept nogil:
    """Not 0 if any of eight bytes is below a space, above ASCII, a quote or a backslash."""
    cdef uint64_t quotes = word ^ (ONES * 0x22)
    cdef uint64_t slashes = word ^ (ONES * 0x5C)
    return (word | (word - ONES * 0x20) | (quotes - ONES) | (slashes - ONES)) & HIGH


cdef inline uint64_t _is_unfit(uint64_t word, uint64_t least) noexcept nogil:
    """Not 0 if any of eight bytes is below ``least``, above "~", a quote or a backslash."""
    cdef uint64_t quotes = word ^ (ONES * 0x22)
    cdef uint64_t slashes = word ^ (ONES * 0x5C)
    return (word | (word - ONES * least) | (word + ONES) | (quotes - ONES) | (slashes - ONES)) & HIGH


cdef class Writer:
    """See ``_writer_py.Writer``."""

    def __cinit__(self):
        self._grow(0)  # there is always a buffer, or nothing would have no place in it

    def __dealloc__(self):
        PyMem_Free(self._data)

    cdef inline char* _more(self, Py_ssize_t count) except NULL:
        """Where the next ``count`` bytes go; there is room for them."""
        if self._size + count > self._room:
            self._grow(count)
        return self._data + self._size

    cdef int _grow(self, Py_ssize_t count) except -1:
        cdef Py_ssize_t room = max(self._room * 2, <Py_ssize_t>SMALLEST)
        cdef void* data
        while room < self._size + count:
            room *= 2
        data = PyMem_Realloc(self._data, room)
        if data == NULL:
            raise MemoryError
        self._data = <char*>data
        self._room = room
        return 0

    cdef bint _plain(self, const char* data, Py_ssize_t count) except -1:
        """Write a string without anything to be escaped; False, and nothing is written: it has such."""
        cdef char* out = self._more(count + 10)
        cdef Py_ssize_t at = 0
        cdef uint64_t word
        out[0] = 34
        out += 1
        while at + 8 <= count:
            memcpy(&word, data + at, 8)
            if _is_special(word):
                return False
            memcpy(out + at, &word, 8)
            at += 8
        if at < count:
            word = ONES * 0x61
            memcpy(&word, data + at, count - at)
            if _is_special(word):
                return False
            memcpy(out + at, &word, 8)
        out[count] = 34
        self._size += count + 2
        return True

    cpdef put(self, bytes raw):
        cdef Py_ssize_t count = PyBytes_GET_SIZE(raw)
        memcpy(self._more(count), PyBytes_AS_STRING(raw), count)
        self._size += count

    cpdef text(self, bytes value):
        if not self._plain(PyBytes_AS_STRING(value), min(PyBytes_GET_SIZE(value), MOST)):
            self.put(orjson.dumps(value[:MOST].decode("latin-1")))

    cpdef string(self, str value):
        if not PyUnicode_IS_COMPACT_ASCII(value) or not self._plain(
            <const char*>PyUnicode_DATA(value), PyUnicode_GET_LENGTH(value)
        ):
            self.put(orjson.dumps(value))

    cpdef escaped(self, bytes value, bint is_bare):
        cdef const char* data = PyBytes_AS_STRING(value)
        cdef Py_ssize_t count = min(PyBytes_GET_SIZE(value), MOST)
        cdef Py_ssize_t at = 0
        cdef char* begin = self._more(count * 4 + 1)
        cdef char* out = begin
        cdef unsigned char byte
        cdef unsigned char least = 0x21 if is_bare else 0x20
        cdef uint64_t word
        while at < count:
            if at + 8 <= count:
                memcpy(&word, data + at, 8)
                if not _is_unfit(word, least):
                    memcpy(out, &word, 8)
                    out += 8
                    at += 8
                    continue
            byte = <unsigned char>data[at]
            at += 1
            if least <= byte < 0x7F and byte != 0x22 and byte != 0x5C:
                out[0] = <char>byte
                out += 1
            else:
                out[0] = 0x5C
                out[1] = 0x78
                out[2] = DIGITS[byte >> 4]
                out[3] = DIGITS[byte & 15]
                out += 4
        if count == 0:
            out[0] = 45
            out += 1
        self._size += out - begin

    cpdef number(self, long long value):
        cdef char digits[24]
        cdef int at = 24
        cdef bint is_negative = value < 0
        cdef uint64_t left = <uint64_t>(-value) if is_negative else <uint64_t>value
        while True:
            at -= 1
            digits[at] = <char>(48 + left % 10)
            left //= 10
            if left == 0:
                break
        if is_negative:
            at -= 1
            digits[at] = 45
        memcpy(self._more(24 - at), digits + at, 24 - at)
        self._size += 24 - at

    cpdef three(self, long long value):
        cdef char* out = self._more(3)
        cdef int last = value % 1000
        out[0] = <char>(48 + last // 100)
        out[1] = <char>(48 + last // 10 % 10)
        out[2] = <char>(48 + last % 10)
        self._size += 3

    cpdef Py_ssize_t size(self) except -1:
        return self._size

    cpdef cut(self, Py_ssize_t size):
        self._size = size

    cpdef bytes take(self):
        cdef bytes data = PyBytes_FromStringAndSize(self._data, self._size)
        self._size = 0
        if self._room > KEPT:
            PyMem_Free(self._data)
            self._data = NULL
            self._room = 0
            self._grow(0)
        return data
