# cython: boundscheck=False, wraparound=False, initializedcheck=False
"""``TraceIds`` in C: digits are written where they are needed.  See ``_trace_ids_py``."""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.string cimport memcmp, memcpy

from fastgw.filters import _trace_ids_py

cdef enum:
    TRACE = 16  # bytes of an id
    SPAN = 8
    RANDOM = 7  # of a trace, at its end, that chance is in

cdef Py_ssize_t POOL = _trace_ids_py.POOL
cdef const char* DIGITS = "0123456789abcdef"
cdef const char* FRONT = "traceparent: 00-"
cdef const char* BEHIND = "-02\r\n"


cdef inline char* _write(char* out, const unsigned char* found, Py_ssize_t count) noexcept:
    """Two digits for each of ``count`` bytes, which are not all zeros then; where they end."""
    cdef unsigned char seen = 0
    cdef Py_ssize_t at
    for at in range(count):
        seen |= found[at]
        out[2 * at] = DIGITS[found[at] >> 4]
        out[2 * at + 1] = DIGITS[found[at] & 15]
    out += 2 * count
    if not seen:
        out[-1] = 49  # "1"
    return out


cdef class TraceIds:
    """See ``_trace_ids_py.TraceIds``."""

    def __init__(self, double sample, chance):
        self._least = _trace_ids_py.least(sample)
        self._chance = chance
        self._pool = b""
        self._at = 0

    cdef const unsigned char* _take(self, Py_ssize_t count) except NULL:
        """Where the next ``count`` random bytes are."""
        cdef Py_ssize_t at = self._at
        if at + count > PyBytes_GET_SIZE(self._pool):
            self._pool = self._chance(POOL)
            if PyBytes_GET_SIZE(self._pool) < count:
                raise ValueError("chance gave too little")
            at = 0
        self._at = at + count
        return <const unsigned char*>PyBytes_AS_STRING(self._pool) + at

    cpdef bytes span(self):
        """See ``_trace_ids_py``."""
        cdef const unsigned char* found = self._take(SPAN)
        cdef bytes made = PyBytes_FromStringAndSize(NULL, 2 * SPAN)
        _write(PyBytes_AS_STRING(made), found, SPAN)
        return made

    cpdef bytes trace(self):
        """See ``_trace_ids_py``."""
        cdef const unsigned char* found = self._take(TRACE)
        cdef bytes made = PyBytes_FromStringAndSize(NULL, 2 * TRACE)
        _write(PyBytes_AS_STRING(made), found, TRACE)
        return made

    cpdef bytes unrecorded(self, bytes lines):
        """See ``_trace_ids_py``."""
        cdef const unsigned char* found = self._take(TRACE + SPAN)
        cdef Py_ssize_t size = PyBytes_GET_SIZE(lines)
        cdef bytes made
        cdef char* out
        if memcmp(found + TRACE - RANDOM, PyBytes_AS_STRING(self._least), RANDOM) >= 0 and PyBytes_GET_SIZE(self._least) == RANDOM:
            self._at -= TRACE + SPAN
            return None
        made = PyBytes_FromStringAndSize(NULL, size + 16 + 2 * TRACE + 1 + 2 * SPAN + 5)
        out = PyBytes_AS_STRING(made)
        memcpy(out, PyBytes_AS_STRING(lines), size)
        memcpy(out + size, FRONT, 16)
        out = _write(out + size + 16, found, TRACE)
        out[0] = 45  # "-"
        out = _write(out + 1, found + TRACE, SPAN)
        memcpy(out, BEHIND, 5)
        return made
