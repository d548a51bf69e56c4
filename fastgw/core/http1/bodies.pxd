cimport cython

from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.http1.answers cimport Http1Answers
from fastgw.core.snapshot.snapshot cimport Listener
from fastgw.wire.chunked cimport ChunkReader
from fastgw.wire.messages cimport Request

# Constants of the module, and those it imports, as C: compared without making an int of what is compared.
cdef int HOLD_PIPELINE


cdef class Http1Bodies(Http1Answers):
    cdef bytes _buffer
    cdef long long _left
    cdef ChunkReader _chunks
    cpdef _open(self)
    cpdef bint has_more(self) except -1
    @cython.locals(request=Request, listener=Listener)
    cpdef expect_body(self, Exchange exchange)
    cpdef read_body(self)
    @cython.locals(early=bytes)
    cdef bytes _take_early(self)
    @cython.locals(body=RequestBody, chunks=ChunkReader, size=Py_ssize_t, end=Py_ssize_t, out=bytes)
    cdef _read_body(self, Exchange exchange, bytes data)
    cdef _keep(self, bytes data)
