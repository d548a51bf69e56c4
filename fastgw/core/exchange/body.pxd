cimport cython

from fastgw.wire.chunked cimport ChunkReader
from fastgw.wire.messages cimport Request


cdef class RequestBody:
    cdef public bint is_done
    cdef public long long received
    cdef public long long left
    cdef public Py_ssize_t end
    cdef public list pending
    cdef public Py_ssize_t held
    cdef public double since
    cdef public double wait_until
    cdef long long _before
    cdef ChunkReader _chunks
    cpdef reset(self)
    cpdef begin(self, Request request, object limits, object dropped=*)
    @cython.locals(chunks=ChunkReader, size=Py_ssize_t)
    cpdef bytes feed(self, bytes data)
    cpdef refuse(self)
    cpdef mark(self, double now)
    cpdef double rate(self, double now) except? -1
    cpdef keep(self, bytes out)
    cpdef bytes take(self)
