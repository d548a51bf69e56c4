cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.net.connection cimport Connection
from fastgw.core.dataplane cimport DataPlane
from fastgw.core.exchange.relay cimport Exchange
from fastgw.core.snapshot.snapshot cimport Listener
from fastgw.wire cimport _scan as scan


cdef class Downstream(Connection):
    cdef public DataPlane plane
    cdef public Listener listener
    cdef long long _generation
    cdef public bytes address
    cdef public bytes forwarded
    cdef public bytes identity
    cdef public Exchange exchange
    cdef bint _is_trusted
    cdef bint _is_lingering
    cdef object _tunnel
    cdef public Py_ssize_t lingered
    cdef Py_ssize_t _stalled_at
    cdef bint _is_advancing
    cdef bytes _buffer
    cdef Py_ssize_t _searched
    cdef int _blank_lines
    @cython.locals(exchange=Exchange)
    cpdef data_received(self, bytes data)
    cpdef bytes take_body(self)
    cpdef keep(self, bytes data)
    cdef _advance(self)
    @cython.locals(end=Py_ssize_t, exchange=Exchange, listener=Listener, data=bytes, head=bytes, rest=bytes)
    cdef bint _begin_request(self) except -1
    cdef bytes _skip_blank_lines(self, bytes data)
    cdef _wait_for_head(self, bytes data, Py_ssize_t end)
    cpdef on_finished(self, bint keep_alive, bint is_request_done)
    cpdef cut(self, bint framed)
    cdef _rest(self)
    cdef _linger(self)
    cdef _close_behind_answer(self)
    @cython.locals(exchange=Exchange)
    cdef _settle_end(self)
    cdef _watch_writing(self)
