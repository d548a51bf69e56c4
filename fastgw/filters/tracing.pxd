cimport cython

from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.plane cimport Plane
from fastgw.wire cimport _scan as scan
from fastgw.wire.messages cimport Request


cdef class Tracing:
    cdef public str name
    cdef public bint traces
    cdef object _chance
    cdef object _exemplars
    cdef bytes _pool
    cdef Py_ssize_t _at
    cdef object _buffer
    cdef Plane _plane
    cdef bytes _refuses
    cdef bint _trusts_all
    cdef bint _trusts_some
    @cython.locals(at=Py_ssize_t, found=bytes)
    cdef bytes _digits(self, Py_ssize_t count)
    @cython.locals(request=Request, trace=bytes, head=bytes)
    cpdef request(self, Exchange exchange)
    cpdef bint mind(self, Exchange exchange) except -1
    cpdef on_sent(self, Exchange exchange)
    cpdef on_ask(self, Exchange exchange)
    cpdef on_carrier(self, Exchange exchange)
    cpdef on_answer(self, Exchange exchange)
    cpdef on_failure(self, Exchange exchange, object error)
    cpdef done(self, Exchange exchange)


cdef _trace_of(Exchange exchange)
