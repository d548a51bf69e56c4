cimport cython


cdef class StreamEvent:
    cdef readonly bytes block
    cdef readonly Py_ssize_t end
    cdef readonly bytes kind
    cdef readonly list ranges
    cdef readonly Py_ssize_t start


cdef class BlockReader:
    cdef public Py_ssize_t begin
    cpdef bytes feed(self, bytes data)
    cpdef bytes finish(self)


cdef class EventReader(BlockReader):
    cdef Py_ssize_t _event_max
    cdef bint _is_between
    cdef bint _is_inside
    cdef bint _is_new
    cdef bytes _last
    cdef bytearray _rest
    @cython.locals(block=bytes)
    cpdef bytes feed(self, bytes data)
    cpdef bytes finish(self)
    @cython.locals(end=Py_ssize_t, known=Py_ssize_t)
    cdef bytes _cut(self, bytes data, Py_ssize_t start)
    @cython.locals(begin=Py_ssize_t)
    cdef bytes _leave(self, bytes data)


@cython.locals(end=Py_ssize_t)
cdef Py_ssize_t _last_end(object data, Py_ssize_t start) except -1
