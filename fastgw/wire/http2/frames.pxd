cimport cython

from fastgw.wire cimport _scan as scan
from fastgw.wire.http2 cimport _octets as octets

# Constants of the module as C.
cdef int DATA
cdef int HEADERS
cdef int PRIORITY
cdef int WINDOW_UPDATE
cdef int PING
cdef int RST_STREAM
cdef int SETTINGS
cdef int GOAWAY
cdef int CONTINUATION
cdef int NONE
cdef int ACK
cdef int END_STREAM
cdef int END_HEADERS
cdef int PADDED
cdef int PRIORITIZED
cdef Py_ssize_t FRAME_MOST, SMALL
cdef int CONTINUATIONS_MOST
cdef int HEAD_SIZE


cdef class FrameReader:
    cdef bytes _data
    cdef Py_ssize_t _at
    cdef list _block
    cdef int _block_flags
    cdef long _block_stream
    cdef Py_ssize_t _block_most
    cdef int _continued
    cdef public int flags
    cdef public long stream
    cdef public bytes payload
    cdef public Py_ssize_t size
    cpdef feed(self, bytes data)
    @cython.locals(data=bytes, at=Py_ssize_t, size=Py_ssize_t, number=long)
    cpdef bint is_next(self, int kind, long stream) except -1
    @cython.locals(data=bytes, at=Py_ssize_t, size=Py_ssize_t, kind=int)
    cpdef int read(self) except -2
    cdef _check_dependency(self, bytes data)
    @cython.locals(data=bytes, at=Py_ssize_t, total=Py_ssize_t, size=Py_ssize_t, stop=Py_ssize_t, flags=int, number=long, pieces=list)
    cdef _gather(self)
    @cython.locals(of_connection=bint, right=Py_ssize_t)
    cdef _check(self, int kind, Py_ssize_t size)
    @cython.locals(payload=bytes, start=Py_ssize_t)
    cdef _unpad(self, Py_ssize_t behind)
    @cython.locals(behind=Py_ssize_t, at=Py_ssize_t)
    cdef bint _begin_block(self) except -1
    cdef bint _continue(self, int kind) except -1


cpdef bytes frame(int kind, int flags, long stream, bytes payload)
@cython.locals(flags=int, at=Py_ssize_t, found=bytes)
cpdef bytes headers(long stream, bytes block, bint is_last, Py_ssize_t most=*)
cpdef bytes data_head(long stream, Py_ssize_t size, bint is_last)
