cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.exchange.ends cimport Carrier, Exchange
from fastgw.core.http1 cimport heads
from fastgw.core.live.pool cimport Pool
from fastgw.core.plane cimport Plane
from fastgw.wire cimport _scan as scan
from fastgw.wire cimport response as answers
from fastgw.wire.chunked cimport ChunkReader
from fastgw.wire.messages cimport Response

# Constants of the module, and those it imports, as C: compared without making an int of what is compared.
cdef int IDLE, HEAD, BODY, TUNNEL, ASIDE, HOLD_PEER, INTERIM_MAX, BODY_CHUNKED, BODY_LENGTH, BODY_NONE, BODY_UNTIL_CLOSE
cdef Py_ssize_t _LARGE, _PART


cdef class Http1Carrier(Carrier):
    cdef public Pool pool
    cdef public bint is_member
    cdef public long long uses
    cdef public double idle_since
    cdef int _state
    cdef bint _is_clean
    cdef bint _is_encoding
    cdef int _spare
    cdef bytes _buffer
    cdef Py_ssize_t _searched
    cdef int _interim
    cdef int _kind
    cdef long long _left
    cdef ChunkReader _chunks
    @cython.locals(base=Py_ssize_t, plane=Plane, head=bytes, body=RequestBody, part=bytes)
    cpdef carry(self, Exchange exchange)
    cpdef send_body(self, bytes data, bint is_last)
    @cython.locals(exchange=Exchange)
    cpdef leave(self)
    @cython.locals(exchange=Exchange)
    cpdef let_go(self, bint is_request_done)
    cpdef bint is_between_chunks(self)
    cpdef long long chunk_data(self)
    @cython.locals(exchange=Exchange)
    cpdef set_aside(self)
    @cython.locals(size=Py_ssize_t, chunks=ChunkReader, is_whole=bint)
    cdef _end_aside(self, bytes data, Py_ssize_t at)
    @cython.locals(exchange=Exchange)
    cpdef data_received(self, bytes data)
    @cython.locals(plane=Plane, serial="long long", overhead=double, began=double)
    cdef _receive_timed(self, Exchange exchange, bytes data)
    @cython.locals(at=Py_ssize_t, end=Py_ssize_t, head_size=Py_ssize_t, response=Response, head=bytes)
    cdef _read_head(self, Exchange exchange, bytes data)
    @cython.locals(owner=Exchange, response=Response, kind=int)
    cdef _begin_body(self, Exchange exchange, bytes data, Py_ssize_t at)
    @cython.locals(kind=int, size=Py_ssize_t, left="long long", stop=Py_ssize_t)
    cdef _read_body(self, Exchange exchange, bytes data, Py_ssize_t at)
    @cython.locals(chunks=ChunkReader, before="long long")
    cdef _read_chunks(self, Exchange exchange, bytes data, Py_ssize_t at)
    cdef _ended(self, bint clean, object error)
