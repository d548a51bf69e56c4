cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.exchange.ends cimport Carrier, Exchange
from fastgw.core.http1 cimport heads
from fastgw.core.http2.link cimport Http2Link, put_early
from fastgw.core.net.connection cimport Connection
from fastgw.core.plane cimport Plane
from fastgw.wire cimport response as answers
from fastgw.wire.http2 cimport frames
from fastgw.wire.http2.sections cimport read_response, read_trailers
from fastgw.wire.chunked cimport ChunkReader
from fastgw.wire.messages cimport Request, Response

# Constants, as C.
cdef int HOLD_PEER, INTERIM_MAX, DATA, CANCEL, BODY_LENGTH, BODY_NONE
cdef Py_ssize_t _HALF, KEPT_MOST


cdef class Bearing(Connection):
    cdef public Plane plane
    cpdef long begin(self, Http2Carrier stream) except -1
    cpdef forget(self, Http2Carrier stream, int code)


cdef class Http2Carrier(Carrier):
    cdef public Bearing connection
    cdef public Http2Link link
    cdef public long id
    cdef public long long window
    cdef public bint is_local_done
    cdef public bint is_remote_done
    cdef list _queue
    cdef bint _is_end_queued
    cdef bytes _trailers
    cdef ChunkReader _chunks
    cdef public bytes _kept
    cdef bint _has_head
    cdef int _interim
    cdef long long _left
    cdef list _early
    cdef Py_ssize_t _credit
    @cython.locals(plane=Plane, base=Py_ssize_t, request=Request, body=RequestBody, link=Http2Link, scheme=bytes, authority=bytes, block=bytes, held=bytes, is_all=bint)
    cpdef carry(self, Exchange exchange)
    cpdef send_body(self, bytes data, bint is_last)
    cpdef _send(self, bytes data, bint is_last)
    @cython.locals(link=Http2Link, queue=list, data=bytes, ends=bint, sent="long long", connection=Bearing)
    cdef _flush(self)
    cpdef pause(self)
    cpdef widen(self, long long size)
    cpdef go_on(self)
    cpdef Py_ssize_t head_most(self) except -1
    @cython.locals(exchange=Exchange, response=Response, head=bytes)
    cpdef on_fields(self, list fields, bint is_last)
    @cython.locals(response=Response, kind=int, owner=Exchange)
    cdef _on_head(self, Exchange exchange, bint is_last)
    cdef _on_trailers(self, Exchange exchange, list fields, bint is_last)
    cpdef on_data(self, bytes payload, Py_ssize_t size, bint is_last)
    @cython.locals(exchange=Exchange, size=Py_ssize_t)
    cdef _hand_on(self, bytes payload)
    cpdef hold(self, int bit)
    cpdef release(self, int bit)
    cpdef _hand_on_early(self)
    @cython.locals(exchange=Exchange)
    cpdef leave(self)
    @cython.locals(exchange=Exchange)
    cpdef let_go(self, bint is_request_done)
    cpdef close(self)
    cpdef abort(self)
    cdef Exchange _ended(self)
