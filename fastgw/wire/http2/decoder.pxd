cimport cython

from fastgw.wire cimport _scan as scan

from fastgw.wire.http2.field cimport Http2Field

cdef int MOST_INDEX
cdef int _UPDATES
cdef int _STATIC
cdef list _static


cdef class FieldDecoder:
    cdef Py_ssize_t _most
    cdef Py_ssize_t _size
    cdef Py_ssize_t _held
    cdef Py_ssize_t _at
    cdef list _entries
    cdef public bint is_too_large
    @cython.locals(found=list, end=Py_ssize_t, left=Py_ssize_t, updates=int, byte=int, is_kept=int, index=int, field=Http2Field, name=bytes)
    cpdef list decode(self, bytes block, Py_ssize_t most)
    @cython.locals(value=Py_ssize_t, shift=int, end=Py_ssize_t, byte=Py_ssize_t)
    cdef Py_ssize_t _number(self, bytes block, int mask) except -1
    @cython.locals(is_coded=int, size=Py_ssize_t, start=Py_ssize_t, stop=Py_ssize_t)
    cdef bytes _string(self, bytes block)
    @cython.locals(place=Py_ssize_t)
    cdef Http2Field _entry(self, Py_ssize_t index)
    cdef int _keep(self, Http2Field field) except -1
    cdef int _resize(self, Py_ssize_t size) except -1
    @cython.locals(count=Py_ssize_t)
    cdef int _evict(self, Py_ssize_t size) except -1
