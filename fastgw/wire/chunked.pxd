cimport cython

from fastgw.wire cimport _scan as scan

# Constants of the module, and those it imports, as C: compared without making an int of what is compared.
cdef int _SIZE, _DATA, _DATA_END, _TRAILER, _DONE, _CR, _LF


cdef class ChunkReader:
    cdef public bint done
    cdef public Py_ssize_t end
    cdef public long long payload
    cdef public bytes trailers
    cdef int _state
    cdef long long _left
    cdef bytes _line
    cdef long long _excess
    cdef Py_ssize_t _budget
    cdef Py_ssize_t _count
    cdef bint _decode
    cdef object _dropped
    @cython.locals(at=Py_ssize_t, size=Py_ssize_t, mark=Py_ssize_t, began=Py_ssize_t, take="long long", plain="long long", out=list, whole=bytes)
    cpdef bytes feed(self, bytes data, Py_ssize_t start)
    cpdef bint is_between(self)
    @cython.locals(plain="long long", at=Py_ssize_t, stop=Py_ssize_t)
    cdef bytes _one(self, bytes data, Py_ssize_t start)
    @cython.locals(take=Py_ssize_t)
    cdef Py_ssize_t _data_end(self, bytes data, Py_ssize_t at) except -1
    cdef _line_at(self, bytes data, Py_ssize_t at)
    cdef bytes _chunk_line(self, bytes line)
    @cython.locals(excess="long long")
    cdef _begin_chunk(self, long long size, Py_ssize_t line_size)
    cdef bytes _trailer_line(self, bytes line)
