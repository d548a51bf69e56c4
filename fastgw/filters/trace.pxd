cimport cython

from fastgw.core.exchange.ends cimport Exchange
from fastgw.core.live.endpoint cimport Endpoint
from fastgw.filters._trace_ids cimport TraceIds as Ids
from fastgw.wire.messages cimport Request


cdef class _Try:
    cdef public object address
    cdef public str asked
    cdef public double began
    cdef public Exchange exchange
    cdef public double headed
    cdef public bytes id
    cdef public int number
    cdef public str scheme
    cdef public str service
    cdef public int status
    cdef public double waited


cdef class Trace:
    cdef public bytes id
    cdef public bytes parent
    cdef public int flags
    cdef public bytes state
    cdef public bytes span
    cdef public tuple links
    cdef int _asked
    cdef double _began
    cdef object _clock
    cdef double _free
    cdef Ids _ids
    cdef double _shift
    cdef list _spans
    cdef list _tries
    cdef tuple _waiting
    @cython.locals(one=_Try, now=double)
    cpdef ask(self, Exchange exchange)
    @cython.locals(one=_Try)
    cpdef carry(self, Exchange exchange)
    @cython.locals(one=_Try)
    cpdef answer(self, Exchange exchange)
    @cython.locals(one=_Try)
    cpdef fail(self, Exchange exchange, error)
    @cython.locals(one=_Try)
    cdef _Try _found(self, Exchange exchange)
    @cython.locals(request=Request, method=str, attributes=list)
    cdef _end(self, _Try one, double now, error=*)
    @cython.locals(start=double)
    cdef _end_waiting(self)
    cdef _hook_was(self, str name, str kind, double start)
    cdef _wait_was(self, str name, bytes above, double start, double end)
    @cython.locals(now=double, one=_Try)
    cpdef tuple finish(self, str name, tuple attributes, error, str kind)
    @cython.locals(began=double, ended=double)
    cdef _add(
        self, str name, int kind, bytes span, bytes above, double start, double end, bint is_failed, str told, tuple attributes,
        tuple links
    )


@cython.locals(request=Request, edited=frozenset, removed=tuple, lines=bytes)
cpdef tell(Exchange exchange, bytes parent, bytes state=*)
