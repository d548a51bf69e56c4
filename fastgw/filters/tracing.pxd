cimport cython

from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.plane cimport Plane
from fastgw.filters._trace_ids cimport TraceIds as Ids
from fastgw.filters.trace cimport Trace as Traced
from fastgw.wire cimport _lines as field_lines
from fastgw.wire.messages cimport Request, Response


cdef class Tracing:
    cdef public str name
    cdef public bint traces
    cdef object _exemplars
    cdef Ids _ids
    cdef object _buffer
    cdef Plane _plane
    cdef bint _trusts_all
    cdef bint _trusts_some
    @cython.locals(request=Request)
    cpdef request(self, Exchange exchange)
    @cython.locals(request=Request)
    cdef _take_up(self, Exchange exchange)
    @cython.locals(request=Request, extra=bytes)
    cdef _begin(self, Exchange exchange, tuple links)
    @cython.locals(trace=Traced)
    cpdef on_ask(self, Exchange exchange)
    @cython.locals(trace=Traced)
    cpdef on_carrier(self, Exchange exchange)
    @cython.locals(trace=Traced)
    cpdef on_answer(self, Exchange exchange)
    @cython.locals(trace=Traced)
    cpdef on_failure(self, Exchange exchange, object error)
    @cython.locals(trace=Traced, plane=Plane, seconds=double)
    cpdef done(self, Exchange exchange)


cdef Traced _trace_of(Exchange exchange)

@cython.locals(request=Request, response=Response, known=list, is_failed=bint, status=int, host=str, method=str)
cpdef tuple described(Exchange exchange)

cdef tuple _host_of(str authority)

cdef str _text(bytes value)
