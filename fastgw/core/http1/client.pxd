cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.dataplane cimport DataPlane
from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.exchange.relay cimport Relay
from fastgw.core.http1 cimport heads
from fastgw.core.http1.answers cimport Http1Answers
from fastgw.core.net.connection cimport Connection
from fastgw.core.snapshot.snapshot cimport Listener
from fastgw.wire cimport _scan as scan
from fastgw.wire.chunked cimport ChunkReader
from fastgw.wire.messages cimport Request

# Constants of the module, and those it imports, as C: compared without making an int of what is compared.
cdef int HOLD_PEER, HOLD_PENDING, HOLD_PIPELINE


cdef class Http1Client(Http1Answers):
    cdef public DataPlane plane
    cdef long long _generation
    cdef bint _is_trusted
    cdef bint _is_lingering
    cdef bint _is_advancing
    cdef int _blank_lines
    cdef object _tunnel
    cdef Py_ssize_t _lingered
    cdef Py_ssize_t _stalled_at
    cdef bytes _buffer
    cdef Py_ssize_t _searched
    cdef long long _left
    cdef ChunkReader _chunks
    cpdef on_accepted(self, object transport, int fd, bytes address)
    @cython.locals(listener=Listener)
    cdef _begin(self, bytes address)
    cdef _adopt(self, Listener listener)
    @cython.locals(exchange=Exchange)
    cpdef data_received(self, bytes data)
    @cython.locals(request=Request, listener=Listener)
    cpdef expect_body(self, Exchange exchange)
    cpdef read_body(self)
    @cython.locals(early=bytes)
    cdef bytes _take_early(self)
    @cython.locals(body=RequestBody, chunks=ChunkReader, size=Py_ssize_t, end=Py_ssize_t, out=bytes)
    cdef _read_body(self, Exchange exchange, bytes data)
    cdef _keep(self, bytes data)
    cdef _advance(self)
    @cython.locals(end=Py_ssize_t, exchange=Relay, listener=Listener, data=bytes, head=bytes)
    cdef bint _begin_request(self) except -1
    cdef bytes _skip_blank_lines(self, bytes data)
    cdef _wait_for_head(self, bytes data, Py_ssize_t end)
    cpdef start_tunnel(self, Exchange exchange, object tunnel)
    @cython.locals(exchange=Exchange)
    cpdef on_deadline(self, double now)
    cpdef on_finished(self, bint keep_alive, bint is_request_done)
    cdef _rest(self)
    cdef _linger(self)
    cdef _close_behind_answer(self)
    @cython.locals(exchange=Exchange)
    cdef _settle_end(self)
    @cython.locals(write=double)
    cdef _watch_writing(self)
    cpdef close(self)
