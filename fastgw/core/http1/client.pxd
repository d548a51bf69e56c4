cimport cython

from fastgw.core cimport _counters as counters
from fastgw.core.dataplane cimport DataPlane
from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.exchange.relay cimport Relay
from fastgw.core.http1 cimport heads
from fastgw.core.http1.bodies cimport Http1Bodies
from fastgw.core.net.connection cimport Connection
from fastgw.core.snapshot.snapshot cimport Listener
from fastgw.wire cimport _scan as scan

# Constants of the module, and those it imports, as C: compared without making an int of what is compared.
cdef int HOLD_PEER, HOLD_PENDING, HOLD_PIPELINE


cdef class Http1Client(Http1Bodies):
    cdef public DataPlane plane
    cdef long long _generation
    cdef bint _is_lingering
    cdef bint _is_advancing
    cdef int _blank_lines
    cdef object _tunnel
    cdef Py_ssize_t _lingered
    cdef Py_ssize_t _stalled_at
    cdef Py_ssize_t _searched
    cpdef _open(self)
    cpdef on_accepted(self, object transport, int fd, bytes address)
    @cython.locals(listener=Listener)
    cdef _begin(self, bytes address)
    cdef _adopt(self, Listener listener)
    @cython.locals(exchange=Exchange)
    cpdef data_received(self, bytes data)
    cdef _advance(self)
    @cython.locals(exchange=Exchange, began=double)
    cdef _advance_timed(self)
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
