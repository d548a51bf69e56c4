cimport cython

from fastgw.wire cimport _scan as scan
from fastgw.wire.http2 cimport _octets as octets

cdef int _STATIC
cdef int OVERHEAD
cdef int ENTRY_MOST
cdef Py_ssize_t REMEMBERED_MOST
cdef int _INDEXED
cdef list _SIZES
cdef list _indexed
cdef dict _statuses
cdef dict _names

cpdef bytes number(int first, int mask, Py_ssize_t value)
cpdef bytes string(bytes text)
@cython.locals(size=Py_ssize_t)
cpdef bytes plain_string(bytes text)


cdef class FieldEncoder:
    cdef Py_ssize_t _size
    cdef Py_ssize_t _held
    cdef list _entries
    cdef dict _known
    cdef Py_ssize_t _count
    cdef bytes _updates
    cdef int _remembered
    cdef dict _blocks
    cpdef int resize(self, Py_ssize_t most) except -1
    @cython.locals(first=bytes)
    cpdef bytes response(self, int status, bytes lines)
    @cython.locals(first=bytes, key=tuple, known=tuple, updates=bytes, before=Py_ssize_t, block=bytes, where=bytes)
    cpdef bytes request(self, bytes method, bytes scheme, bytes authority, bytes path, bytes lines, bytes own=*)
    cpdef bytes trailers(self, bytes lines)
    @cython.locals(known=tuple, before=Py_ssize_t, block=bytes)
    cdef bytes _block(self, bytes first, bytes lines)
    cdef _remember(self, object key, bytes block, Py_ssize_t size)
    @cython.locals(pieces=list, start=Py_ssize_t, stop=Py_ssize_t, end=Py_ssize_t)
    cdef bytes _encoded(self, bytes lines)
    @cython.locals(before=Py_ssize_t, index=Py_ssize_t, colon=Py_ssize_t, name=bytes, value=bytes, known=tuple, passing=bytes, kept=bytes, size=Py_ssize_t)
    cdef bytes _field(self, bytes line)
    @cython.locals(count=Py_ssize_t, line=bytes, held=Py_ssize_t)
    cdef int _evict(self, Py_ssize_t size) except -1
