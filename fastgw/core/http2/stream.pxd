cimport cython

from fastgw.core.exchange.body cimport RequestBody
from fastgw.core.exchange.ends cimport Client, Exchange
from fastgw.core.http2.link cimport Http2Link, put_early
from fastgw.wire.http2 cimport frames
from fastgw.wire.messages cimport Request, Response

# Constants, as C.
cdef int HOLD_PEER, HOLD_PENDING
cdef Py_ssize_t _HALF


cdef class Http2Stream(Client):
    cdef public object connection
    cdef public Http2Link _link
    cdef public long id
    cdef public long long window
    cdef public bint is_remote_done
    cdef public bint is_local_done
    cdef long long _announced
    cdef long long _received
    cdef Py_ssize_t _credit
    cdef list _early
    cdef bytes _fields
    cdef list _queue
    cdef bint _is_end_queued
    cdef int _status
    cdef bytes _trailers
    cdef public long long sent
    cdef public long long stalled_at
    cdef public double stalled_since
    cpdef _open(self)
    @cython.locals(request=Request)
    cpdef begin(self, Exchange exchange, bint is_last)
    @cython.locals(announced="long long")
    cpdef on_data(self, bytes payload, Py_ssize_t size, bint is_last)
    @cython.locals(exchange=Exchange, body=RequestBody)
    cdef _hand_on(self, bytes payload)
    cdef _take(self, Py_ssize_t size)
    cpdef read_body(self)
    cpdef hold(self, int bit)
    cpdef _hand_on_early(self)
    cpdef begin_soon(self)
    cpdef _begin_late(self)
    cpdef release(self, int bit)
    cpdef bint takes_trailers(self, Exchange exchange) except -1
    cpdef send_interim(self, Exchange exchange)
    @cython.locals(response=Response, fields=bytes)
    cpdef send_head(self, Exchange exchange)
    cpdef send_body(self, bytes data)
    @cython.locals(exchange=Exchange)
    cpdef send_last(self, bytes data)
    cpdef Py_ssize_t send_reply(self, Exchange exchange, object reply) except -1
    cpdef refuse(self, int status, bytes lines, bytes body, bint is_last)
    @cython.locals(fields=bytes)
    cdef _send_fields(self, bint is_last)
    cdef _put_head(self, int status, bytes lines, bint is_last)
    cdef _send_data(self, bytes data, bint is_last)
    @cython.locals(link=Http2Link, sent="long long")
    cdef bytes _send_now(self, bytes data, bint is_last)
    cdef _pause(self)
    @cython.locals(exchange=Exchange)
    cdef _hold_service(self)
    cpdef widen(self, long long size)
    cpdef go_on(self)
    cpdef pause(self)
    cdef _end_half(self)
    cpdef cut(self, Exchange exchange)
    cpdef on_finished(self, bint keep_alive, bint is_request_done)
    cpdef on_reset(self)
    cpdef close(self)
    cpdef abort(self)
    cpdef write(self, bytes data)
    cpdef on_deadline(self, double now)
